// Looks at the principals whose time has come, and has alerts stand for what is wrong with each of them, and for nothing else. The store
// has whoever has changed looked at; the rest of the fleet is walked through when policies or the clock have changed.
import type { AlertKind } from '../../domain/alert.ts';
import { neverCameBack } from '../../domain/presence.ts';
import type { PrincipalId } from '../../domain/principal.ts';
import { lightsUntil } from '../../domain/standing.ts';
import { failureIsOver, type WatchedRenewal, type WatchFacts, watch, watchedKinds } from '../../domain/watch.ts';
import type { Reader } from '../../ports/store.ts';
import { type Change, type Changing, change } from '../change.ts';
import type { Context } from '../context.ts';
import { awaitedFrom } from '../renewal/hold.ts';
import type { WithWhereabouts } from '../whereabouts.ts';
import { comingsOf } from './comings.ts';

/** Principals looked at in one transaction: all of them may have alerts to raise. */
export const watchBatch = 50;

/** Looks at those that are due. @returns how many. */
export async function watchDue(
  within: Change<Pick<Context, 'policies' | 'settings'> & WithWhereabouts>,
  limit: number,
): Promise<number> {
  const due = await within.tx.dueWatches(within.now, limit);
  for (const id of due) await watchOne(within, id);
  return due.length;
}

async function watchOne(
  within: Change<Pick<Context, 'policies' | 'settings'> & WithWhereabouts>,
  id: PrincipalId,
): Promise<void> {
  const { app, tx, now } = within;
  const principal = await tx.principal(id);
  if (!principal) return tx.putWatch(id, null);
  const presence = await tx.presence(id);
  const gaps = presence?.gaps ?? neverCameBack;
  const renewals: WatchedRenewal[] = [];
  for (const each of await tx.unendedRenewals(id)) {
    renewals.push({
      ...each,
      awaitedFrom: await awaitedFrom(app, tx, each, principal, gaps),
      refusals: await tx.refusalsOf(each.id),
    });
  }
  const { conditions, nextAt } = watch({
    principal,
    certificates: await certificatesOf(within, id),
    renewals,
    ...comingsOf(app, id, presence),
    policy: app.policies.of(principal),
    now,
  });
  // Most have none open: one read says so for all kinds.
  const open = new Set((await tx.openAlertsOf(id)).map(({ kind }) => kind));
  const clear = async (kind: AlertKind): Promise<void> => {
    if (open.has(kind)) await within.clearAlert({ kind, subject: id });
  };
  for (const kind of watchedKinds) {
    const condition = conditions.get(kind);
    if (condition) await within.alert(condition);
    else await clear(kind);
  }
  if (failureIsOver({ principal, renewals })) await clear('renewal_failed');
  await tx.putWatch(id, nextAt);
}

/** Where none of those that may open a session, or could until they expired, lets it in, the one that did last is among them. */
async function certificatesOf({ tx, now }: Change, id: PrincipalId): Promise<WatchFacts['certificates']> {
  const known = await tx.certificatesInUse(id, id);
  if (known.some((each) => each.activatedAt !== null && lightsUntil(each) > now)) return known;
  const last = (await tx.horizonOf(id))?.certificate;
  return last && known.every(({ fingerprint }) => fingerprint !== last.fingerprint) ? [...known, last] : known;
}

const settingName = 'watch';

/** Has everybody looked at, a page at a time. */
export async function watchAnew({ tx }: Change): Promise<void> {
  await tx.putSetting(settingName, '');
}

const kindsSetting = 'watched-kinds';

/** At the start: of a kind that is new with this version, nobody who has not changed since was looked at. */
export async function watchNewKinds(within: Change): Promise<void> {
  const kinds = watchedKinds.toSorted().join(' ');
  if ((await within.tx.setting(kindsSetting)) === kinds) return;
  await within.tx.putSetting(kindsSetting, kinds);
  await watchAnew(within);
}

/** What is kept of a walk that has come to its end: no id. */
const ended = '*';

/** Has a walk not come to its end? */
export async function mustWalk(read: Reader): Promise<boolean> {
  return ((await read.setting(settingName)) ?? ended) !== ended;
}

/**
 * Goes on with a walk through the inventory. It is read before the change: where it cannot be read, nothing is known of what can be written.
 * @returns how many principals were put on the list of those to be looked at.
 */
export async function walkOn(app: Changing, limit: number): Promise<number> {
  const { read } = app.store;
  // The last id of the page before; empty at first.
  const after = (await read.setting(settingName)) ?? ended;
  if (after === ended) return 0;
  const page = await read.principals({}, { limit, ...(after && { after }) });
  await change(app, async ({ tx }) => {
    if ((await tx.setting(settingName)) !== after) return;
    for (const { id } of page) await tx.putWatch(id, 0);
    await tx.putSetting(settingName, page.length === limit ? (page.at(-1)?.id ?? ended) : ended);
  });
  return page.length;
}
