// nolapse backup: a home in one file. The keys of the CA go from disk to disk on this machine alone.
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { withReason } from './actor.ts';
import { type CommonOptions, type Surroundings, withCommon, withOperations } from './invocation.ts';
import { answer, fields, plain, remark, time } from './output.ts';

type BackupOptions = CommonOptions & { readonly force?: boolean };

const keysInClear =
  'the keys of the CA are in it in the clear: keep it as you keep them, or set a passphrase before init (NOLAPSE_PASSPHRASE_FILE)';

export function registerBackup(program: Command, surroundings: Surroundings): void {
  withReason(withCommon(program.command('backup')))
    .description('back the home up into one file, also while the broker runs: ledger, PKI and configuration, checked')
    .argument('<file>', 'where to write it, with mode 0600')
    .option('--force', 'replace a file that is there')
    .action(async (file: string, options: BackupOptions) => {
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
