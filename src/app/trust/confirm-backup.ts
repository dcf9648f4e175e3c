// Takes down that a backup was read back and holds the next root: only then may devices be told of it. Who says so has read the file.
import { issuingName } from '../../domain/issuing-slots.ts';
import { inState } from '../../domain/root-slots.ts';
import type { KeptRoot } from '../../ports/root-slots.ts';
import { change } from '../change.ts';
import { OperationError } from '../operation-error.ts';
import type { RootStepsContext } from './root-step.ts';

/** A backup that was read back whole. */
export interface ReadBackup {
  readonly madeAt: number;
  /** Names of what is in it beside the ledger: `pki/root.crt`. */
  readonly files: readonly string[];
  /** SHA-256 of the certificates in it. */
  readonly certificates: readonly string[];
}

async function missingIn(
  app: RootStepsContext,
  next: KeptRoot,
  { files, certificates }: ReadBackup,
): Promise<string[]> {
  const below = (await app.store.read.issuingSlots()).filter(({ root }) => root === next.number);
  const keys = below.map(({ number }) => `pki/${issuingName(number)}.key`);
  if (app.roots.hasKey(next.number)) keys.push(`pki/root-${next.number}.key`);
  const faults = keys.filter((name) => !files.includes(name)).map((name) => `the backup has no ${name}`);
  const wanted = [next.fingerprint, ...below.flatMap(({ certificate }) => certificate?.fingerprint ?? [])];
  const lacking = wanted.filter((fingerprint) => !certificates.includes(fingerprint));
  return [...faults, ...lacking.map((fingerprint) => `the backup has no certificate with the SHA-256 ${fingerprint}`)];
}

/**
 * @returns the next root, or null where there is none and nothing is taken down. Rejects with `conflict` where the backup is older than the
 * root or lacks something of it, each fault named; then nothing has changed.
 */
export function confirmBackup(app: RootStepsContext, backup: ReadBackup): Promise<KeptRoot | null> {
  return app.steps.run(async () => {
    const next = inState(await app.store.read.rootSlots(), 'next');
    if (!next) return null;
    const { madeAt } = backup;
    const faults = await missingIn(app, next, backup);
    if (madeAt < next.preparedAt) faults.push(`the backup was made before root ${next.number} was prepared`);
    if (faults.length > 0) throw new OperationError('conflict', faults);
    // What a clock that ran ahead has written is not later than now.
    const backupAt = Math.max(next.backupAt ?? 0, Math.min(madeAt, app.clock.now()));
    if (backupAt === next.backupAt) return next;
    const confirmed = { ...next, backupAt };
    await change(app, async ({ tx, record }) => {
      await tx.putRootSlot(confirmed);
      await record({
        action: 'backup.confirmed',
        message: `root ${next.number}: a backup that has it was read back, made ${new Date(backupAt).toISOString()}`,
        fields: { 'nolapse.root.hash.sha256': next.fingerprint },
      });
    });
    return confirmed;
  });
}
