// Runs a device through its years under a schedule, and under one that knows the future, and counts renewals and lapses.
import type { Schedule } from './schedules.ts';
import type { Device, Stay, World } from './world.ts';

export interface Outcome {
  renewals: number;
  lapses: number;
}

/** Follows one device. A certificate that ended is replaced at the first chance after it, through the lane. */
export function follow(world: World, index: number, device: Device, stays: readonly Stay[], rule: Schedule): Outcome {
  const outcome = { renewals: 0, lapses: 0 };
  rule.begin();
  let certificate = { notBefore: 0, notAfter: device.lifetimeMs };
  let before: Stay = { from: 0, to: 0 };
  let counted = 0;
  for (const stay of stays) {
    rule.came(stay.from - before.to, before.to - before.from);
    before = stay;
    for (;;) {
      const at = world.firstSuccess(index, stay, rule.due(certificate));
      if (certificate.notAfter <= (at ?? stay.to) && counted !== certificate.notAfter) {
        outcome.lapses += 1;
        counted = certificate.notAfter;
      }
      if (at === null) break;
      outcome.renewals += 1;
      certificate = { notBefore: at, notAfter: at + device.lifetimeMs };
    }
  }
  return outcome;
}

/**
 * The best any schedule could do, knowing the future: it renews as late as possible, and only when the next chance would come
 * too late. Its lapses could not have been avoided.
 */
export function foresee(world: World, index: number, device: Device, stays: readonly Stay[]): Outcome {
  const outcome = { renewals: 0, lapses: 0 };
  let endsAt = device.lifetimeMs;
  for (const [i, stay] of stays.entries()) {
    const first = world.firstSuccess(index, stay, stay.from);
    if (first === null) continue;
    if (endsAt <= first) {
      outcome.lapses += 1;
      outcome.renewals += 1;
      endsAt = first + device.lifetimeMs;
    }
    const next = nextChance(world, index, stays, i + 1);
    while (endsAt <= next) {
      const at = world.lastSuccess(index, stay, endsAt - 1);
      if (at === null || at + device.lifetimeMs <= endsAt) break;
      outcome.renewals += 1;
      endsAt = at + device.lifetimeMs;
    }
  }
  return outcome;
}

function nextChance(world: World, index: number, stays: readonly Stay[], from: number): number {
  for (let i = from; i < stays.length; i += 1) {
    const stay = stays[i];
    const at = stay && world.firstSuccess(index, stay, stay.from);
    if (at != null) return at;
  }
  return Number.POSITIVE_INFINITY;
}
