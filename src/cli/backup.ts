// nolapse backup: a home in one file. The keys of the CA go from disk to disk on this machine alone.
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { OperationError } from '../app/operation-error.ts';
import { withReason } from './actor.ts';
import { type CommonOptions, type Surroundings, withCommon, withOperations } from './invocation.ts';
import { answer, fields, plain, remark, time } from './output.ts';

type BackupOptions = CommonOptions & { readonly force?: boolean; readonly verify?: boolean };

const keysInClear =
  'the keys of the CA are in it in the clear: keep it as you keep them, or set a passphrase before init (NOLAPSE_PASSPHRASE_FILE)';

/** Reads all of it, and has the home know that a backup has its next root. */
async function verify(surroundings: Surroundings, file: string, options: BackupOptions): Promise<void> {
  if (options.force) throw new OperationError('invalid', ['--force writes a backup, and --verify reads one']);
  const { verifyBackup } = await import('../home/verify-backup.ts');
  const { madeAt, keys, files, certificates } = await verifyBackup(file);
  const { root } = await withOperations(surroundings, options, (each) =>
    each.confirmBackup({ madeAt, files, certificates }),
  );
  answer(options.output, { file, madeAt, keys, files, confirmed: root?.number ?? null }, () =>
    fields([
      ['file', plain(file)],
      ['made', time(madeAt)],
      ['keys', keys],
      ['holds', ['the ledger', ...files].join(', ')],
      ['confirmed', root ? `it has root ${root.number}, the next one` : 'nothing: no next root is prepared'],
    ]),
  );
}

export function registerBackup(program: Command, surroundings: Surroundings): void {
  withReason(withCommon(program.command('backup')))
    .description('back the home up into one file, also while the broker runs: ledger, PKI and configuration, checked')
    .argument('<file>', 'where to write it, with mode 0600')
    .option('--force', 'replace a file that is there')
    .option('--verify', 'read a backup back instead, and confirm that it has the next root, where there is one')
    .action(async (file: string, options: BackupOptions) => {
      if (options.verify) return verify(surroundings, resolve(file), options);
      const { backUp } = await import('../home/backup.ts');
      const made = await withOperations(surroundings, options, ({ copyLedger }) =>
        backUp({ home: resolve(options.home), file: resolve(file), replace: options.force === true, copyLedger }),
      );
      answer(options.output, made, () =>
        fields([
          ['file', plain(made.file)],
          ['bytes', String(made.bytes)],
          ['made', time(made.madeAt)],
          ['keys', made.keys],
          ['holds', ['the ledger', ...made.files].join(', ')],
        ]),
      );
      if (made.keys === 'clear') remark(keysInClear);
    });
}
