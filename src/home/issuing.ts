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
import { enterFirstRoot } from './roots.ts';

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

/** Of a ledger that was begun beside a PKI: the newest issuing CA that is there whole signs. Null: none but the first. */
function newestIn(folder: string, passphrase: string | undefined): Named | null {
  for (const number of numbersIn(folder).toReversed()) {
    if (number !== firstIssuer && isWhole(folder, passphrase, number)) return { number, root: 1, fingerprint: null };
  }
  return null;
}

function isWhole(folder: string, passphrase: string | undefined, number: number): boolean {
  try {
    openIssuingCa(folder, passphrase, { number, root: 1, fingerprint: null });
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

function enteredFrom(folder: string, passphrase: string | undefined, number: number, now: Instant): Entered {
  const { facts, chain, issuer } = openIssuingCa(folder, passphrase, { number, root: 1, fingerprint: null });
  const { notBefore, notAfter, key } = facts;
  const slot: IssuingSlot = {
    number,
    root: 1,
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
 * that name its key. @param signing the one that signs; older ones that are there whole are taken to be former ones.
 */
async function enterIssuing(
  store: Store,
  folder: string,
  options: { readonly passphrase: string | undefined; readonly signing: number; readonly now: Instant },
): Promise<IssuingSlot[]> {
  const { passphrase, signing, now } = options;
  const older = numbersIn(folder).filter((number) => number < signing && isWhole(folder, passphrase, number));
  const entered = [...older, signing].map((number) => enteredFrom(folder, passphrase, number, now));
  const first = entered.find(({ slot }) => slot.number === firstIssuer);
  await store.transact(async (tx) => {
    for (const { slot } of entered) {
      const { number } = slot;
      await tx.putIssuingSlot(number === signing ? { ...slot, state: 'current', replacedAt: null } : slot);
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
  const signing = signingIn(known) ?? (isNew ? newestIn(folder, passphrase) : null);
  const outcome = purpose === 'make' ? initPki(folder, pkiOptions(options, signing)) : 'present';
  await enterFirstRoot(store, folder, now);
  if (known.length > 0) return { outcome, slots: known };
  return {
    outcome,
    slots: await enterIssuing(store, folder, { passphrase, signing: signing?.number ?? firstIssuer, now }),
  };
}
