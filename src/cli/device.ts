// nolapse device ...: the inventory, and the first certificate of a device.
import { type Command, Option } from 'commander';
import type { DeviceView, NewDevice } from '../app/views/devices.ts';
import { counted } from '../domain/counted.ts';
import {
  type CarriedContact,
  type Contact,
  cohorts,
  criticalities,
  encodings,
  keyModes,
  type Principal,
  principalKinds,
  principalStatuses,
} from '../domain/principal.ts';
import { formatDuration } from '../domain/time.ts';
import { withReason } from './actor.ts';
import { parseModes, parseWhole } from './arguments.ts';
import { certificateTable } from './certificate.ts';
import { cutOffWords, delegationTable } from './delegation.ts';
import { registerDeviceImport } from './device-import.ts';
import { registerDeviceIssue } from './device-issue.ts';
import { registerDevicePackage } from './device-package.ts';
import { registerDeviceSet } from './device-set.ts';
import { answerWords, type DryRunOptions, dryRunOf, withDryRun } from './dry-run.ts';
import { type InsistenceOptions, insistenceOf, withInsistence } from './insistence.ts';
import {
  apartOf,
  type CommonOptions,
  remarkIfFull,
  type Surroundings,
  withCommon,
  withLimit,
  withOperations,
} from './invocation.ts';
import { remarkFirst, remarkStrangers } from './names.ts';
import { answer, answerList, cell, fields, moment, plain, time } from './output.ts';
import { refusalTable, renewalTable } from './renewal.ts';
import { cut, table } from './table.ts';

type AddOptions = CommonOptions & InsistenceOptions & Omit<NewDevice, 'id'>;
type ListOptions = CommonOptions & {
  readonly status?: string;
  readonly kind?: string;
  readonly site?: string;
  readonly owner?: string;
  readonly source?: string;
  readonly after?: string;
  readonly limit: number;
};

/** What the device said itself outweighs what the inventory says of it. */
function saidOr(said: number | null | undefined, written: number | null): string {
  return said == null ? cell(written) : `${said}, as it said`;
}

function clockOf(contact: Contact | null): string {
  const skewMs = contact?.clockSkewMs ?? null;
  if (skewMs === null) return '-';
  return `${formatDuration(Math.abs(skewMs))} ${skewMs < 0 ? 'slow' : 'fast'}`;
}

/** What holds on the way through one gateway. */
function carriedWords(carried: CarriedContact): string {
  const { encoding, packetBytesMax, slots } = carried;
  const words = [`encoding ${cell(encoding)}`, `max packet ${cell(packetBytesMax)}`, `slots ${cell(slots)}`];
  return [...words, `clock ${clockOf(carried)}`].join(', ');
}

function principalFields(principal: Principal, contact: Contact | null = null): (readonly [string, string])[] {
  return [
    ['id', cell(principal.id)],
    ['kind', principal.kind],
    ['status', principal.status],
    ['owner', cell(principal.owner)],
    ['class', cell(principal.class)],
    ['criticality', principal.criticality],
    ['site', cell(principal.site)],
    ['gateway', cell(principal.gateway)],
    ['cohort', principal.cohort ?? 'by a hash of its id: nolapse policy explain'],
    ['source', principal.source === null ? 'entered by hand' : plain(principal.source)],
    ['encoding', cell(principal.encoding)],
    ['key modes', cell(principal.modes.join(', '))],
    ['max packet', saidOr(contact?.packetBytesMax, principal.packetBytesMax)],
    ['slots', saidOr(contact?.slots, principal.slots)],
  ];
}

function listRow(principal: Principal): string[] {
  const { id, kind, status, criticality, owner, site } = principal;
  return [id, kind, status, principal.class, criticality, owner, site].map(cell);
}

function presenceFields({ presence, trackedSince }: DeviceView, now: number): (readonly [string, string])[] {
  if (!presence) {
    const since = trackedSince === null ? '' : ` (tracked since ${time(trackedSince).slice(0, 10)})`;
    return [['here', `never${since}`]];
  }
  const { here, since, comesEveryMs, longestAwayMs } = presence;
  return [
    ['here', `${here ? 'since' : 'until'} ${moment(since, now)}`],
    ['comes every', comesEveryMs === null ? '-' : formatDuration(comesEveryMs)],
    ['longest away', longestAwayMs === null ? '-' : formatDuration(longestAwayMs)],
  ];
}

function describe(view: DeviceView, now: number): string {
  const { principal, contact, carried, certificates, renewals, refusals, delegations } = view;
  const seen = contact?.lastSeenAt ?? null;
  const parts = [
    fields([
      ...principalFields(principal, contact),
      ['clock', clockOf(contact)],
      ...carried.map((each) => [`through ${each.gatewayId}`, carriedWords(each)] as const),
      ['last seen', seen === null ? 'never' : moment(seen, now)],
      ...presenceFields(view, now),
    ]),
    certificateTable(certificates, now),
    renewalTable(renewals, now),
    refusalTable(refusals, now),
    delegationTable(delegations, now),
  ];
  return parts.filter((part) => part !== '').join('\n');
}

function registerAdd(group: Command, surroundings: Surroundings): void {
  withInsistence(withCommon(group.command('add')))
    .description('put a device, gateway or service into the inventory')
    .argument('<id>', 'its name: in topics, client ids and certificates')
    .requiredOption('--owner <owner>', 'who answers for it')
    .addOption(new Option('--kind <kind>', 'what it is').choices(principalKinds))
    .option('--class <class>', 'its class in the configuration')
    .option('--site <site>', 'where it is')
    .option('--gateway <id>', 'the gateway that speaks for it')
    .addOption(new Option('--criticality <level>', 'how much depends on it').choices(criticalities))
    .addOption(
      new Option('--encoding <encoding>', 'the encoding to use until it has sent a message').choices(encodings),
    )
    .option('--modes <modes>', `key modes it can do, separated by commas: ${keyModes.join(', ')}`, parseModes)
    .option('--max-packet <bytes>', 'the largest MQTT packet it takes, until it says so itself', parseWhole)
    .option('--slots <count>', 'credentials it can hold at once, until it says so itself', parseWhole)
    .addOption(new Option('--cohort <cohort>', 'its turn in campaigns (default: by a hash of its id)').choices(cohorts))
    .action(async (id: string, options: AddOptions) => {
      const { output, force: _force, reason: _reason, by: _by, ...given } = apartOf(options);
      const principal = await withOperations(surroundings, options, async (each) => {
        const added = await each.addDevice({ id, ...given, ...insistenceOf(options) });
        await remarkFirst(each, { ...given, id });
        return added;
      });
      answer(output, principal, () => fields(principalFields(principal)));
    });
}

function registerList(group: Command, surroundings: Surroundings): void {
  withLimit(withCommon(group.command('list')))
    .description('list the inventory, in order of id')
    .addOption(new Option('--status <status>').choices(principalStatuses))
    .addOption(new Option('--kind <kind>').choices(principalKinds))
    .option('--site <site>')
    .option('--owner <owner>')
    .option('--source <name>', 'brought by this source')
    .option('--after <id>', 'begin after this id')
    .action(async (options: ListOptions) => {
      const { output, ...query } = apartOf(options);
      const { site, owner, source } = query;
      const list = await withOperations(surroundings, options, async (each) => {
        const found = await each.listDevices(query);
        if (found.length === 0) await remarkStrangers(each, { site, owner, source });
        return found;
      });
      answerList(output, 'devices', list, () =>
        table(['ID', 'KIND', 'STATUS', 'CLASS', 'CRITICALITY', cut('OWNER'), cut('SITE')], list.map(listRow)),
      );
      remarkIfFull(list, options.limit, `go on with --after ${list.at(-1)?.id}`);
    });
}

function registerShow(group: Command, surroundings: Surroundings): void {
  withCommon(group.command('show'))
    .description('show a device with its certificates and renewals')
    .argument('<id>')
    .action(async (id: string, options: CommonOptions) => {
      const view = await withOperations(surroundings, options, (each) => each.showDevice({ id }));
      answer(options.output, view, () => describe(view, Date.now()));
    });
}

function registerStatusChanges(group: Command, surroundings: Surroundings): void {
  withDryRun(withCommon(group.command('decommission')))
    .description('end a device for good: its certificates are revoked, its sessions closed')
    .argument('<id>')
    .option('--reason <text>', 'why, for the record')
    .action(async (id: string, options: CommonOptions & DryRunOptions & { readonly reason?: string }) => {
      const { reason } = options;
      const done = await withOperations(surroundings, options, (each) =>
        each.decommissionDevice({ id, ...(reason !== undefined && { reason }), ...dryRunOf(options) }),
      );
      const { revoked, delegations, cancelled, cutOff, dryRun } = done;
      const revocations = `${counted(revoked, 'certificate')} and ${counted(delegations, 'delegation')} revoked`;
      const lines = [
        `${id} ${dryRun ? 'would be' : 'is'} decommissioned: ${revocations}, ${counted(cancelled, 'renewal')} cancelled`,
        ...(cutOff?.first ? [cutOffWords(cutOff, Date.now())] : []),
      ];
      answer(options.output, done, () => answerWords(lines, dryRun));
    });
  for (const [name, release, description] of [
    ['quarantine', false, 'keep a device out until it is released; its certificates stay'],
    ['release', true, 'let a quarantined device in again'],
  ] as const) {
    withReason(withCommon(group.command(name)))
      .description(description)
      .argument('<id>')
      .action(async (id: string, options: CommonOptions) => {
        const done = await withOperations(surroundings, options, (each) => each.quarantineDevice({ id, release }));
        const cutOff = done.cutOff?.first ? `${cutOffWords(done.cutOff, Date.now())}\n` : '';
        answer(options.output, done, () => `${cell(done.id)} is ${done.status}\n${cutOff}`);
      });
  }
}

export function registerDevice(program: Command, surroundings: Surroundings): void {
  const group = program.command('device').description('the inventory: devices, gateways and services');
  registerAdd(group, surroundings);
  registerDeviceImport(group, surroundings);
  registerDeviceSet(group, surroundings);
  registerDeviceIssue(group, surroundings);
  registerDevicePackage(group, surroundings);
  registerList(group, surroundings);
  registerShow(group, surroundings);
  registerStatusChanges(group, surroundings);
}
