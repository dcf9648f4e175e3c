// What the commands for tokens and operators share: the right that is given, and how it is shown.
import { type Command, Option } from 'commander';
import type { AskedRight, CredentialView } from '../app/views/access.ts';
import { permissions } from '../domain/access-right.ts';
import type { CommonOptions } from './invocation.ts';
import { cell, fields, moment } from './output.ts';
import { cut, table } from './table.ts';

export interface RightOptions extends CommonOptions {
  readonly permission: AskedRight['permission'];
  readonly owner?: readonly string[];
  readonly site?: readonly string[];
  readonly until: string;
}

export function withRight(command: Command): Command {
  return command
    .addOption(
      new Option('--permission <permission>', 'what it may do, each with what is before it')
        .choices(permissions)
        .makeOptionMandatory(),
    )
    .option('--owner <owner...>', 'only for devices of these owners')
    .option('--site <site...>', 'only for devices at these sites')
    .requiredOption('--until <when>', 'a duration from now such as 90d, or a date such as 2030-01-31 (UTC)');
}

export function rightOf({ permission, owner, site, until }: RightOptions): AskedRight & { readonly until: string } {
  return { permission, until, ...(owner && { owners: owner }), ...(site && { sites: site }) };
}

const listOf = (names: readonly string[] | null): string => (names === null ? 'all' : cell(names.join(', ')));

export function credentialFields(view: CredentialView, now: number): (readonly [string, string])[] {
  return [
    ['id', view.id],
    ['name', cell(view.name)],
    ['permission', view.permission],
    ['owners', listOf(view.owners)],
    ['sites', listOf(view.sites)],
    ['state', view.state],
    ['made by', cell(view.createdBy)],
    ['ends', moment(view.endsAt, now)],
    ['last used', view.lastUsedAt === null ? 'never' : moment(view.lastUsedAt, now)],
  ];
}

export function credentialText(view: CredentialView): string {
  return fields(credentialFields(view, Date.now()));
}

export function credentialTable(list: readonly CredentialView[]): string {
  const now = Date.now();
  return table(
    ['ID', cut('NAME'), 'PERMISSION', cut('OWNERS'), cut('SITES'), 'STATE', 'ENDS', 'LAST USED'],
    list.map((each) => [
      each.id,
      cell(each.name),
      each.permission,
      listOf(each.owners),
      listOf(each.sites),
      each.state,
      moment(each.endsAt, now),
      moment(each.lastUsedAt, now),
    ]),
  );
}
