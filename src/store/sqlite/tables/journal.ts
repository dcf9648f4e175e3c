// The record of what was done, and how many rows there are of each kind.
import { sql } from 'kysely';
import type { ActorChannel } from '../../../domain/actor.ts';
import type { Instant } from '../../../domain/time.ts';
import { type JournalEntry, notedActions } from '../../../ports/journal.ts';
import type { JournalPlace, PlacedEntry } from '../../../ports/period.ts';
import type { Parameter, Queries } from '../query.ts';
import { build } from './schema.ts';

const columns = [
  'at',
  'action',
  'principal_id as principalId',
  'renewal_id as renewalId',
  'detail',
  'actor',
  'channel',
  'claimed',
  'reason',
] as const;

interface JournalRow extends Omit<JournalEntry, 'actor'> {
  readonly actor: string | null;
  readonly channel: ActorChannel | null;
  readonly claimed: 0 | 1 | null;
  readonly reason: string | null;
}

/** Written out, because spreading an entry takes longer than all else that is done here with it. */
function rowOf({ at, action, principalId, renewalId, detail, actor }: JournalEntry): JournalRow {
  const [name, channel, reason] = actor ? [actor.name, actor.channel, actor.reason] : [null, null, null];
  const claimed = actor === null ? null : actor.claimed ? 1 : 0;
  return { at, action, principalId, renewalId, detail, actor: name, channel, claimed, reason };
}

function entryOf({ actor, channel, claimed, reason, ...entry }: JournalRow): JournalEntry {
  if (actor === null || channel === null) return { ...entry, actor: null };
  return { ...entry, actor: { name: actor, channel, claimed: claimed === 1, reason } };
}

/** Lines written by one statement. */
const rowsTogether = 16;

export function journal(queries: Queries) {
  const addSome = queries.prepareRows(rowsTogether, (each: readonly Parameter<JournalRow>[]) =>
    build.insertInto('journal').values(
      each.map((p) => ({
        at: p('at'),
        action: p('action'),
        principal_id: p('principalId'),
        renewal_id: p('renewalId'),
        detail: p('detail'),
        actor: p('actor'),
        channel: p('channel'),
        claimed: p('claimed'),
        reason: p('reason'),
      })),
    ),
  );
  const forget = queries.prepare((p: Parameter<{ before: Instant; limit: number }>) =>
    build
      .deleteFrom('journal')
      .where('at', '<', p('before'))
      .where('id', 'in', (eb) =>
        // What was recorded first has the lowest id; that ids begin above 0 makes it a search of the key.
        eb.selectFrom('journal').select('id').where('id', '>', sql.lit(0)).orderBy('id').limit(p('limit')),
      ),
  );
  return {
    forgetJournal: (before: Instant, limit: number): number => forget.run({ before, limit }),
    journal: (query: { renewalId?: string }, limit: number): JournalEntry[] => {
      let select = build.selectFrom('journal').select(columns).orderBy('id', 'desc').limit(limit);
      const { renewalId } = query;
      if (renewalId !== undefined) {
        select = select
          .where('renewal_id', '=', renewalId)
          .where('principal_id', '=', (eb) =>
            eb.selectFrom('renewal').select('principal_id').where('id', '=', renewalId),
          );
      }
      return queries.all(select).map(entryOf);
    },
    record: (entry: JournalEntry): void => addSome([rowOf(entry)]),
    recordAll: (entries: readonly JournalEntry[]): void => addSome(entries.map(rowOf)),
  };
}

/** The journal by time. */
export function journalByTime(queries: Queries) {
  const lines = build.selectFrom('journal').select(['id', ...columns]);
  // What was recorded first has the lowest id; that ids begin above 0 makes it a search of the key.
  const first = queries.prepare(() =>
    build.selectFrom('journal').select('at').where('id', '>', sql.lit(0)).orderBy('id').limit(sql.lit(1)),
  );
  // Many lines may be of one moment: asked for together with later ones, each page would read them all again.
  const ofMoment = queries.prepare((p: Parameter<JournalPlace & { limit: number }>) =>
    lines.where('at', '=', p('at')).where('id', '>', p('id')).orderBy('id').limit(p('limit')),
  );
  const later = queries.prepare((p: Parameter<{ at: Instant; until: Instant; limit: number }>) =>
    lines.where('at', '>', p('at')).where('at', '<', p('until')).orderBy('at').orderBy('id').limit(p('limit')),
  );
  // Written out as the index has them, which is found by that alone.
  const isNoted = sql<boolean>`action IN (${sql.join(notedActions.map((action) => sql.lit(action)))})`;
  const noted = queries.prepare((p: Parameter<{ since: Instant; limit: number }>) =>
    lines.where(isNoted).where('at', '>=', p('since')).orderBy('at', 'desc').orderBy('id', 'desc').limit(p('limit')),
  );
  return {
    notedSince: (since: Instant, limit: number): JournalEntry[] =>
      noted.all({ since, limit }).map(({ id: _, ...row }) => entryOf(row)),
    journalBegins: (): Instant | null => first.get({})?.at ?? null,
    journalBetween: (after: JournalPlace, until: Instant, limit: number): PlacedEntry[] => {
      const same = after.at < until ? ofMoment.all({ ...after, limit }) : [];
      const rest = same.length < limit ? later.all({ at: after.at, until, limit: limit - same.length }) : [];
      return [...same, ...rest].map(({ id, ...row }) => ({ place: { at: row.at, id }, entry: entryOf(row) }));
    },
  };
}

/** Counts come from the tally that triggers keep: their cost follows the number of states. Every state is named. */
export function tally(queries: Queries) {
  const states = queries.prepare(() => build.selectFrom('tally').select(['subject', 'state', 'count']));
  return {
    counts: () => {
      const certificates: Record<string, number> = {};
      const renewals: Record<string, number> = {};
      const alerts: Record<string, number> = {};
      const late: Record<string, number> = {};
      const bySubject = { certificate: certificates, renewal: renewals, alert: alerts, late };
      for (const { subject, state, count } of states.all({})) bySubject[subject][state] = count;
      return { certificates, renewals, alerts, late: late['late'] ?? 0 };
    },
  };
}
