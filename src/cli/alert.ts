// nolapse alert ...: what somebody must act on, and who has taken it on. Exit code 1 when any of those listed is open.
import { type Command, Option } from 'commander';
import { type Alert, type AlertKind, alertKinds } from '../domain/alert.ts';
import { currentUser, withReason } from './actor.ts';
import {
  apartOf,
  type CommonOptions,
  remarkIfFull,
  type Surroundings,
  withCommon,
  withLimit,
  withOperations,
} from './invocation.ts';
import { answer, answerList, cell, fields, fromNow, moment, time } from './output.ts';
import { fold, table } from './table.ts';

type ListOptions = CommonOptions & { readonly kind?: string; readonly open?: boolean; readonly limit: number };
type AcknowledgeOptions = CommonOptions & { readonly by?: string };

export function registerAlert(program: Command, surroundings: Surroundings): void {
  const group = program.command('alert').description('what somebody must act on');
  registerList(group, surroundings);
  withCommon(group.command('show'))
    .description('show one alert')
    .argument('<kind>')
    .argument('<subject>')
    .action(async (kind: string, subject: string, options: CommonOptions) => {
      show(options, await withOperations(surroundings, options, (each) => each.showAlert({ kind, subject })));
    });
  withReason(withCommon(group.command('ack')))
    .description('acknowledge an alert: you take it on')
    .argument('<kind>')
    .argument('<subject>')
    .option('--by <name>', 'who takes it on (default: the user of this shell)')
    .action(async (kind: string, subject: string, options: AcknowledgeOptions) => {
      const by = options.by ?? currentUser();
      const input = { kind, subject, by };
      show(options, await withOperations(surroundings, options, (each) => each.acknowledgeAlert(input)));
    });
  withReason(withCommon(group.command('clear')))
    .description('clear an alert; it is raised again if its cause is still there')
    .argument('<kind>')
    .argument('<subject>')
    .action(async (kind: string, subject: string, options: CommonOptions) => {
      show(options, await withOperations(surroundings, options, (each) => each.clearAlert({ kind, subject })));
    });
}

function registerList(group: Command, surroundings: Surroundings): void {
  withLimit(withCommon(group.command('list')))
    .description('list alerts, the newest first')
    .addOption(new Option('--kind <kind>', 'of this kind').choices(Object.keys(alertKinds)))
    .option('--open', 'only those that are not cleared')
    .action(async (options: ListOptions) => {
      const { output, ...query } = apartOf(options);
      const list = await withOperations(surroundings, options, (each) => each.listAlerts(query));
      const now = Date.now();
      answerList(output, 'alerts', list, () =>
        table(
          ['KIND', 'SUBJECT', 'SEVERITY', 'STATE', 'SINCE', fold('DETAIL')],
          list.map((each) => [
            each.kind,
            cell(each.subject),
            each.severity,
            stateOf(each),
            fromNow(each.raisedAt, now),
            cell(each.detail),
          ]),
        ),
      );
      remarkIfFull(list, options.limit, 'narrow it with --open or --kind');
      if (list.some(({ clearedAt }) => clearedAt === null)) process.exitCode = 1;
    });
}

function stateOf({ acknowledgedAt, clearedAt }: Alert): string {
  if (clearedAt !== null) return 'cleared';
  return acknowledgedAt === null ? 'open' : 'acknowledged';
}

function show({ output }: CommonOptions, alert: Alert): void {
  const { kind, subject, severity, detail, owner, raisedAt, updatedAt, acknowledgedAt, acknowledgedBy } = alert;
  const now = Date.now();
  answer(output, alert, () =>
    fields([
      ['kind', kind],
      ['means', alertKinds[kind as AlertKind].meaning],
      ['subject', cell(subject)],
      ['severity', severity],
      ['state', stateOf(alert)],
      ['detail', cell(detail)],
      ['owner', cell(owner)],
      ['raised', moment(raisedAt, now)],
      ['updated', time(updatedAt)],
      ['acknowledged', acknowledgedAt === null ? '-' : `${time(acknowledgedAt)} by ${cell(acknowledgedBy)}`],
      ['cleared', time(alert.clearedAt)],
      ['runbook', `nolapse runbook ${kind}`],
    ]),
  );
}
