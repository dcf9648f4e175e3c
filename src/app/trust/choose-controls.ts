// Chooses once a day whom a control is tried on: of those that have proved a root, for nothing real is due to them.
import { buildOf, ControlSample, controlsPerDay } from '../../domain/control-sample.ts';
import type { PrincipalId } from '../../domain/principal.ts';
import { dayMs, type Instant } from '../../domain/time.ts';
import { isAnnounced } from '../../domain/trust-told.ts';
import type { UnderRoot } from '../../ports/trust.ts';
import { type Change, type Changing, change } from '../change.ts';
import type { Context } from '../context.ts';
import { planFacts } from '../enrollment/trust-facts.ts';
import { pagesOf } from '../pages.ts';
import type { WithTurns } from '../turns.ts';

export type ChooseControlsContext = Changing & Pick<Context, 'settings'> & WithTurns;

const settingName = 'controls-chosen';
/** Principals that are read before others have a turn. */
const pageMax = 100;
export const chooseControlsEveryMs: number = dayMs;

/** When they were chosen last; null: never. */
export async function controlsChosenAt({ store }: Pick<Context, 'store'>): Promise<Instant | null> {
  const text = await store.read.setting(settingName);
  return text === null ? null : Number(text);
}

/** @returns how many were chosen; they are told when nothing else is due to them and they listen. */
export async function chooseControls(app: ChooseControlsContext, signal: AbortSignal): Promise<number> {
  const { read } = app.store;
  const now = app.clock.now();
  const steps = (await read.trustSteps()).filter((step) => step.kind === 'successor' && isAnnounced(step, now));
  const sample = new ControlSample(steps.map(({ sequence }) => sequence).join(' '));
  for (const { named } of steps) {
    const next = async (last: UnderRoot | null) => {
      await app.turns.take();
      return read.lastUnder(named, last?.id ?? null, pageMax);
    };
    for await (const page of pagesOf(pageMax, next)) {
      for (const each of page) {
        const build = buildOf(each, await read.contact(each.id));
        const { told } = await planFacts(read, each.id, now);
        sample.add(each.id, build, told.control?.build === build);
      }
      if (signal.aborted) return 0;
    }
  }
  const chosen = sample.chosen(controlsPerDay);
  await change(app, async (within) => {
    for (const { id, build } of chosen) await choose(within, id, build);
    await within.tx.putSetting(settingName, String(now));
  });
  return chosen.length;
}

async function choose({ tx, now }: Change, id: PrincipalId, build: string): Promise<void> {
  const { told } = await planFacts(tx, id, now);
  await tx.putTrustTold({ ...told, control: { build, at: now, sequence: null, answered: false } });
  await tx.enqueue({ kind: 'announce', principalId: id, since: now });
}
