// The roots of a home as its ledger knows them. A ledger that knows none yet has the first one; one that was begun beside a PKI has those
// that its files hold.
import { existsSync, readdirSync } from 'node:fs';
import { has, rootPair } from '../authority/files.ts';
import type { Named } from '../authority/issuing-ca.ts';
import { readCertificates, readPair } from '../authority/key-pair.ts';
import { readServerCertificate } from '../authority/server-certificate.ts';
import type { RootState } from '../domain/root-slots.ts';
import type { Instant } from '../domain/time.ts';
import { toSeconds } from '../domain/time.ts';
import { isSignedBy } from '../pki/chain.ts';
import { pemToDer } from '../pki/pem.ts';
import { signStep } from '../pki/trust-step.ts';
import { fingerprintOf } from '../pki/x509.ts';
import type { KeptRoot } from '../ports/root-slots.ts';
import type { Store } from '../ports/store.ts';

const firstRoot = 1;
const numbered = /^root-([1-9]\d{0,5})\.crt$/;

/** The numbers of the roots whose certificates are in the folder, the highest last. */
export function rootNumbersIn(folder: string): number[] {
  if (!existsSync(folder)) return [];
  const found = readdirSync(folder).flatMap((name) => {
    if (name === 'root.crt') return [firstRoot];
    const [, digits] = numbered.exec(name) ?? [];
    return digits === undefined ? [] : [Number(digits)];
  });
  return found.toSorted((a, b) => a - b);
}

const certificateOf = (folder: string, root: number) => readCertificates(folder, `${rootPair(root)}.crt`);

export interface Standing {
  /** The number of the root that the first port shows: it is current. */
  readonly current: number;
  /** The number of one that was made after it and has an issuing CA; null: none. */
  readonly next: number | null;
}

/** The root above the server's certificate of the first port; null: that leads to none of them. */
function shownRoot(folder: string, passphrase: string | undefined, found: readonly Named[]): number | null {
  const server = readServerCertificate(folder, passphrase);
  const [, issuing] = server ? (pemToDer(server.certificatePem, 'CERTIFICATE') ?? []) : [];
  if (!issuing) return null;
  const roots = new Set(found.map(({ root }) => root));
  return [...roots].find((root) => isSignedBy(issuing, certificateOf(folder, root).ders[0])) ?? null;
}

/**
 * Which root is current, by the files alone: the one that the first port shows, so that nobody who connects there is cut off. A root that
 * was current already while the one before it was still shown becomes the next one again.
 * @param found the issuing CAs that are there whole.
 */
export function rootsBy(folder: string, passphrase: string | undefined, found: readonly Named[]): Standing {
  const current = shownRoot(folder, passphrase, found) ?? found[0]?.root ?? firstRoot;
  const later = found.map(({ root }) => root).filter((root) => root > current);
  return { current, next: later.length > 0 ? Math.max(...later) : null };
}

interface Entering extends Standing {
  readonly passphrase: string | undefined;
  /** `mqtt.nextPort`. */
  readonly port: number | null;
  readonly now: Instant;
}

function stateOf(number: number, { current, next }: Standing): RootState {
  if (number === current) return 'current';
  if (number === next) return 'next';
  return number < current ? 'retired' : 'aborted';
}

/** The step in which the present root names the next one, where the present root's key is here to sign it. */
function stepFor(folder: string, { current, next, passphrase, now }: Entering): Uint8Array | undefined {
  if (next === null || !has(folder, `${rootPair(current)}.key`)) return undefined;
  const { key, ders } = readPair(folder, rootPair(current), passphrase);
  const [root] = certificateOf(folder, next).ders;
  const [signer, named] = [fingerprintOf(ders[0]), fingerprintOf(root)];
  return signStep({ kind: 'successor', sequence: toSeconds(now), signer, named, root }, key);
}

/** Enters the roots of the files into a ledger that knows none. Fails with a NolapseError where one cannot be read. */
export async function enterRoots(store: Store, folder: string, entering: Entering): Promise<void> {
  if ((await store.read.rootSlots()).length > 0) return;
  const { now, port, next } = entering;
  const slots = rootNumbersIn(folder).map((number): KeptRoot => {
    const { facts, ders } = certificateOf(folder, number);
    const { notBefore, notAfter } = facts;
    const state = stateOf(number, entering);
    return {
      number,
      state,
      fingerprint: fingerprintOf(ders[0]),
      notBefore,
      notAfter,
      preparedAt: now,
      distributedAt: null,
      activatedAt: state === 'current' ? now : null,
      endedAt: state === 'retired' || state === 'aborted' ? now : null,
      port: number === next ? port : null,
      sequence: number === next ? toSeconds(now) : null,
      backupAt: null,
    };
  });
  const step = stepFor(folder, entering);
  await store.transact(async (tx) => {
    for (const slot of slots) await (slot.number === next ? tx.putRootSlot(slot, step) : tx.putRootSlot(slot));
  });
}
