// The slots of issuing CAs. There are few, and few of them change.
import { sql } from 'kysely';
import type { Fingerprint } from '../../../domain/certificate.ts';
import { firstIssuer, type IssuingSlot, livingSlotsMax } from '../../../domain/issuing-slots.ts';
import type { Instant } from '../../../domain/time.ts';
import type { Parameter, Queries } from '../query.ts';
import { build } from './schema.ts';

const columns = [
  'number',
  'root',
  'state',
  'key_fingerprint as keyFingerprint',
  'fingerprint',
  'not_before as notBefore',
  'not_after as notAfter',
  'prepared_at as preparedAt',
  'activated_at as activatedAt',
  'replaced_at as replacedAt',
  'ended_at as endedAt',
  'last_leaf_end as lastLeafEnd',
] as const;

interface Row extends Omit<IssuingSlot, 'certificate'> {
  readonly fingerprint: Fingerprint | null;
  readonly notBefore: Instant | null;
  readonly notAfter: Instant | null;
}

function slotOf({ fingerprint, notBefore, notAfter, ...rest }: Row): IssuingSlot {
  const certificate =
    fingerprint === null || notBefore === null || notAfter === null ? null : { fingerprint, notBefore, notAfter };
  return { ...rest, certificate };
}

function rowOf({ certificate, ...rest }: IssuingSlot): Row {
  const { fingerprint = null, notBefore = null, notAfter = null } = certificate ?? {};
  return { ...rest, fingerprint, notBefore, notAfter };
}

function prepareReads(queries: Queries) {
  const slots = build.selectFrom('issuing_slot').select(columns);
  return {
    living: queries.prepare(() =>
      slots
        .where('ended_at', 'is', null)
        // So that the index on them is taken.
        .where('number', '>', sql.lit(0))
        .orderBy('number')
        .limit(sql.lit(2 * livingSlotsMax)),
    ),
    ended: queries.prepare((p: Parameter<{ limit: number }>) =>
      slots
        .where('ended_at', 'is not', null)
        .where('number', '>', sql.lit(0))
        .orderBy('number', 'desc')
        .limit(p('limit')),
    ),
    last: queries.prepare(() =>
      build
        .selectFrom('issuing_slot')
        .select('number')
        .where('number', '>', sql.lit(0))
        .orderBy('number', 'desc')
        .limit(sql.lit(1)),
    ),
  };
}

function preparePut(queries: Queries) {
  return queries.prepare((p: Parameter<Row>) => {
    const facts = {
      root: p('root'),
      state: p('state'),
      key_fingerprint: p('keyFingerprint'),
      fingerprint: p('fingerprint'),
      not_before: p('notBefore'),
      not_after: p('notAfter'),
      prepared_at: p('preparedAt'),
      activated_at: p('activatedAt'),
      replaced_at: p('replacedAt'),
      ended_at: p('endedAt'),
    };
    return build
      .insertInto('issuing_slot')
      .values({ number: p('number'), last_leaf_end: p('lastLeafEnd'), ...facts })
      .onConflict((conflict) => conflict.column('number').doUpdateSet(facts));
  });
}

function prepareSettle(queries: Queries) {
  return {
    disown: queries.prepare((p: Parameter<{ extension: Uint8Array }>) =>
      build
        .updateTable('certificate')
        .set({ issuer: sql.lit(null) })
        .where('issuer', '=', sql.lit(firstIssuer))
        .where(sql`instr(der, ${p('extension')})`, '=', sql.lit(0)),
    ),
    findLast: queries.prepare(() =>
      build
        .updateTable('issuing_slot')
        .set({
          last_leaf_end: sql<Instant>`coalesce((SELECT max(not_after) FROM certificate WHERE issuer = issuing_slot.number), 0)`,
        })
        .where('number', '=', sql.lit(firstIssuer)),
    ),
  };
}

export function issuingSlots(queries: Queries) {
  const read = prepareReads(queries);
  const put = preparePut(queries);
  const settle = prepareSettle(queries);
  const forgetFirst = queries.prepare(() =>
    build.deleteFrom('issuing_slot').where('number', '=', sql.lit(firstIssuer)),
  );
  return {
    issuingSlots: (): IssuingSlot[] => read.living.all({}).map(slotOf),
    endedIssuingSlots: (limit: number): IssuingSlot[] => read.ended.all({ limit }).map(slotOf),
    lastIssuingNumber: (): number => read.last.get({})?.number ?? 0,
    putIssuingSlot: (slot: IssuingSlot): void => void put.run(rowOf(slot)),
    forgetFirstIssuingSlot: (): void => void forgetFirst.run({}),
    settleFirstIssuer: (extension: Uint8Array): void => {
      settle.disown.run({ extension });
      settle.findLast.run({});
    },
  };
}
