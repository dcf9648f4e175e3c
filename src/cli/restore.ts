// nolapse restore: a home from a backup. It works on files of this machine alone; no gateway is asked.
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { type CommonOptions, type Surroundings, withCommon } from './invocation.ts';
import { answer, fromNow, plain, remark, time } from './output.ts';

function nextSteps(home: string): string[] {
  return [
    'next:',
    '  1. see to it that no gateway runs on the home this is a backup of: two with one CA contradict each other',
    `  2. nolapse doctor --home ${home}`,
    `  3. nolapse start --home ${home}`,
    `  4. nolapse alert list --open --home ${home}`,
  ];
}

export function registerRestore(program: Command, surroundings: Surroundings): void {
  withCommon(program.command('restore'))
    .description('make a home of a backup, into an empty one: all of it is checked first')
    .argument('<file>', 'what nolapse backup has written')
    .action(async (file: string, options: CommonOptions) => {
      const passphrase = surroundings.passphrase.read(remark);
      const { restoreHome } = await import('../restore.ts');
      const done = await restoreHome({
        home: options.home,
        file: resolve(file),
        ...(passphrase !== undefined && { passphrase }),
      });
      if (done.keptConfiguration) remark(`${done.home}/nolapse.yaml stays as it is; the one in the backup is left out`);
      answer(options.output, done, () => {
        const now = Date.now();
        const { active = 0, issued = 0, superseded = 0 } = done.certificates;
        const lines = [
          `${plain(done.home)} is restored as it was ${time(done.madeAt)} (${fromNow(done.madeAt, now)}), with ${active + issued + superseded} certificates in use`,
          ...nextSteps(plain(done.home)),
        ];
        return lines.map((line) => `${line}\n`).join('');
      });
    });
}
