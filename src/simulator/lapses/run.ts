// Runs a device through its years under a schedule, and under one that knows the future, and counts renewals and lapses.
import { type GapRecord, type Gaps, gapsOf, withVisit } from '../../domain/presence.ts';
import type { Schedule } from './schedules.ts';
import { type Device, firstAt, type Stay, type World } from './world.ts';

export interface Outcome {
  renewals: number;
  lapses: number;
}

/** A device of the world, with everything that no schedule changes. */
export interface Life {
  readonly index: number;
  readonly device: Device;
  readonly stays: readonly Stay[];
  /** What was known of its gaps at the beginning of each stay. */
  readonly observed: readonly Gaps[];
}

export function lifeOf(world: World, index: number): Life {
  const device = world.device(index);
  const stays = world.stays(index, device);
  let record: GapRecord = new Uint8Array();
  let before: Stay = { from: 0, to: 0 };
  const observed = stays.map((stay) => {
    record = withVisit(record, stay.from - before.to, before.to - before.from);
    before = stay;
    return gapsOf(record);
  });
  return { index, device, stays, observed };
}

/** Follows one device. A certificate that ended is replaced at the first chance after it, through the lane. */
export function follow(world: World, { index, device, stays, observed }: Life, { due }: Schedule): Outcome {
  const outcome = { renewals: 0, lapses: 0 };
  let certificate = { notBefore: 0, notAfter: device.lifetimeMs };
  let counted = 0;
  for (const [i, stay] of stays.entries()) {
    const gaps = observed[i];
    if (!gaps) break;
    for (;;) {
      const from = due(certificate, gaps);
      const at = from > stay.to ? null : world.firstSuccess(index, stay, from);
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
 * The best any schedule could do, knowing the future: each time it renews at the last chance before the end, and lapses only
 * where there was none since the certificate was made. Its lapses could not have been avoided.
 */
export function foresee(world: World, { index, device, stays }: Life): Outcome {
  const outcome = { renewals: 0, lapses: 0 };
  let madeAt = 0;
  for (;;) {
    const endsAt = madeAt + device.lifetimeMs;
    const after = firstAt(stays, endsAt);
    const later = firstChance(world, index, stays, after, endsAt);
    const at = lastChance(world, index, stays, after, endsAt, madeAt);
    // No chance lies beyond the end any more: nothing is left to renew for.
    if (later === null) return outcome;
    outcome.renewals += 1;
    if (at === null) outcome.lapses += 1;
    madeAt = at ?? later;
  }
}

function firstChance(world: World, index: number, stays: readonly Stay[], from: number, at: number): number | null {
  for (let i = from; i < stays.length; i += 1) {
    const stay = stays[i];
    const chance = stay ? world.firstSuccess(index, stay, at) : null;
    if (chance !== null) return chance;
  }
  return null;
}

/** The last chance before `until` and after `since`, in the stay `from` or one before it. */
function lastChance(
  world: World,
  index: number,
  stays: readonly Stay[],
  from: number,
  until: number,
  since: number,
): number | null {
  for (let i = from; i >= 0; i -= 1) {
    const stay = stays[i];
    if (!stay || stay.from >= until) continue;
    if (stay.to <= since) return null;
    const chance = world.lastSuccess(index, stay, until - 1);
    if (chance !== null) return chance > since ? chance : null;
  }
  return null;
}
