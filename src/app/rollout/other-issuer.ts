// Which certificates another issuer than the present one has signed. To know it takes a signature that is verified, so a unit of work is
// told what was found out before it.
import { type Fingerprint, isForeign, type LedgerEntry } from '../../domain/certificate.ts';
import type { Principal } from '../../domain/principal.ts';
import { isSignedBy } from '../../pki/chain.ts';
import { DerError } from '../../pki/der-reader.ts';
import type { Reader } from '../../ports/store.ts';
import type { Context } from '../context.ts';
import { heldBy } from '../renewal/held.ts';
import { signingCa } from '../trust.ts';
import type { WithTurns } from '../turns.ts';

/** Did another issuer than the present one sign this certificate? */
export type IsOtherIssuer = (entry: LedgerEntry) => boolean;

export interface WithIssuers {
  readonly isOtherIssuer: IsOtherIssuer;
}

type Trusting = Pick<Context, 'authority'>;

/** Principals whose certificates are verified before others have a turn. */
const togetherMax = 32;

/** A unit of work has met a certificate that nobody verified before it: it is undone, and a later one is told more. */
export class NotVerified extends Error {}

const none = new Uint8Array();

function presentIssuer(app: Trusting): Uint8Array | undefined {
  return signingCa(app).chain[0];
}

function isByOther({ der }: LedgerEntry, issuer: Uint8Array): boolean {
  try {
    return !isSignedBy(der, issuer);
  } catch (error) {
    if (error instanceof DerError) return true;
    throw error;
  }
}

/** Verifies as it is asked: for who only looks, outside of every unit of work. */
export function verifiesIssuer(app: Trusting): IsOtherIssuer {
  return (entry) => {
    const issuer = presentIssuer(app);
    return isForeign(entry) || !issuer || isByOther(entry, issuer);
  };
}

/** Knows only what was found out before. What it is asked of may run again in a unit of work. @throws NotVerified */
export function nobodyVerified(entry: LedgerEntry): boolean {
  if (isForeign(entry)) return true;
  throw new NotVerified(`${entry.serial} was not verified before the unit of work`);
}

/** Verifies what these principals hold now, and answers from that while the present issuer stays the same. */
export async function verifyIssuers(
  app: Trusting & WithTurns,
  read: Reader,
  principals: readonly Principal[],
): Promise<IsOtherIssuer> {
  const issuer = presentIssuer(app);
  if (!issuer) return () => true;
  const found = new Map<Fingerprint, boolean>();
  for (const [index, { id }] of principals.entries()) {
    if (index % togetherMax === 0) await app.turns.take();
    for await (const entry of heldBy(read, id)) {
      if (!isForeign(entry)) found.set(entry.fingerprint, isByOther(entry, issuer));
    }
  }
  return (entry) => {
    // A certificate is its bytes, so what was found out of it stays true. Another issuer is another question.
    const isStill = Buffer.compare(presentIssuer(app) ?? none, issuer) === 0;
    return (isStill ? found.get(entry.fingerprint) : undefined) ?? nobodyVerified(entry);
  };
}
