// Has the policies take effect as the configuration says them now, while the broker serves: all of them, or with one fault none. Those
// that leave certificates too little time need somebody who insists. The due dates that follow are computed anew beside it.
import { isDeepStrictEqual } from 'node:util';
import { type Actor, brokerActor } from '../../domain/actor.ts';
import type { PolicySet } from '../../domain/policy-set.ts';
import { criticalities } from '../../domain/principal.ts';
import { actingAs } from '../acting.ts';
import { type Changing, change } from '../change.ts';
import type { Context } from '../context.ts';
import { OperationError } from '../operation-error.ts';
import { type PreviewPoliciesContext, previewPolicies } from '../oversight/preview-policies.ts';
import { refusedReload } from '../oversight/refused-reload.ts';
import { allow, checkInsistence } from '../renewal/decide.ts';
import type { WithRates } from '../renewal/token-bucket.ts';
import { pacesOf, type Toll } from '../renewal/toll.ts';
import type { ReloadRequest, ReloadView } from '../views/policies.ts';

type ReloadContext = PreviewPoliciesContext & Changing;

/** A signal says nothing of who sent it. */
const signalActor: Actor = { ...brokerActor, reason: 'SIGHUP' };

/** Reads the configuration. Throws an OperationError `invalid` with every fault. */
export type Reread = () => { readonly policies: PolicySet; readonly atNextStart: readonly string[] };

/**
 * Rejects with `invalid`; with `conflict` where there is nothing to reload, or where the policies leave certificates too little time
 * and nobody insists.
 */
export async function reload(
  app: ReloadContext,
  reread: Reread | null,
  request: ReloadRequest = {},
): Promise<ReloadView> {
  checkInsistence(request);
  if (!reread)
    throw new OperationError('conflict', ['no gateway runs here: it reads its configuration when it starts']);
  const { policies, atNextStart } = readOrTell(app, reread);
  const changed = differing(app.policies.set, policies);
  const toll = changed.length > 0 ? await previewPolicies(app, policies) : null;
  const view = { changed, atNextStart, toll: toll?.view(pacesOf(app.rates)) ?? null };
  if (request.dryRun) return { ...view, applied: false };
  if (toll) await allowOrTell(app, toll, request);
  app.policies.replace(policies);
  const which = changed.length > 0 ? `changed policies: ${changed.join(', ')}` : 'no policy has changed';
  const later = atNextStart.length > 0 ? `; takes effect after a restart: ${atNextStart.join(', ')}` : '';
  await change(app, async ({ clearAlert, record }) => {
    await clearAlert(refusedReload);
    await record({
      action: 'policy.reloaded',
      message: `the policies were reloaded: ${which}${later}`,
      fields: { 'nolapse.changed': changed, 'nolapse.at_next_start': atNextStart },
    });
  });
  return { ...view, applied: true };
}

/** The same for a signal, which nobody can be answered: what is refused for want of time raises an alert. Never rejects. */
export async function reloadUnattended(app: ReloadContext, reread: Reread | null): Promise<void> {
  try {
    await reload(actingAs(app, signalActor), reread);
  } catch (error) {
    if (!(error instanceof OperationError) || error.code !== 'conflict') return;
    const detail = `the changed policies do not hold, ${error.faults[0] ?? 'refused'}`;
    await change(app, ({ alert }) => alert({ ...refusedReload, severity: 'warning', detail, owner: null })).catch(
      () => undefined,
    );
  }
}

async function allowOrTell(app: Changing & WithRates, toll: Toll, request: ReloadRequest): Promise<void> {
  const objections = toll.objections(pacesOf(app.rates).mostPerDay);
  if (objections.length > 0 && !request.force) {
    const faults = objections.map(({ sentence }) => sentence);
    app.decisions.tell({
      action: 'policy.refused',
      reason: 'too_little_time',
      message: `the policies were not changed: ${faults.join('; ')}`,
      fields: { 'nolapse.faults': faults, 'nolapse.short': toll.short },
    });
  }
  await allow(app, { what: 'the changed policies', command: 'nolapse reload' }, objections, request);
}

function readOrTell(app: Pick<Context, 'decisions'>, reread: Reread): ReturnType<Reread> {
  try {
    return reread();
  } catch (error) {
    const faults = error instanceof OperationError ? error.faults : ['it could not be read'];
    app.decisions.tell({
      action: 'policy.refused',
      message: `the policies were not changed, because the configuration has faults: ${faults.join('; ')}`,
      fields: { 'nolapse.faults': faults },
    });
    throw error;
  }
}

function differing(before: PolicySet, after: PolicySet): string[] {
  const names = [...new Set([...before.keys(), ...after.keys()])];
  return names.flatMap((name) =>
    criticalities
      .filter((each) => !isDeepStrictEqual(before.get(name)?.[each].policy, after.get(name)?.[each].policy))
      .map((each) => `${name}/${each}`),
  );
}
