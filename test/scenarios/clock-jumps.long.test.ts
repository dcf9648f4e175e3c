// The broker's clock jumps and is set right again: an hour, a day, a year, forward or back, while it runs or between two runs. Afterwards
// everybody has what they had, and whatever was retired, refused or begun meanwhile was alerted of.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Operations } from '../../src/app/operator/operate.ts';
import type { Renewal } from '../../src/domain/renewal.ts';
import { type Credentials, connackOf, type House, openHouse } from './harness.ts';
import { renewed } from './renewed.ts';

const hour = 3_600_000;
const day = 24 * hour;
const yaml =
  'classes: { default: { lifetime: 90d, renewAt: 50%, spread: 0%, overlap: 7d, grace: 30d, backdate: 1h, retryMax: 1d } }';

let house: House;
/** Time that goes by, and by how much the clock is wrong beside it. */
let passedMs = 0;
let wrongMs = 0;
const clock = { now: () => Date.now() + passedMs + wrongMs, steady: () => performance.now() + passedMs };
const operations = (): Operations => house.gateway.operations;
const fleet = new Map<string, Credentials>();
const bare = ({ certificatePem, keyPem }: Credentials): Credentials => ({ certificatePem, keyPem });

/** `waiting` is due in twelve hours, `steady` in weeks; `renewed` has what it was renewed with, and what that replaced is in overlap. */
beforeEach(async () => {
  wrongMs = 0;
  passedMs = -44.5 * day;
  fleet.clear();
  house = await openHouse({ yaml, clock });
  for (const id of ['waiting', 'steady', 'renewed']) {
    if (id === 'steady') passedMs = 0;
    fleet.set(id, bare(await house.device(id)));
    expect(await connackOf(house, fleet.get(id) ?? null, id)).toBe(0);
  }
  fleet.set('renewed', await renewed(house, fleet.get('renewed') as Credentials, 'renewed'));
});
afterEach(() => house.close());

const alerts = async (): Promise<string[]> => (await operations().listAlerts({ open: true })).map(({ kind }) => kind);
const renewals = async (): Promise<readonly Renewal[]> => operations().listRenewals({});
const statesOf = async (device: string): Promise<string[]> =>
  (await operations().listCertificates({ device })).map(({ state }) => state).sort();
async function admissions(): Promise<Record<string, number | null>> {
  const codes: Record<string, number | null> = {};
  for (const [id, credentials] of fleet) codes[id] = await connackOf(house, credentials, id);
  return codes;
}
const allAdmitted = { waiting: 0, steady: 0, renewed: 0 };

/** A change this small is noticed at the beginning of a beat: the sweeps before have come to their end, and another begins. */
async function beat(): Promise<void> {
  const since = house.log.lines.length;
  wrongMs += 3_000;
  await house.log.until('clock.moved', {}, since);
}

/** Sets the clock, and waits for a sweep by the new time. @returns the alerts that stood before that. */
async function set(to: number, how: How): Promise<string[]> {
  const since = house.log.lines.length;
  if (how === 'while it runs') wrongMs = to;
  else {
    await house.restart(() => {
      wrongMs = to;
    });
  }
  if (how === 'while it runs') await house.log.until('clock.moved', {}, since);
  const standing = await alerts();
  await beat();
  await beat();
  return how === 'while it runs' ? alerts() : standing;
}

const hows = ['while it runs', 'between two runs'] as const;
type How = (typeof hows)[number];
const jumps: readonly (readonly [string, number])[] = [
  ['an hour forward', hour],
  ['a day forward', day],
  ['a year forward', 365 * day],
  ['an hour back', -hour],
  ['a day back', -day],
  ['a year back', -365 * day],
];
const cases = hows.flatMap((how) => jumps.map(([what, ms]) => [what, how, ms] as const));

describe('a clock that jumps', () => {
  it.each(cases)(
    '%s %s, and is set right again, takes nothing from anybody',
    { timeout: 120_000 },
    async (_, how, ms) => {
      const before = (await renewals()).map(({ id }) => id);
      const first = await set(ms, how);
      // Only to a clock a year ahead has everything ended. One that was set back refuses nobody who was admitted before.
      const isOver = ms > 90 * day;
      expect(await admissions()).toEqual(isOver ? { waiting: 5, steady: 5, renewed: 5 } : allAdmitted);
      const begun = (await renewals()).filter(({ id }) => !before.includes(id));
      expect(new Set(begun.map(({ principalId }) => principalId as string))).toEqual(
        new Set(isOver ? fleet.keys() : ms === day ? ['waiting'] : []),
      );
      // What is more than one device's turn is told at once: as a set clock, or as a broker that stood still for a year.
      if (how === 'while it runs') expect(first).toContain('clock_moved');
      else if (ms < 0) expect(first).toContain('clock_moved');
      else expect(first.includes('ledger_stale')).toBe(isOver);

      const second = await set(0, how);
      expect(await admissions()).toEqual(allAdmitted);
      for (const id of fleet.keys()) expect(await statesOf(id)).toContain('active');
      expect(await statesOf('renewed')).toEqual(isOver ? ['active', 'retired'] : ['active', 'superseded']);
      const again = (await renewals()).filter(({ id }) => !before.includes(id));
      expect(again.map(({ id }) => id).sort()).toEqual(begun.map(({ id }) => id).sort());
      if (how === 'while it runs' || ms > 0) expect(second).toContain('clock_moved');
      expect(house.log.lines.filter((line) => line['event.reason'] === 'not_yet_valid')).toEqual([]);
    },
  );

  it.each(hows)(
    'weeks forward %s does not lock out who was renewed meanwhile and has forgotten what it had',
    { timeout: 120_000 },
    async (how) => {
      await set(30 * day, how);
      fleet.set('waiting', await renewed(house, fleet.get('waiting') as Credentials, 'waiting'));
      await set(0, how);
      expect(await alerts()).toContain('clock_moved');
      expect(await admissions()).toEqual(allAdmitted);
      const [newest] = await operations().listCertificates({ device: 'waiting', state: 'active' });
      expect(newest?.notBefore).toBeGreaterThan(clock.now());
    },
  );
});
