// nolapse delegation ...: which gateway may act for which devices, how far and for how long.

import type { Command } from 'commander';
import type { CutOffView } from '../app/views/decisions.ts';
import type { AddedDelegationView, DelegationView } from '../app/views/delegations.ts';
import { counted } from '../domain/counted.ts';
import { type Delegation, isInForce } from '../domain/delegation.ts';
import type { KeyMode } from '../domain/principal.ts';
import { withReason } from './actor.ts';
import { parseModes, parseWhole } from './arguments.ts';
import { answerWords, type DryRunOptions, dryRunOf, withDryRun } from './dry-run.ts';
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
import { answer, answerList, cell, fields, fromNow, plain, time } from './output.ts';
import { fold, table } from './table.ts';

type AddOptions = CommonOptions &
  DryRunOptions & {
    readonly device?: readonly string[];
    readonly site?: string;
    readonly modes: readonly KeyMode[];
    readonly until: string;
    readonly daily: number;
    readonly telemetry?: boolean;
  };
type ListOptions = CommonOptions & { readonly gateway?: string; readonly limit: number };

/** Devices named in a line of a table. */
const namedMax = 3;

function scope({ site, devices }: Delegation): string {
  if (site !== null) return `site ${site}`;
  const rest = devices.length - namedMax;
  return [...devices.slice(0, namedMax), ...(rest > 0 ? [`and ${rest} more`] : [])].join(', ');
}

function standing(delegation: Delegation, now: number): string {
  if (delegation.revokedAt !== null) return 'revoked';
  return `${isInForce(delegation, now) ? 'ends' : 'ended'} ${fromNow(delegation.endsAt, now)}`;
}

/** Rows for people: of the renewals a day, how many are used where that is known. */
export function delegationTable(delegations: readonly (Delegation | DelegationView)[], now: number): string {
  // Most sites carry none: the column is there where one does.
  const isCarried = delegations.some(({ telemetry }) => telemetry);
  return table(
    ['DELEGATION', 'GATEWAY', fold('FOR'), fold('MODES'), 'STATE', 'DAILY', ...(isCarried ? ['TELEMETRY'] : [])],
    delegations.map((each) => [
      each.id,
      cell(each.gatewayId),
      cell(scope(each)),
      each.modes.join(', '),
      standing(each, now),
      'usedToday' in each ? `${each.usedToday}/${each.dailyLimit}` : cell(each.dailyLimit),
      ...(isCarried ? [each.telemetry ? 'yes' : 'no'] : []),
    ]),
  );
}

function delegationFields(view: DelegationView, now: number): string {
  return fields([
    ['delegation', view.id],
    ['gateway', cell(view.gatewayId)],
    ['site', cell(view.site)],
    ['devices', view.site === null ? cell(view.devices.join(', ')) : 'all of the site'],
    ['modes', view.modes.join(', ')],
    ['telemetry', view.telemetry ? 'yes' : 'no'],
    ['state', standing(view, now)],
    ['until', time(view.endsAt)],
    ['renewals a day', cell(view.dailyLimit)],
    ['of those today', cell(view.usedToday)],
    ['revoked', time(view.revokedAt)],
  ]);
}

/** Whom a decision leaves without a way to renew, in one line. */
export function cutOffWords({ devices, first }: CutOffView, now: number): string {
  if (!first) return 'no device depends on it to renew';
  const who = `${cell(first.id)} (${first.owner ? plain(first.owner) : 'no owner'})`;
  const count = devices === 1 ? '1 device has' : `${devices} devices have`;
  return `${count} no other way to renew; the first to end is ${who}, ${fromNow(first.endsAt, now)}`;
}

function coversWords({ covers, site }: AddedDelegationView): string {
  if (covers === 0) return 'covers no device yet: those that come to the site later';
  return `covers ${counted(covers, 'device')}${site === null ? '' : ', and those that come to the site later'}`;
}

export function registerDelegation(program: Command, surroundings: Surroundings): void {
  const group = program.command('delegation').description('which gateway may act for which devices');
  withDryRun(withReason(withCommon(group.command('add'))))
    .description('let a gateway renew for devices behind it, or for all of a site')
    .argument('<gateway>')
    .option('--device <id...>', 'for these devices')
    .option('--site <site>', 'for all devices of this site')
    .requiredOption('--modes <modes>', 'key modes it may bring about, separated by commas', parseModes)
    .requiredOption('--until <when>', 'a duration from now such as 90d, or a date such as 2030-01-31 (UTC)')
    .requiredOption('--daily <count>', 'renewals it may begin in a day (UTC)', parseWhole)
    .option('--telemetry', "let it publish and subscribe on the devices' own topics too, as its access list has it")
    .action(async (gateway: string, { device, site, modes, until, daily, telemetry, ...options }: AddOptions) => {
      const scoped = { ...(device && { devices: device }), ...(site !== undefined && { site }) };
      const view = await withOperations(surroundings, options, (each) =>
        each.addDelegation({
          gateway,
          ...scoped,
          modes,
          until,
          daily,
          ...(telemetry && { telemetry }),
          ...dryRunOf(options),
        }),
      );
      const lines = [delegationFields(view, Date.now()).trimEnd(), coversWords(view)];
      answer(options.output, view, () => answerWords(lines, view.dryRun));
    });
  withLimit(withCommon(group.command('list')))
    .description('list delegations, ended and revoked ones too')
    .option('--gateway <id>', 'of this gateway')
    .action(async (options: ListOptions) => {
      const { output, ...query } = apartOf(options);
      const list = await withOperations(surroundings, options, async (each) => {
        const found = await each.listDelegations(query);
        if (found.length === 0) await remarkStrangers(each, { gateway: query.gateway });
        return found;
      });
      answerList(output, 'delegations', list, () => delegationTable(list, Date.now()));
      remarkIfFull(list, options.limit, 'narrow it with --gateway, or raise --limit');
    });
  withDryRun(withReason(withCommon(group.command('revoke'))))
    .description('end a delegation now')
    .argument('<delegation>')
    .action(async (id: string, options: CommonOptions & DryRunOptions) => {
      const view = await withOperations(surroundings, options, (each) =>
        each.revokeDelegation({ id, ...dryRunOf(options) }),
      );
      const now = Date.now();
      const lines = [delegationFields(view, now).trimEnd(), cutOffWords(view.cutOff, now)];
      answer(options.output, view, () => answerWords(lines, view.dryRun));
    });
}
