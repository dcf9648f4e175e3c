// What the commands for tokens and operators share: the right that is given, how it is shown, and their list.
import { type Command, Option } from 'commander';
import type { Operations } from '../app/operator/operate.ts';
import type { AskedRight, CredentialView } from '../app/views/access.ts';
import { permissions } from '../domain/access-right.ts';
import {
  apartOf,
  type CommonOptions,
  remarkIfFull,
  type Surroundings,
  withCommon,
  withLimit,
  withOperations,
} from './invocation.ts';
import { answerList, cell, fields, moment } from './output.ts';
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

function credentialTable(list: readonly CredentialView[]): string {
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

type ListOptions = CommonOptions & { readonly limit: number; readonly after?: string };

interface Listing {
  readonly of: 'tokens' | 'operators';
  readonly list: (
    operations: Operations,
    query: Pick<ListOptions, 'limit' | 'after'>,
  ) => Promise<readonly CredentialView[]>;
}

/** Gives a group its command `list`. */
export function registerCredentialList(group: Command, surroundings: Surroundings, { of, list }: Listing): void {
  withLimit(withCommon(group.command('list')))
    .description(`list ${of}, ended and revoked ones too`)
    .option('--after <id>', 'begin after this one')
    .action(async (options: ListOptions) => {
      const { output, ...query } = apartOf(options);
      const found = await withOperations(surroundings, options, (each) => list(each, query));
      answerList(output, of, found, () => credentialTable(found));
      remarkIfFull(found, options.limit, `go on with --after ${found.at(-1)?.id}`);
    });
}
