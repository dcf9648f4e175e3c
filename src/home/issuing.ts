// The issuing CAs of a home as its ledger knows them. A home whose ledger knows none yet, from before there could be several or with a
// new ledger, has those that its files hold.
import { existsSync, readdirSync } from 'node:fs';
import { slotsInUse } from '../app/trust/slots-in-use.ts';
import { type InitOutcome, initPki } from '../authority/init.ts';
import { type Named, openIssuingCa } from '../authority/issuing-ca.ts';
import { NolapseError } from '../domain/errors.ts';
import { firstIssuer, type IssuingSlot } from '../domain/issuing-slots.ts';
import { completeListOf } from '../domain/revocation-list.ts';
import type { Instant } from '../domain/time.ts';
import { authorityKeyIdentifier } from '../pki/extensions.ts';
import { fingerprintOf } from '../pki/x509.ts';
import type { Store } from '../ports/store.ts';
import { hasCa, pkiFolder } from './home-folder.ts';
import { type HomeOptions, pkiOptions } from './options.ts';
import { enterRoots, rootNumbersIn, rootsBy } from './roots.ts';

const numbered = /^issuing-([1-9]\d{0,5})\.crt$/;

/** Which issuing CA signs, by the slots in use; null: the ledger knows none. */
function signingIn(slots: readonly IssuingSlot[]): Named | null {
  const current = slots.find(({ state }) => state === 'current');
  return current ? { ...current, fingerprint: current.certificate?.fingerprint ?? null } : null;
}

/** The numbers of the issuing CAs whose certificates are in the folder, the highest last. */
function numbersIn(folder: string): number[] {
  if (!existsSync(folder)) return [];
  const found = readdirSync(folder).flatMap((name) => {
    if (name === 'issuing.crt') return [firstIssuer];
    const [, digits] = numbered.exec(name) ?? [];
    return digits === undefined ? [] : [Number(digits)];
  });
  return found.toSorted((a, b) => a - b);
}

/** The issuing CAs that are there whole, each below its root, in order of number. */
export function wholeIn(folder: string, passphrase: string | undefined): Named[] {
  const roots = rootNumbersIn(folder);
  return numbersIn(folder).flatMap((number) => {
    const root = roots.find((each) => isWhole(folder, passphrase, { number, root: each, fingerprint: null }));
    return root === undefined ? [] : [{ number, root, fingerprint: null }];
  });
}

function isWhole(folder: string, passphrase: string | undefined, named: Named): boolean {
  try {
    openIssuingCa(folder, passphrase, named);
    return true;
  } catch (error) {
    if (error instanceof NolapseError) return false;
    throw error;
  }
}

interface Entered {
  readonly slot: IssuingSlot;
  /** As its certificates name it. */
  readonly keyId: Uint8Array;
}

function enteredFrom(folder: string, passphrase: string | undefined, named: Named, now: Instant): Entered {
  const { facts, chain, issuer } = openIssuingCa(folder, passphrase, named);
  const { notBefore, notAfter, key } = facts;
  const slot: IssuingSlot = {
    number: named.number,
    root: named.root,
    state: 'former',
    keyFingerprint: key.fingerprint,
    certificate: { fingerprint: fingerprintOf(chain[0]), notBefore, notAfter },
    preparedAt: now,
    activatedAt: now,
    replacedAt: now,
    endedAt: null,
    lastLeafEnd: 0,
  };
  return { slot, keyId: issuer.keyId };
}

/**
 * Enters the issuing CAs of the files into a ledger that knows none, and finds out which of its certificates are the first one's: those
 * that name its key. Below a root that is current or next the newest signs, and is current; all others are taken to be former ones.
 */
async function enterIssuing(
  store: Store,
  folder: string,
  options: { readonly passphrase: string | undefined; readonly found: readonly Named[]; readonly now: Instant },
): Promise<IssuingSlot[]> {
  const { passphrase, found, now } = options;
  const roots = await store.read.rootSlots();
  const signs = ({ number, root }: Named): boolean => {
    const state = roots.find((each) => each.number === root)?.state;
    const isLast = found.findLast((each) => each.root === root)?.number === number;
    return isLast && (state === 'current' || state === 'next');
  };
  const entered = found.map((named) => ({ ...enteredFrom(folder, passphrase, named, now), isCurrent: signs(named) }));
  const first = entered.find(({ slot }) => slot.number === firstIssuer);
  await store.transact(async (tx) => {
    for (const { slot, isCurrent } of entered) {
      const { number } = slot;
      await tx.putIssuingSlot(isCurrent ? { ...slot, state: 'current', replacedAt: null } : slot);
      if (number !== firstIssuer) {
        await tx.openRevocationList({ shard: completeListOf(number), issuer: number, url: null });
      }
    }
    if (first) await tx.settleFirstIssuer(authorityKeyIdentifier(first.keyId));
  });
  return store.read.issuingSlots();
}

/** Nobody depends on a PKI whose files are gone, where the ledger knows no certificate and nothing ever rolled over: another is made. */
async function forgetLost(home: string, store: Store): Promise<void> {
  if (hasCa(home)) return;
  const slots = [...(await store.read.issuingSlots()), ...(await store.read.rootSlots())];
  if (slots.length === 0 || slots.some(({ number }) => number !== firstIssuer)) return;
  const { certificates } = await store.read.counts();
  if (Object.values(certificates).some((count) => count > 0)) return;
  await store.transact((tx) => tx.forgetFirstCas());
}

/** Makes what is missing of the PKI, where that is the purpose, and finds out which issuing CAs there are. */
export async function openPki(
  options: HomeOptions,
  store: Store,
  { purpose, isNew, now }: { purpose: 'make' | 'use'; isNew: boolean; now: Instant },
): Promise<{ outcome: InitOutcome; slots: readonly IssuingSlot[] }> {
  const folder = pkiFolder(options.home);
  const passphrase = options.passphrase ?? undefined;
  if (purpose === 'make') await forgetLost(options.home, store);
  const known = await slotsInUse(store);
  // A ledger from before there could be several knows the first alone.
  const found = known.length === 0 && isNew ? wholeIn(folder, passphrase) : [];
  const standing = rootsBy(folder, passphrase, found);
  const signing = signingIn(known) ?? found.findLast(({ root }) => root === standing.current) ?? null;
  const outcome = purpose === 'make' ? initPki(folder, pkiOptions(options, signing)) : 'present';
  await enterRoots(store, folder, { ...standing, passphrase, port: options.config.mqtt.nextPort, now });
  if (known.length > 0) return { outcome, slots: known };
  const whole: readonly Named[] = found.length > 0 ? found : [{ number: firstIssuer, root: 1, fingerprint: null }];
  await enterIssuing(store, folder, { passphrase, found: whole, now });
  return { outcome, slots: await slotsInUse(store) };
}
