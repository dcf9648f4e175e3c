// What the demo has come to, counted from the ledger: how many renewed, how many lapsed, and whether any was not meant to.

import type { Operations } from '../app/operator/operate.ts';
import type { CertificateView } from '../app/views/certificates.ts';
import type { Principal } from '../domain/principal.ts';
import type { Renewal } from '../domain/renewal.ts';

export interface Tally {
  readonly devices: number;
  readonly connected: number;
  /** Replacements seen in use. */
  readonly renewed: number;
  readonly inOverlap: number;
  readonly lapsedAsMeant: readonly string[];
  readonly lapsed: readonly string[];
  readonly refused: number;
}

export interface Ledger {
  readonly devices: readonly Principal[];
  readonly renewals: readonly Renewal[];
  readonly certificates: readonly CertificateView[];
  /** Unix milliseconds. */
  readonly now: number;
}

const rowsMax = 10_000;

export async function readLedger(operations: Operations): Promise<Ledger> {
  return {
    devices: await operations.listDevices({ limit: rowsMax }),
    renewals: await operations.listRenewals({ limit: rowsMax }),
    certificates: await operations.listCertificates({ limit: rowsMax }),
    now: Date.now(),
  };
}

/** Active devices that have, or had, no certificate left in its lifetime. */
function lapsedOf({ devices, renewals, certificates, now }: Ledger): string[] {
  const lapsed = new Set<string>(renewals.filter((each) => each.lapsedAt !== null).map((each) => each.principalId));
  for (const { id } of devices.filter((each) => each.status === 'active')) {
    const own = certificates.filter((each) => each.principalId === id);
    if (own.length > 0 && own.every((each) => each.notAfter <= now)) lapsed.add(id);
  }
  return [...lapsed].sort();
}

/** @param meant ids of the devices that are supposed to lapse. */
export function tally(
  ledger: Ledger,
  fleet: { readonly connected: number; readonly refusals: number },
  meant: ReadonlySet<string>,
): Tally {
  const lapsed = lapsedOf(ledger);
  return {
    devices: ledger.devices.length,
    connected: fleet.connected,
    renewed: ledger.renewals.filter((each) => each.activatedAt !== null).length,
    inOverlap: ledger.renewals.filter((each) => each.state === 'activated').length,
    lapsedAsMeant: lapsed.filter((id) => meant.has(id)),
    lapsed: lapsed.filter((id) => !meant.has(id)),
    refused: fleet.refusals,
  };
}

/** One sentence for people. */
export function sentence(counts: Tally): string {
  const names = (ids: readonly string[]): string => (ids.length === 0 ? '' : ` (${ids.join(', ')})`);
  return [
    `${counts.devices} devices, ${counts.connected} connected`,
    `${counts.renewed} certificates renewed`,
    `${counts.inOverlap} in overlap`,
    `${counts.lapsed.length} lapsed${names(counts.lapsed)}`,
    `${counts.lapsedAsMeant.length} lapsed as planned${names(counts.lapsedAsMeant)}`,
    `${counts.refused} connects refused`,
  ].join(', ');
}

/** Why the demo did not show what it is there to show; empty when it did. */
export function shortcomings(counts: Tally): string[] {
  const faults: string[] = [];
  if (counts.lapsed.length > 0) faults.push(`lapsed and was not meant to: ${counts.lapsed.join(', ')}`);
  if (counts.renewed === 0) faults.push('nothing was renewed');
  return faults;
}
