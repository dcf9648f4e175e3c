// Tells a principal that was chosen of a port whose chain nobody can trust, with a step that it keeps: whoever verifies the broker refuses
// that chain and says so. Nothing in the message tells it from another.
import type { PrincipalId } from '../../domain/principal.ts';
import { enrollmentTopic } from '../../domain/topics.ts';
import { trustMessage } from '../../domain/trust-ack.ts';
import { type PlanFacts, stepForControl } from '../../domain/trust-plan.ts';
import { type Changing, change } from '../change.ts';
import type { Context } from '../context.ts';
import { deliveryProfileOf } from '../renewal/delivery-profile.ts';
import type { WithRates } from '../renewal/token-bucket.ts';
import type { WithTurns } from '../turns.ts';
import { type SendDownContext, sendDown } from './send-down.ts';
import { planFacts } from './trust-facts.ts';

export type TellControlContext = SendDownContext & Changing & Pick<Context, 'settings'> & WithRates & WithTurns;

/** `queued`: there were as many announcements as there may be now. */
export type ToldControlled = 'told' | 'unheard' | 'queued' | 'nothing';

/** Nothing real is due to it: tells it of the control, once, if it was chosen and listens. */
export async function tellControl(app: TellControlContext, id: PrincipalId, facts: PlanFacts): Promise<ToldControlled> {
  const port = app.settings.trust.controlPort;
  if (port === null || !stepForControl(facts)) return 'nothing';
  if (!(await app.sessions.listens(id, enrollmentTopic(id, 'trust')))) return 'unheard';
  if (!app.rates.announcements.take()) return 'queued';
  const step = await change(app, async ({ tx, now, afterwards }) => {
    const then = await planFacts(tx, id, now);
    const found = stepForControl(then);
    const { control } = then.told;
    if (!found || !control) return null;
    await tx.putTrustTold({ ...then.told, control: { ...control, sequence: found.sequence, at: now } });
    afterwards(() => {
      app.decisions.tell({
        action: 'trust.announced',
        message: `${id}: told of step ${found.sequence} with port ${port}, which is a control`,
        fields: { 'nolapse.principal': id },
      });
    });
    return found;
  });
  if (!step) return 'nothing';
  await app.turns.take();
  const delivery = await deliveryProfileOf(app, id, null);
  const message = trustMessage({ ...step, port, isControl: true });
  await sendDown(app, id, delivery, { word: 'trust', ...message }, { path: null, certificate: null });
  return 'told';
}
