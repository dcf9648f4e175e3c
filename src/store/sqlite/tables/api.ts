// What opens the HTTP API, and what waits for a second operator.
import { sql } from 'kysely';
import { type ApiCredential, type CredentialKind, credentialsMax } from '../../../domain/api-credential.ts';
import type { Fingerprint } from '../../../domain/certificate.ts';
import { NolapseError } from '../../../domain/errors.ts';
import type { Instant } from '../../../domain/time.ts';
import { type Approval, approvalsMax } from '../../../ports/approvals.ts';
import type { Page } from '../../../ports/page.ts';
import type { Parameter, Queries } from '../query.ts';
import { build } from './schema.ts';

const namedMax = 100;

const rows = build
  .selectFrom('api_credential')
  .select([
    'id',
    'kind',
    'name',
    'person',
    'digest',
    'permission',
    'owners',
    'sites',
    'parent',
    'created_at as createdAt',
    'created_by as createdBy',
    'ends_at as endsAt',
    'revoked_at as revokedAt',
    'last_used_at as lastUsedAt',
  ]);

type Row = Omit<ApiCredential, 'owners' | 'sites'> & { readonly owners: string | null; readonly sites: string | null };

const listOf = (text: string | null): string[] | null => (text === null ? null : (JSON.parse(text) as string[]));
const textOf = (list: readonly string[] | null): string | null => (list === null ? null : JSON.stringify(list));
const credentialOf = (row: Row): ApiCredential => ({ ...row, owners: listOf(row.owners), sites: listOf(row.sites) });
const rowOf = (one: ApiCredential): Row => ({ ...one, owners: textOf(one.owners), sites: textOf(one.sites) });

function prepareWrites(queries: Queries) {
  const add = queries.prepare((p: Parameter<Row>) =>
    build.insertInto('api_credential').values({
      id: p('id'),
      kind: p('kind'),
      name: p('name'),
      person: p('person'),
      digest: p('digest'),
      permission: p('permission'),
      owners: p('owners'),
      sites: p('sites'),
      parent: p('parent'),
      created_at: p('createdAt'),
      created_by: p('createdBy'),
      ends_at: p('endsAt'),
      revoked_at: p('revokedAt'),
      last_used_at: p('lastUsedAt'),
    }),
  );
  const change = queries.prepare((p: Parameter<Row>) =>
    build
      .updateTable('api_credential')
      .set({ revoked_at: p('revokedAt'), last_used_at: p('lastUsedAt') })
      .where('id', '=', p('id')),
  );
  const forgetEnded = queries.prepare((p: Parameter<{ before: Instant }>) =>
    build.deleteFrom('api_credential').where('ends_at', '<', p('before')),
  );
  const forgetRevoked = queries.prepare((p: Parameter<{ before: Instant }>) =>
    build.deleteFrom('api_credential').where('revoked_at', '<', p('before')),
  );
  const forget = (before: Instant): void => {
    forgetEnded.run({ before });
    forgetRevoked.run({ before });
  };
  return { add, change, forget };
}

export function apiCredentials(queries: Queries) {
  const byId = queries.prepare((p: Parameter<{ id: string }>) => rows.where('id', '=', p('id')));
  const byDigest = queries.prepare((p: Parameter<{ digest: Fingerprint }>) => rows.where('digest', '=', p('digest')));
  const page = queries.prepare((p: Parameter<{ kind: CredentialKind; after: string; limit: number }>) =>
    rows.where('kind', '=', p('kind')).where('id', '>', p('after')).orderBy('id').limit(p('limit')),
  );
  const named = queries.prepare((p: Parameter<{ kind: CredentialKind; name: string; now: Instant }>) =>
    rows
      .where('kind', '=', p('kind'))
      .where('name', '=', p('name'))
      .where('revoked_at', 'is', sql.lit(null))
      .where('ends_at', '>', p('now'))
      .limit(sql.lit(namedMax)),
  );
  const living = queries.prepare((p: Parameter<{ now: Instant }>) =>
    build
      .selectFrom('api_credential')
      .select((eb) => eb.fn.countAll<number>().as('count'))
      .where('revoked_at', 'is', sql.lit(null))
      .where('ends_at', '>', p('now')),
  );
  const { add, change, forget } = prepareWrites(queries);
  const one = (row: Row | undefined): ApiCredential | null => (row ? credentialOf(row) : null);
  return {
    apiCredential: (id: string) => one(byId.get({ id })),
    apiCredentialBy: (digest: Fingerprint) => one(byDigest.get({ digest })),
    apiCredentials: (kind: CredentialKind, { after = '', limit }: Page) =>
      page.all({ kind, after, limit }).map(credentialOf),
    apiCredentialsNamed: (kind: CredentialKind, name: string, now: Instant) =>
      named.all({ kind, name, now }).map(credentialOf),
    putApiCredential: (credential: ApiCredential): void => {
      if (change.run(rowOf(credential)) > 0) return;
      if ((living.get({ now: credential.createdAt })?.count ?? 0) >= credentialsMax) {
        throw new NolapseError('conflict', `there are ${credentialsMax} tokens and operators already`);
      }
      add.run(rowOf(credential));
    },
    forgetApiCredentials: forget,
  };
}

const waiting = build
  .selectFrom('approval')
  .select([
    'id',
    'operation',
    'input',
    'summary',
    'credential',
    'person',
    'asked_by as askedBy',
    'reason',
    'asked_at as askedAt',
    'ends_at as endsAt',
  ]);

export function approvals(queries: Queries) {
  const byId = queries.prepare((p: Parameter<{ id: string }>) => waiting.where('id', '=', p('id')));
  const all = queries.prepare(() => waiting.where('id', '>', sql.lit('')).orderBy('id').limit(sql.lit(approvalsMax)));
  const add = queries.prepare((p: Parameter<Approval>) =>
    build.insertInto('approval').values({
      id: p('id'),
      operation: p('operation'),
      input: p('input'),
      summary: p('summary'),
      credential: p('credential'),
      person: p('person'),
      asked_by: p('askedBy'),
      reason: p('reason'),
      asked_at: p('askedAt'),
      ends_at: p('endsAt'),
    }),
  );
  const drop = queries.prepare((p: Parameter<{ id: string }>) =>
    build.deleteFrom('approval').where('id', '=', p('id')),
  );
  const forget = queries.prepare((p: Parameter<{ before: Instant }>) =>
    build.deleteFrom('approval').where('ends_at', '<=', p('before')),
  );
  return {
    approval: (id: string): Approval | null => byId.get({ id }) ?? null,
    approvals: (): Approval[] => all.all({}),
    putApproval: (approval: Approval): void => {
      if (all.all({}).length >= approvalsMax) {
        throw new NolapseError('conflict', `${approvalsMax} requests wait for a second operator already`);
      }
      add.run(approval);
    },
    dropApproval: (id: string): boolean => drop.run({ id }) > 0,
    forgetApprovals: (before: Instant): void => void forget.run({ before }),
  };
}
