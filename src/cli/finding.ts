// nolapse finding ...: what somebody should look at in the fleet. Exit code 1 when there is anything.
import { type Command, Option } from 'commander';
import { findingKinds } from '../domain/finding.ts';
import {
  apartOf,
  type CommonOptions,
  remarkIfFull,
  type Surroundings,
  withCommon,
  withLimit,
  withOperations,
} from './invocation.ts';
import { answerList, cell, fromNow, remark, time } from './output.ts';
import { fold, table } from './table.ts';

type ListOptions = CommonOptions & {
  readonly kind?: string;
  readonly after?: string;
  readonly fresh?: boolean;
  readonly limit: number;
};

/** Findings older than this say so. */
const youngMs = 60_000;

function remarkAge(lookedAt: number | null, now: number): void {
  if (lookedAt === null) remark('the fleet was never checked; --fresh checks it now');
  else if (now - lookedAt > youngMs)
    remark(`the fleet was last checked ${fromNow(lookedAt, now)}; --fresh checks it again`);
}

export function registerFinding(program: Command, surroundings: Surroundings): void {
  const group = program.command('finding').description('what somebody should look at in the fleet');
  withLimit(withCommon(group.command('list')))
    .description('list findings; a large fleet is not checked first: its findings are those of the last check')
    .addOption(new Option('--kind <kind>', 'of this kind').choices(Object.keys(findingKinds)))
    .option('--after <subject>', 'begin after this subject; of one kind')
    .option('--fresh', 'check the fleet first')
    .action(async (options: ListOptions) => {
      const { output, fresh, ...query } = apartOf(options);
      const { list, lookedAt } = await withOperations(surroundings, options, async (operations) => {
        if (fresh) await operations.lookOver();
        const found = await operations.listFindings(query);
        return { list: found, lookedAt: (await operations.lookedOver()).at };
      });
      answerList(output, 'findings', list, () =>
        table(
          ['KIND', 'SUBJECT', 'SINCE', fold('DETAIL')],
          list.map(({ kind, subject, firstAt, detail }) => [kind, cell(subject), time(firstAt), cell(detail)]),
        ),
      );
      const hint = options.kind === undefined ? 'narrow it with --kind' : `go on with --after ${list.at(-1)?.subject}`;
      remarkIfFull(list, options.limit, hint);
      remarkAge(lookedAt, Date.now());
      if (list.length > 0) process.exitCode = 1;
    });
}
