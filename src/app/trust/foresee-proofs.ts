// Walks the principals that have not proved a root, a page at a time: how far each has come, and when it will have proved it. Status, alerts
// and lists count what is found here, and nothing else.
import { gapsOf, neverCameBack } from '../../domain/presence.ts';
import type { Instant } from '../../domain/time.ts';
import {
  type Confirmation,
  confirmationOf,
  provedBy,
  type UnprovedFacts,
  type UnprovedReason,
  unprovedReason,
} from '../../domain/trust-proof.ts';
import { noRecord, progressTowards } from '../../domain/trust-record.ts';
import { type Absence, absentMs, awayMs } from '../../domain/visits.ts';
import type { UnderRoot } from '../../ports/trust.ts';
import type { Context } from '../context.ts';
import { pagesOf } from '../pages.ts';
import type { WithTurns } from '../turns.ts';
import type { WithWhereabouts } from '../whereabouts.ts';

export type ForeseeProofsContext = Pick<Context, 'store' | 'clock'> & WithTurns & WithWhereabouts;

/** Principals read and judged before others have a turn. */
const pageMax = 100;

export interface ProofQuery {
  /** The number of the root that is to be proved. */
  readonly root: number;
  /** When the root before it ends. */
  readonly endsAt: Instant;
  /** From when on those that listen are told of it; null: they are not. */
  readonly toldFrom: Instant | null;
  /** Ends the walk early. */
  readonly signal?: AbortSignal;
}

/** Somebody in service that has not proved the root. */
export interface ProofAhead extends UnderRoot {
  readonly confirmation: Confirmation;
  /** Why it will not have proved it in time; null: it will, or it does not gate. */
  readonly reason: UnprovedReason | null;
  /** When it will have; null: never, or it does not gate. */
  readonly by: Instant | null;
}

/** In the order of the roots under which they connected last, and of ids: those that never connected come first. It changes nothing. */
export async function* foreseeProofs(app: ForeseeProofsContext, query: ProofQuery): AsyncGenerator<ProofAhead> {
  const now = app.clock.now();
  const absences = await app.presences.absences();
  const next = async (last: UnderRoot | null) => {
    await app.turns.take();
    return app.store.read.unproved(query.root, last, pageMax);
  };
  for await (const page of pagesOf(pageMax, next)) {
    for (const each of page) yield await foreseeProof(app, each, query, absences, now);
    if (query.signal?.aborted) break;
  }
}

/** The same of these alone, in their order. */
export async function foreseeThese(
  app: ForeseeProofsContext,
  rows: readonly UnderRoot[],
  query: ProofQuery,
): Promise<ProofAhead[]> {
  const now = app.clock.now();
  const absences = await app.presences.absences();
  const all: ProofAhead[] = [];
  for (const [at, each] of rows.entries()) {
    if (at % pageMax === 0) await app.turns.take();
    all.push(await foreseeProof(app, each, query, absences, now));
  }
  return all;
}

async function foreseeProof(
  app: ForeseeProofsContext,
  one: UnderRoot,
  { root, endsAt, toldFrom }: ProofQuery,
  absences: readonly Absence[],
  now: Instant,
): Promise<ProofAhead> {
  const record = (await app.store.read.trustRecord(one.id)) ?? noRecord(one.id);
  const progress = progressTowards(record, root);
  const confirmation = confirmationOf(progress);
  if (!one.gates) return { ...one, confirmation, reason: null, by: null };
  const facts = { progress, toldFrom, ...(await comings(app, one, absences, now)) };
  return { ...one, confirmation, reason: unprovedReason(facts, endsAt, now), by: provedBy(facts, now) };
}

/** How it comes on its own connections. */
async function comings(
  { store: { read }, presences }: ForeseeProofsContext,
  { id, last }: UnderRoot,
  absences: readonly Absence[],
  now: Instant,
): Promise<Omit<UnprovedFacts, 'progress'>> {
  const visits = await read.presence(id);
  const gaps = gapsOf(visits?.gaps ?? neverCameBack);
  if (presences.isHere(id)) return { gaps, awayMs: 0, stayedMs: visits ? Math.max(0, now - visits.cameAt) : 0 };
  // A site gateway may have brought word of it.
  if (last === 0) return { gaps, awayMs: null, stayedMs: 0 };
  if (visits) return { gaps, awayMs: awayMs(visits, absences, now), stayedMs: 0 };
  const seenAt = (await read.horizonOf(id))?.certificate.lastSeenAt ?? null;
  const away = seenAt === null ? null : Math.max(0, now - seenAt - absentMs(absences, seenAt, now));
  return { gaps, awayMs: away, stayedMs: 0 };
}
