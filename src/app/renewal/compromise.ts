// May what a renewal brings be trusted, where a key of its device may be somebody else's? It is asked again at each step of a renewal that
// was opened for a superseded certificate: what tells of the compromise may come after it was opened.
import type { LedgerEntry } from '../../domain/certificate.ts';
import type { Principal } from '../../domain/principal.ts';
import type { Renewal } from '../../domain/renewal.ts';
import { needsNewKey } from '../../domain/rollout.ts';
import type { Reader } from '../../ports/store.ts';
import { campaignOf } from './campaign-of.ts';

interface Reading {
  readonly tx: Reader;
}

/** Why such a renewal is called off. */
export const distrusted = 'a key of this device is not to be trusted';

/**
 * Is this renewal one of a superseded certificate, while the key of that certificate, or of one that has replaced it, is not to be
 * trusted? Then whoever goes on with it may be the thief; the certificate in use is renewed by itself.
 */
export async function isDistrusted(within: Reading, renewal: Renewal, principal: Principal): Promise<boolean> {
  const { tx } = within;
  const old = renewal.oldFingerprint === null ? null : await tx.certificate(renewal.oldFingerprint);
  if (old?.state !== 'superseded') return false;
  for (const each of await tx.unendedRenewals(principal.id)) {
    if (each.oldFingerprint !== old.fingerprint) continue;
    const replacement = each.newFingerprint && (await tx.certificate(each.newFingerprint));
    if (await isCompromised(within, each, principal, [old, replacement])) return true;
  }
  return false;
}

/** Campaigns that are asked, the newest; more than a fleet has in the years that an overlap may last. */
const campaignsMax = 256;

/**
 * Is either key not to be trusted: by a revocation of any certificate over it, by the campaign that brought this renewal, or by one that
 * means keys as old as it, whether it has come to this device or not?
 */
export async function isCompromised(
  { tx }: Reading,
  renewal: Renewal,
  principal: Principal,
  entries: readonly (LedgerEntry | null | '')[],
): Promise<boolean> {
  const campaigns = (await tx.campaigns(campaignsMax)).filter(
    (each) => needsNewKey(each) && matches(each.class, principal.class) && matches(each.site, principal.site),
  );
  const brought = await campaignOf(tx, renewal);
  if (brought && needsNewKey(brought)) return true;
  for (const entry of entries) {
    if (!entry) continue;
    const key = await tx.keyRecord(entry.keyFingerprint);
    if (key.isCompromised) return true;
    const since = key.since ?? entry.issuedAt;
    if (campaigns.some(({ issuedBefore }) => since < issuedBefore)) return true;
  }
  return false;
}

function matches(wanted: string | null, is: string | null): boolean {
  return wanted === null || wanted === is;
}
