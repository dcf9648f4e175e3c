// nolapse status: will anything go dark, whose is it, what do I do? Exit code 1 when there is anything.
import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import type { Concern, StatusChange, StatusGroup, StatusView } from '../app/views/status.ts';
import { parseDuration } from '../domain/time.ts';
import { parseWhole } from './arguments.ts';
import { type CommonOptions, type Surroundings, withCommon, withOperations } from './invocation.ts';
import { answer, cell, fromNow, plain, remark } from './output.ts';
import { cut, fold, table } from './table.ts';
import { redrawn } from './watch.ts';

type StatusOptions = CommonOptions & { readonly days?: number; readonly watch?: number | true };

const watchMs = 2_000;
const groupsShown = 10;

function parseEvery(text: string): number {
  const ms = parseDuration(text);
  if (ms === null || ms < 500) throw new InvalidArgumentError('expected a duration of 500ms or more, such as 5s.');
  return ms;
}

/** The one line that answers. */
function headline({ now, ahead, darkNow, darkAhead, first, without, gateway }: StatusView): string {
  const whose = first && `first ${cell(first.id)}, owner ${cell(first.owner)}, ${fromNow(first.at, now)}`;
  const worst = gateway.find(({ level }) => level === 'error' || level === 'critical') ?? gateway[0];
  return [
    `DARK NOW ${darkNow}`,
    `DARK IN ${ahead} d ${darkAhead}${whose ? ` (${whose})` : ''}`,
    `NO CERTIFICATE ${without}`,
    worst ? `GATEWAY ${worst.level}: ${plain(worst.subject)}` : 'gateway ok',
  ].join(' · ');
}

function groupRow({ owner, site, darkNow, darkAhead, worst, firstAt }: StatusGroup, now: number): string[] {
  return [cell(owner), cell(site), String(darkNow), String(darkAhead), worst, fromNow(firstAt, now)];
}

function concernRow({ criticality, id, owner, at, why, command }: Concern, now: number): string[] {
  return [criticality, cell(id), cell(owner), fromNow(at, now), why, plain(command)];
}

function changeRow({ count, lastAt, detail, actor }: StatusChange, now: number): string[] {
  const why = actor?.reason ? `: ${plain(actor.reason)}` : '';
  const times = count > 1 ? ` (${count} times)` : '';
  return [fromNow(lastAt, now), cell(actor?.name), `${cell(detail)}${why}${times}`];
}

function words(view: StatusView): string {
  const { now, groups, concerns, changes, gateway } = view;
  const parts = [`${headline(view)}\n`];
  if (gateway.length > 0) {
    const rows = gateway.map(({ level, subject, detail }) => [level, cell(subject), cell(detail)]);
    parts.push(table(['GATEWAY', 'SUBJECT', fold('DETAIL')], rows));
  }
  if (groups.length > 0) {
    const rows = groups.slice(0, groupsShown).map((each) => groupRow(each, now));
    const more = groups.length > groupsShown ? `and ${groups.length - groupsShown} more: nolapse forecast\n` : '';
    parts.push(table([cut('OWNER'), cut('SITE'), 'DARK', 'AHEAD', 'WORST', 'FIRST'], rows) + more);
  }
  if (concerns.length > 0) {
    const rows = concerns.map((each) => concernRow(each, now));
    parts.push(table(['CRITICALITY', 'DEVICE', cut('OWNER'), 'DARK', 'WHY', 'NEXT'], rows));
  }
  if (changes.length > 0) {
    parts.push(
      table(
        ['LAST 24 H', cut('BY'), fold('CHANGE')],
        changes.map((each) => changeRow(each, now)),
      ),
    );
  }
  return parts.join('\n');
}

/** Is there anything that somebody has to see to? */
const isAnything = ({ darkNow, darkAhead, withoutDevices, gateway }: StatusView): boolean =>
  darkNow + darkAhead + withoutDevices + gateway.length > 0;

export function registerStatus(program: Command, surroundings: Surroundings): void {
  withCommon(program.command('status'))
    .description('will anything go dark, whose is it, what to do')
    .option('--days <count>', 'how many days to look ahead (default: 30)', parseWhole)
    .option('--watch [every]', 'draw it again in place, each 2s or as said', parseEvery)
    .action(async ({ days, watch, ...options }: StatusOptions) => {
      const query = days === undefined ? {} : { days };
      const ask = () => withOperations(surroundings, options, (each) => each.status(query));
      if (watch !== undefined) {
        await redrawn(watch === true ? watchMs : watch, async () => words(await ask()));
        return;
      }
      const view = await ask();
      answer(options.output, view, () => words(view));
      if (view.without > 0) remark('nolapse finding list --kind never_seen lists those that never had a certificate');
      if (isAnything(view)) process.exitCode = 1;
    });
}
