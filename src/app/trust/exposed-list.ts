// Lists who still trusts a root that is not to be trusted, with what is left to do, a page at a time.
import { type DistrustedRoot, distrustedRoots, exposureStandings, exposureTo } from '../../domain/trust-exposure.ts';
import { type KeptStep, settledOn, toldSince } from '../../domain/trust-told.ts';
import type { Reader } from '../../ports/store.ts';
import type { TrustPlace, UnderRoot } from '../../ports/trust.ts';
import type { Context } from '../context.ts';
import type { ExposedPage, ExposedView } from '../views/trust-exposure.ts';
import { readMarks } from './root-marks.ts';

/** The roots that devices must not trust any more. */
export async function rootsDistrusted({
  store: { read },
  clock,
}: Pick<Context, 'store' | 'clock'>): Promise<DistrustedRoot[]> {
  const slots = await read.rootSlots();
  return distrustedRoots(slots, await readMarks(read), await read.revokedIssuing(), clock.now());
}

/** Sequences of the steps in which a root newer than this one drops the older ones. */
function dropsOf(steps: readonly KeptStep[], root: number): ReadonlySet<number> {
  const drops = steps.filter(
    ({ kind, signer, announcedFrom }) => kind === 'drop' && signer > root && announcedFrom !== null,
  );
  return new Set(drops.map(({ sequence }) => sequence));
}

/** Only its own word counts, and only since its proof was last reopened: a device that was reset holds what it was made with. */
async function hasDropped(
  read: Pick<Reader, 'trustTold' | 'trustRecord'>,
  { id }: UnderRoot,
  drops: ReadonlySet<number>,
): Promise<boolean> {
  const told = drops.size > 0 ? await read.trustTold(id) : null;
  if (!told) return false;
  const reopenedAt = (await read.trustRecord(id))?.reopenedAt ?? null;
  const since = toldSince(told, { lastRoot: 0, reopenedAt, offered: 0 });
  return settledOn(since, 'own').some(({ sequence, stored }) => stored && drops.has(sequence));
}

interface Distrusted {
  readonly root: number;
  readonly drops: ReadonlySet<number>;
  /** Roots that were given up: nobody is on the way to one. */
  readonly aborted: ReadonlySet<number>;
}

async function viewOf(
  read: Pick<Reader, 'trustTold' | 'trustRecord'>,
  row: UnderRoot,
  { root, drops, aborted }: Distrusted,
): Promise<ExposedView | null> {
  const { isStored, next, gates: _, ...who } = row;
  const { last } = who;
  const place = { last, next: aborted.has(next) ? 0 : next, isStored, hasDropped: await hasDropped(read, row, drops) };
  const standing = exposureTo(root, place);
  return standing && { ...who, standing, left: exposureStandings[standing] };
}

/**
 * Principals in service that connect themselves. One behind a site gateway that never did verifies no broker.
 * @param after the place after which the page begins; null: the first. Reads `limit` rows, of which some may not be exposed.
 */
export async function listExposed(
  app: Pick<Context, 'store' | 'clock'>,
  after: { readonly last: number; readonly id: string } | null,
  limit: number,
): Promise<ExposedPage> {
  const { read } = app.store;
  const root = (await rootsDistrusted(app)).at(-1)?.root;
  if (root === undefined) return { root: null, principals: [], next: null };
  const slots = await read.rootSlots();
  const distrusted: Distrusted = {
    root,
    drops: dropsOf(await read.trustSteps(), root),
    aborted: new Set(slots.filter(({ state }) => state === 'aborted').map(({ number }) => number)),
  };
  // Below a root that nobody has yet is everybody.
  const rows = await read.unproved(
    Math.max(...slots.map(({ number }) => number)) + 1,
    after as TrustPlace | null,
    limit,
  );
  const principals: ExposedView[] = [];
  for (const row of rows) {
    const view = row.gates || row.last > 0 ? await viewOf(read, row, distrusted) : null;
    if (view) principals.push(view);
  }
  const end = rows.length === limit ? rows.at(-1) : undefined;
  return { root, principals, next: end ? { last: end.last, id: end.id } : null };
}
