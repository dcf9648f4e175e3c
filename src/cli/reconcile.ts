// nolapse reconcile: the inventory and its sources, shown or brought in line. Exit code 1 where a difference is left: one that was
// only shown, one the guard refused, a device that was left alone.
import type { Command } from 'commander';
import { OperationError } from '../app/operation-error.ts';
import type { ReconcileReport, SourceView } from '../app/views/inventory.ts';
import { formatDuration } from '../domain/time.ts';
import { type InsistenceOptions, insistenceOf, withInsistence } from './insistence.ts';
import {
  type CommonOptions,
  remarkIfFull,
  type Surroundings,
  withCommon,
  withLimit,
  withOperations,
} from './invocation.ts';
import { answer, answerList, cell, fromNow, plain, remark } from './output.ts';
import { fold, table } from './table.ts';

type ReconcileOptions = CommonOptions &
  InsistenceOptions & {
    readonly source?: string;
    readonly dryRun?: boolean;
    readonly acceptLoss?: boolean;
    readonly takeOver?: boolean;
    readonly takeOverFrom?: string;
    readonly limit: number;
  };

function textOf(value: unknown): string {
  if (value === null || value === '' || (Array.isArray(value) && value.length === 0)) return 'none';
  return plain(Array.isArray(value) ? value.join(',') : String(value));
}

function verdictOn({ source, applied, objection, loses, insist: isForced, counts }: ReconcileReport): string {
  if (objection !== null) {
    const insist = [...(loses ? ['--accept-loss'] : []), ...(isForced ? ['--force --reason TEXT'] : [])].join(' ');
    const anyway = `To apply it anyway: \`nolapse reconcile --source ${plain(source)} ${insist}\``;
    return applied ? `done, although ${objection}` : `refused: ${objection}. ${anyway}`;
  }
  const open = counts.added + counts.changed + counts.decommissioned;
  if (applied) return open > 0 ? 'done' : 'nothing to do';
  return open > 0 ? 'nothing was done: a dry run' : 'nothing to do';
}

function describe(report: ReconcileReport): string {
  const { source, counts } = report;
  const summary = [
    `${counts.added} to add`,
    `${counts.changed} to change`,
    `${counts.decommissioned} to decommission`,
    `${counts.unchanged} unchanged`,
    ...(counts.unsourced > 0 ? [`${counts.unsourced} in no source`] : []),
    ...(counts.conflicts > 0 ? [`${counts.conflicts} left alone`] : []),
  ];
  const lines = [
    ...report.added.map((id) => `+ ${plain(id)}`),
    ...report.changed.map(({ id, fields }) => {
      const words = fields.map(({ name, from, to }) => `${name}: ${textOf(from)} -> ${textOf(to)}`);
      return `~ ${plain(id)}  ${words.join(', ')}`;
    }),
    ...report.decommissioned.map((id) => `- ${plain(id)}`),
    ...report.conflicts.map(({ id, detail }) => `! ${plain(id)}  ${plain(detail)}`),
    ...report.unsourced.map((id) => `? ${plain(id)}  in no source`),
    `${plain(source)}: ${summary.join(', ')}; ${verdictOn(report)}`,
  ];
  return lines.map((line) => `${line}\n`).join('');
}

/** Does a difference stand once the command is done? */
function isLeft({ applied, counts }: ReconcileReport): boolean {
  return counts.conflicts > 0 || (!applied && counts.added + counts.changed + counts.decommissioned > 0);
}

async function run(surroundings: Surroundings, options: ReconcileOptions): Promise<void> {
  const { source, dryRun, acceptLoss, takeOver, takeOverFrom, limit } = options;
  if (takeOverFrom !== undefined && source === undefined) {
    throw new OperationError('invalid', ['take-over-from: say with --source which source takes them over']);
  }
  const reports: ReconcileReport[] = [];
  const faults: string[] = [];
  await withOperations(surroundings, options, async (operations) => {
    const names = source === undefined ? (await operations.listSources()).map(({ name }) => name) : [source];
    if (names.length === 0) remark('no source is configured');
    for (const name of names) {
      const asked = {
        ...(dryRun && { dryRun }),
        ...(acceptLoss && { acceptLoss }),
        ...(takeOver && { takeOver }),
        ...(takeOverFrom !== undefined && { takeOverFrom }),
        ...insistenceOf(options),
      };
      try {
        reports.push(await operations.reconcile({ source: name, ...asked, limit }));
      } catch (error) {
        // One source that fails keeps no other from its turn.
        if (!(error instanceof OperationError)) throw error;
        faults.push(...error.faults.map((fault) => (error.code === 'not_found' ? fault : `${name}: ${fault}`)));
      }
    }
  });
  if (reports.length > 0 || faults.length === 0) answer(options.output, reports, () => reports.map(describe).join(''));
  for (const { added, changed, decommissioned, conflicts, unsourced } of reports) {
    for (const rows of [added, changed, decommissioned, conflicts, unsourced])
      remarkIfFull(rows, limit, 'raise --limit');
  }
  if (faults.length > 0) throw new OperationError('invalid', faults);
  if (reports.some(isLeft)) process.exitCode = 1;
}

function sourceTable(sources: readonly SourceView[], now: number): string {
  return table(
    ['SOURCE', 'EVERY', 'LAST READ', 'OUTCOME', fold('DETAIL')],
    sources.map(({ name, everyMs, state }) => [
      cell(name),
      formatDuration(everyMs),
      fromNow(state?.at, now),
      state?.outcome ?? 'never read',
      cell(state?.detail),
    ]),
  );
}

export function registerReconcile(program: Command, surroundings: Surroundings): void {
  withInsistence(withLimit(withCommon(program.command('reconcile'))))
    .description('bring the inventory in line with its sources, or show what that would change')
    .option('--source <name>', 'only this source')
    .option('--dry-run', 'only show it')
    .option('--accept-loss', 'apply it although the source lacks more devices than it may')
    .option('--take-over', 'take over devices that were entered by hand and that the source has')
    .option('--take-over-from <name>', 'take over devices of this other source that the source has')
    .action((options: ReconcileOptions) => run(surroundings, options));
  const group = program.command('source').description('where the inventory comes from');
  withCommon(group.command('list'))
    .description('list the sources, and what came of their last reading')
    .action(async (options: CommonOptions) => {
      const sources = await withOperations(surroundings, options, (each) => each.listSources());
      answerList(options.output, 'sources', sources, () => sourceTable(sources, Date.now()));
    });
}
