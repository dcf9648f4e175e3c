// nolapse renewal ...: what is being replaced, how far it got, and a push to begin.
import { type Command, Option } from 'commander';
import type { RenewalRefusal } from '../domain/refusal.ts';
import { type Renewal, renewalStates } from '../domain/renewal.ts';
import { isLate, shownState } from '../domain/shown-state.ts';
import type { JournalEntry } from '../ports/journal.ts';
import { withReason } from './actor.ts';
import {
  apartOf,
  type CommonOptions,
  remarkIfFull,
  type Surroundings,
  withCommon,
  withLimit,
  withOperations,
} from './invocation.ts';
import { remarkStrangers } from './names.ts';
import { answer, answerList, cell, fields, fromNow, moment, plain, time } from './output.ts';
import { cut, fold, table } from './table.ts';

type ListOptions = CommonOptions & { readonly device?: string; readonly state?: string; readonly limit: number };

/** The state it is counted and found in, and what else it says: `lapsed (offered)`, `retired (late)`. */
function stateWords(renewal: Renewal): string {
  const shown = shownState(renewal);
  if (shown !== renewal.state) return `${shown} (${renewal.state})`;
  return isLate(renewal) ? `${shown} (late)` : shown;
}

export function renewalTable(renewals: readonly Renewal[], now: number): string {
  return table(
    ['RENEWAL', 'DEVICE', 'STATE', 'SINCE', 'DEADLINE', 'TRIES', cut('LAST')],
    renewals.map((each) => [
      each.id,
      cell(each.principalId),
      stateWords(each),
      fromNow(each.updatedAt, now),
      fromNow(each.deadline, now),
      cell(each.attempts),
      cell(each.lastCode),
    ]),
  );
}

function renewalFields(renewal: Renewal, now: number): string {
  return fields([
    ['renewal', renewal.id],
    ['device', cell(renewal.principalId)],
    ['state', stateWords(renewal)],
    ['mode', renewal.mode],
    ['through', cell(renewal.via)],
    ['created', moment(renewal.createdAt, now)],
    ['updated', moment(renewal.updatedAt, now)],
    ['deadline', moment(renewal.deadline, now)],
    ['grace ends', moment(renewal.closesAt, now)],
    ['next try', moment(renewal.nextAt, now)],
    ['attempts', cell(renewal.attempts)],
    ['requests', cell(renewal.requests)],
    ['replaces', cell(renewal.oldFingerprint)],
    ['replacement', cell(renewal.newFingerprint)],
    ['activated', moment(renewal.activatedAt, now)],
    ['device told', moment(renewal.confirmedAt, now)],
    ['device spoke', moment(renewal.heardAt, now)],
    ['offered anew', moment(renewal.reopenedAt, now)],
    ['lapsed', moment(renewal.lapsedAt, now)],
    ['last', cell([renewal.lastCode, renewal.lastDetail].filter(Boolean).join(': '))],
  ]);
}

/** Why it does not move on, by who was refused. */
export function refusalTable(refusals: readonly RenewalRefusal[], now: number): string {
  return table(
    ['RENEWAL', 'REFUSED', 'THROUGH', 'TIMES', 'FIRST', 'LAST', 'OVER', fold('DETAIL')],
    refusals.map(({ renewalId, code, via, times, firstAt, lastAt, overAt, detail }) => [
      renewalId,
      code,
      via === null ? 'itself' : cell(via),
      cell(times),
      fromNow(firstAt, now),
      fromNow(lastAt, now),
      overAt === null ? '-' : fromNow(overAt, now),
      cell(detail),
    ]),
  );
}

/** Who it was, and why: of the broker's own doing only that. */
function actorWords({ actor }: JournalEntry): string {
  if (actor === null) return '-';
  const { name, claimed, reason } = actor;
  return plain(`${name}${claimed ? ' (claimed)' : ''}${reason === null ? '' : `: ${reason}`}`);
}

export function registerRenewal(program: Command, surroundings: Surroundings): void {
  const group = program.command('renewal').description('renewals: what is being replaced, and how far it got');
  withLimit(withCommon(group.command('list')))
    .description('list renewals, the newest first')
    .option('--device <id>', 'of this device')
    .addOption(new Option('--state <state>', 'in this state').choices(renewalStates))
    .action(async (options: ListOptions) => {
      const { output, ...query } = apartOf(options);
      const list = await withOperations(surroundings, options, async (each) => {
        const found = await each.listRenewals(query);
        if (found.length === 0) await remarkStrangers(each, { device: query.device });
        return found;
      });
      answerList(output, 'renewals', list, () => renewalTable(list, Date.now()));
      remarkIfFull(list, options.limit, 'narrow it with --device or --state, or raise --limit');
    });
  withCommon(group.command('show'))
    .description('show a renewal and the record of its steps')
    .argument('<renewal>')
    .action(async (id: string, options: CommonOptions) => {
      const shown = await withOperations(surroundings, options, (each) => each.showRenewal({ id }));
      answer(options.output, shown, () => {
        const steps = shown.journal.map((each) => [
          time(each.at),
          cell(each.action),
          actorWords(each),
          cell(each.detail),
        ]);
        const now = Date.now();
        const parts = [
          renewalFields(shown.renewal, now),
          refusalTable(shown.refusals, now),
          table(['WHEN', 'WHAT', fold('WHO'), fold('DETAIL')], steps),
        ];
        return parts.filter((part) => part !== '').join('\n');
      });
    });
  withReason(withCommon(group.command('run')))
    .description("replace a device's certificate now, even if its renewal is held back")
    .argument('<device>')
    .action(async (device: string, options: CommonOptions) => {
      const renewal = await withOperations(surroundings, options, (each) => each.runRenewal({ device }));
      answer(options.output, renewal, () => renewalFields(renewal, Date.now()));
    });
}
