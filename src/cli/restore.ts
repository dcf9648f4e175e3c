// nolapse restore: a home from a backup. It works on files of this machine alone; no broker is asked.
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { AppliedView } from '../home/issued-apply.ts';
import { crlShardPath } from '../http/public-path.ts';
import { type CommonOptions, configOf, type Surroundings, withCommon } from './invocation.ts';
import { answer, fromNow, plain, remark, time } from './output.ts';

type RestoreOptions = CommonOptions & { readonly issued?: readonly string[]; readonly withGaps?: boolean };

function wordsFor(applied: AppliedView | null, madeAt: number): string {
  if (!applied)
    return `it does not know what was issued or revoked after ${time(madeAt)}; where issued.file is configured, --issued FILE adds it`;
  const { certificates, revoked, until } = applied;
  return `taken over from after the backup: ${certificates} certificates issued, ${revoked} revoked or retired; the last change is of ${time(until)}`;
}

function nextSteps(home: string): string[] {
  return [
    'next:',
    '  1. make sure that no broker runs on the original home: two brokers with one CA contradict each other',
    `  2. nolapse doctor --home ${home}`,
    `  3. nolapse start --home ${home}`,
    `  4. nolapse alert list --open --home ${home}`,
  ];
}

export function registerRestore(program: Command, surroundings: Surroundings): void {
  withCommon(program.command('restore'))
    .description('restore a backup into an empty home; all of it is checked first')
    .argument('<file>', 'what nolapse backup has written')
    .option(
      '--issued <file...>',
      'what was issued and revoked after the backup: files of issued.file, the oldest first',
    )
    .option('--with-gaps', 'use these files although some of them is missing or damaged')
    .action(async (file: string, options: RestoreOptions) => {
      const { issued = [], withGaps = false } = options;
      const { authority, http } = await configOf(surroundings, options);
      const passphrase = surroundings.passphrase.read(remark);
      const { restoreHome } = await import('../home/restore.ts');
      const done = await restoreHome({
        home: options.home,
        file: resolve(file),
        issued: issued.map((path) => resolve(path)),
        withGaps,
        crlShardBase: http.publicUrl + crlShardPath,
        isElsewhere: authority.kind !== 'local',
        ...(passphrase !== undefined && { passphrase }),
      });
      for (const fault of done.applied?.faults ?? []) remark(`missing: ${fault}`);
      for (const fault of done.issuingFaults) remark(`a former issuing CA cannot be opened: ${fault}`);
      if (done.keptConfiguration) remark(`${done.home}/nolapse.yaml stays as it is; the one in the backup is left out`);
      answer(options.output, done, () => {
        const now = Date.now();
        const { active = 0, issued = 0, superseded = 0 } = done.certificates;
        const lines = [
          `${plain(done.home)} is restored as it was ${time(done.madeAt)} (${fromNow(done.madeAt, now)}), with ${active + issued + superseded} certificates in use`,
          wordsFor(done.applied, done.madeAt),
          ...nextSteps(plain(done.home)),
        ];
        return lines.map((line) => `${line}\n`).join('');
      });
    });
}
