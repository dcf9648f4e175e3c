// nolapse doctor: what is well and what is not. Exit code 1 when anything is not.
import type { Command } from 'commander';
import { type CommonOptions, type Surroundings, withCommon, withOperations } from './invocation.ts';
import { answer, cell } from './output.ts';
import { fold, table } from './table.ts';

export function registerDoctor(program: Command, surroundings: Surroundings): void {
  withCommon(program.command('doctor'))
    .description("check the installation, the broker's own certificates first")
    .action(async (options: CommonOptions) => {
      const findings = await withOperations(surroundings, options, (each) => each.doctor());
      answer(options.output, findings, () =>
        table(
          ['LEVEL', 'SUBJECT', fold('DETAIL')],
          findings.map((each) => [each.level, cell(each.subject), cell(each.detail)]),
        ),
      );
      if (findings.some(({ level }) => level !== 'ok')) process.exitCode = 1;
    });
}
