// Shows what other policies would do to the dates of all certificates in use, before they take effect. It changes nothing, and holds no
// more of the fleet than a page.
import { graceMs } from '../../domain/policy.ts';
import type { PolicySet } from '../../domain/policy-set.ts';
import { criticalities, type Principal } from '../../domain/principal.ts';
import type { SurveyedCertificate } from '../../ports/ledger.ts';
import type { Outlook } from '../../ports/outlooks.ts';
import type { Context } from '../context.ts';
import { afterId, pagesOf } from '../pages.ts';
import { Policies } from '../policies.ts';
import { Toll } from '../renewal/toll.ts';
import { type WeighContext, type Weighing, weigh } from '../renewal/weigh.ts';
import type { WithTurns } from '../turns.ts';

export type PreviewPoliciesContext = WeighContext & WithTurns;

/** Certificates read and compared before others have a turn. */
const pageMax = 200;

/** Ends early when `signal` aborts. */
export async function previewPolicies(
  app: PreviewPoliciesContext,
  next: PolicySet,
  signal?: AbortSignal,
): Promise<Toll> {
  const [without, withThem] = [new Policies(app.policies.set), new Policies(next)];
  const toll = new Toll();
  const absences = await app.presences.absences();
  const weighing: Weighing = { app, toll, absences, now: app.clock.now() };
  const read = async (last: Outlook | null) => {
    await app.turns.take();
    return app.store.read.outlooks(Number.MAX_SAFE_INTEGER, last?.place ?? null, pageMax);
  };
  for await (const page of pagesOf(pageMax, read)) {
    for (const outlook of page) {
      const { principal, standsBehind } = outlook;
      const side = { principal, standsBehind };
      const [now, then] = [without.of(principal), withThem.of(principal)];
      await weigh(weighing, outlook, { ...side, policy: now }, { ...side, policy: then });
    }
    if (signal?.aborted) break;
  }
  await countLockedOut(app, without, withThem, toll, signal);
  return toll;
}

/**
 * Adds those that have ended, may still come in to renew, and may not under the other policies: their grace is shorter. The fleet is
 * read for that only where grace becomes shorter for anybody.
 */
export async function countLockedOut(
  app: Pick<Context, 'store' | 'clock'> & WithTurns,
  without: Policies,
  withThem: Policies,
  toll: Toll,
  signal?: AbortSignal,
): Promise<void> {
  if (!isGraceShorter(without, withThem)) return;
  const { read } = app.store;
  const next = async (last: Principal | null) => {
    await app.turns.take();
    return read.principals({}, { limit: pageMax, ...afterId(last) });
  };
  for await (const page of pagesOf(pageMax, next)) {
    const [first, last] = [page[0]?.id, page.at(-1)?.id];
    const lasts = first && last ? lastOf(await read.certificatesInUse(first, last)) : new Map();
    for (const principal of page) lookAtEnded(app, principal, lasts.get(principal.id), without, withThem, toll);
    if (signal?.aborted) break;
  }
}

function isGraceShorter(without: Policies, withThem: Policies): boolean {
  const names = new Set([...without.set.keys(), ...withThem.set.keys()]);
  return [...names].some((name) =>
    criticalities.some((criticality) => {
      const subject = { class: name, criticality };
      return graceMs(withThem.of(subject)) < graceMs(without.of(subject));
    }),
  );
}

/** The certificate of each principal that counts: one that may open a session, else the one that ended last. */
function lastOf(certificates: readonly SurveyedCertificate[]): Map<string, SurveyedCertificate> {
  const found = new Map<string, SurveyedCertificate>();
  for (const each of certificates) {
    const known = found.get(each.principalId);
    if (!known || known.state === 'expired') found.set(each.principalId, each);
  }
  return found;
}

function lookAtEnded(
  app: Pick<Context, 'clock'>,
  principal: Principal,
  certificate: SurveyedCertificate | undefined,
  without: Policies,
  withThem: Policies,
  toll: Toll,
): void {
  if (certificate?.state !== 'expired' || principal.status !== 'active') return;
  const now = app.clock.now();
  const endsUnder = (policies: Policies): number => certificate.notAfter + graceMs(policies.of(principal));
  if (endsUnder(without) <= now || endsUnder(withThem) > now) return;
  const { id, owner } = principal;
  const { serial, notAfter: endsAt } = certificate;
  toll.leavesShort({ id, owner, serial, endsAt, dueAt: null, why: 'no_grace' });
}
