// Teaches a restored ledger what was issued, activated and revoked after its backup.
import { joinShard } from '../app/inventory/join-shard.ts';
import { isForeign } from '../domain/certificate.ts';
import { revocationEffect } from '../domain/effect.ts';
import { NolapseError } from '../domain/errors.ts';
import type { LedgerChange } from '../domain/issued-record.ts';
import { mergeCertificate, mergePrincipal } from '../domain/issued-record.ts';
import { changesAfter, type Read } from '../issued/read.ts';
import type { Store, Transaction } from '../ports/store.ts';
import { recordedSetting } from '../store/sqlite/changes.ts';
import { issuedState } from './issued-record.ts';

export interface AppliedView {
  /** Changes that were taken over. */
  readonly changes: number;
  /** Certificates that the backup did not have. */
  readonly certificates: number;
  /** Certificates that are no longer admitted. */
  readonly revoked: number;
  /** When the last of them was recorded; null: there was none. */
  readonly until: number | null;
  /** Why some may be missing all the same. */
  readonly faults: readonly string[];
}

const changesAtOnce = 500;

/**
 * @param withGaps go on although some may be missing.
 * @throws NolapseError `issued_incomplete`; `issued_unreadable` where a file cannot be read.
 */
export async function applyIssued(
  store: Store,
  files: readonly string[],
  options: Under & { readonly withGaps: boolean },
): Promise<AppliedView> {
  const { key, number } = await issuedState(store);
  const read: Read = { number, until: null, lines: 0, faults: [] };
  const counts = { changes: 0, certificates: 0, revoked: 0 };
  let batch: LedgerChange[] = [];
  const write = async (): Promise<void> => {
    const changes = batch;
    batch = [];
    await store.transact(async (tx) => {
      for (const change of changes) await takeCertificate(tx, change, counts, options);
    });
  };
  try {
    for await (const { change } of changesAfter(files, key, number, read)) {
      batch.push(change);
      if (batch.length === changesAtOnce) await write();
    }
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error)) throw error;
    throw new NolapseError(
      'issued_unreadable',
      `the file of issued certificates cannot be read: ${error.message}`,
      error,
    );
  }
  await write();
  if (read.faults.length > 0 && !options.withGaps) {
    const detail = `${read.faults.join('; ')}: what was revoked there would be admitted again; --with-gaps takes over what there is`;
    throw new NolapseError('issued_incomplete', detail);
  }
  await store.transact((tx) => tx.putSetting(recordedSetting, String(read.number)));
  return { ...counts, until: read.until, faults: read.faults };
}

type Counts = { changes: number; certificates: number; revoked: number };

interface Under {
  readonly now: number;
  /** What the URL of a shard of the revocation list begins with. */
  readonly crlShardBase: string;
  /** Does an authority elsewhere certify principals? What it was owed went with the ledger that is lost. */
  readonly isElsewhere: boolean;
}

async function takeCertificate(
  tx: Transaction,
  change: LedgerChange,
  counts: Counts,
  { now, crlShardBase, isElsewhere }: Under,
): Promise<void> {
  counts.changes += 1;
  const { certificate, principal } = change;
  if (principal) {
    const merged = mergePrincipal(await tx.principal(principal.id), change);
    if (merged) await tx.putPrincipal(merged);
  }
  if (!certificate) return;
  const known = await tx.certificate(certificate.fingerprint);
  // Whose first line is missing: it says what is missing.
  if (!known && change.kind !== 'issued') return;
  const { renewalId } = certificate;
  const hasRenewal = renewalId !== null && (await tx.renewal(renewalId)) !== null;
  const merged = mergeCertificate(known, certificate, { hasRenewal, now });
  if (!merged) return;
  if (!known) {
    counts.certificates += 1;
    // In its list before it is revoked: then it counts there.
    await tx.putCertificate({ ...merged, state: 'issued', revokedAt: null, revocationReason: null });
    await joinShard({ tx, app: { settings: { crlShardBase } } }, merged);
  }
  await tx.putCertificate(merged);
  if (merged.revokedAt === null || (known?.revokedAt ?? null) !== null) return;
  counts.revoked += 1;
  if (isElsewhere && isForeign(merged)) await tx.enqueue(revocationEffect(merged));
}
