// Whatever becomes of a campaign, nobody lapses by it: a device that it holds back is offered its replacement by its own due date, one that
// cannot be reached is alerted of before its end. Certificates of 100 days, due on day 50, and a clock that the test turns.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Operations } from '../../src/app/operator/operate.ts';
import type { CampaignState } from '../../src/domain/rollout.ts';
import { type Credentials, connect, type House, newRequest, openHouse, pemOf, Speaker } from './harness.ts';

const day = 86_400_000;
const yaml = `
classes: { default: { lifetime: 100d, renewAt: 50%, spread: 0%, backdate: 0s, overlap: 5d, grace: 30d, retryMax: 1d } }
rollout: { activatedShare: 100%, soak: 1s, failuresLeast: 1, failedShareMax: 0% }
`;

let house: House;
let passedMs = 0;
/** By how much the clock was set beside that. */
let wrongMs = 0;
const clock = { now: () => Date.now() + passedMs + wrongMs, steady: () => performance.now() + passedMs };
const operations = (): Operations => house.gateway.operations;

const held = new Map<string, Credentials>();

async function plant(id: string, cohort: 'canary' | 'broad'): Promise<Credentials> {
  await operations().addDevice({ id, owner: 'tests', cohort });
  const { certificatePem, keyPem } = await operations().issueDevice({ id });
  held.set(id, { certificatePem, keyPem });
  return { certificatePem, keyPem };
}

async function leave(client: { endAsync(): Promise<void> }, id: string): Promise<void> {
  await client.endAsync();
  await expect.poll(async () => (await operations().showDevice({ id })).presence?.here).toBe(false);
}

/** Asks under the newest offer there is: where a drill ends, another follows its own at once. @returns its renewal. */
async function ask(speaker: Speaker, csr: Uint8Array): Promise<string> {
  for (;;) {
    const { renewal } = await speaker.next('offer');
    const since = speaker.heard.length;
    await speaker.say({ word: 'csr', renewal, csr });
    await expect.poll(() => speaker.heard.length).toBeGreaterThan(since);
    if (speaker.heard.some(({ word }) => word === 'cert')) return renewal;
  }
}

/** Comes, and takes the replacement if it is offered one. @returns whether it was. */
async function visit(id: string, answer: 'renews' | 'fails' = 'renews'): Promise<boolean> {
  const credentials = held.get(id);
  if (!credentials) throw new Error(`${id} has no certificate`);
  const speaker = await new Speaker(await connect(house, credentials, id), id).listen();
  await speaker.say({ word: 'hello', maxPacket: 4_096 });
  await expect.poll(() => speaker.heard.length + speaker.idle.length).toBeGreaterThan(0);
  const isOffered = speaker.heard.some(({ word }) => word === 'offer');
  if (isOffered) {
    const { csr, keyPem } = await newRequest(id);
    const renewal = await ask(speaker, csr);
    const { certificates } = await speaker.next('cert');
    if (answer === 'fails') await speaker.say({ word: 'ack', renewal, status: 'failed', code: 'flash_full' });
    else {
      await speaker.say({ word: 'ack', renewal, status: 'installed' });
      held.set(id, { certificatePem: pemOf(certificates), keyPem });
      const since = house.log.lines.length;
      const client = await connect(house, { certificatePem: pemOf(certificates), keyPem }, id);
      await house.log.until('renewal.activated', { 'nolapse.principal': id }, since);
      await leave(client, id);
    }
  }
  await leave(speaker.client, id);
  return isOffered;
}

/** The day on which it is offered a replacement, if it comes every ten days from the next tenth day on; null: on none before its end. */
async function renewedOn(id: string): Promise<number | null> {
  for (let on = Math.floor(passedMs / day / 10) * 10 + 10; on < 100; on += 10) {
    await turnTo(on);
    if (await visit(id)) return on;
  }
  return null;
}

/** Turns the clock, and waits for a sweep by the new time: twice the beginning of a beat, which notices a clock that was set. */
async function turnTo(days: number): Promise<void> {
  passedMs = days * day;
  for (let beat = 0; beat < 2; beat += 1) {
    const since = house.log.lines.length;
    wrongMs += 3_000;
    await house.log.until('clock.moved', {}, since);
  }
}

const alertsOf = async (subject: string): Promise<string[]> =>
  (await operations().listAlerts({ open: true }))
    .filter((alert) => alert.subject === subject)
    .map(({ kind, severity }) => `${kind} ${severity}`)
    .sort();

const opened = (device: string) =>
  expect.poll(async () => (await operations().listRenewals({ device })).length).toBe(1);
const stateOf = async (id: string): Promise<CampaignState> => (await operations().showCampaign({ id })).state;

/** `rare` comes every ten days, `gone` never again; `broken` cannot store what it is given. */
beforeEach(async () => {
  passedMs = 0;
  wrongMs = 0;
  house = await openHouse({ yaml, clock });
});
afterEach(() => house.close());

/** Both are away while the campaign begins: nothing is offered to them before it is held back. */
async function begin(cohort: 'canary' | 'broad', more: { drill?: boolean } = {}): Promise<string> {
  for (const id of ['rare', 'gone']) {
    await plant(id, cohort);
    await visit(id);
  }
  const { id } = await operations().startCampaign({ reason: 'a new profile', all: true, ...more });
  if (cohort === 'canary') for (const device of ['rare', 'gone']) await opened(device);
  return id;
}

const fates: Readonly<Record<string, () => Promise<void>>> = {
  'is paused and never goes on': async () => {
    await operations().pauseCampaign({ id: await begin('canary') });
  },
  'is paused, goes on and is paused again': async () => {
    const id = await begin('canary');
    for (const turn of ['pauseCampaign', 'resumeCampaign', 'pauseCampaign'] as const) await operations()[turn]({ id });
  },
  'stops by itself': async () => {
    await plant('broken', 'canary');
    await visit('broken');
    const id = await begin('canary');
    await visit('broken', 'fails');
    await expect.poll(() => stateOf(id)).toBe('stopped');
    expect(await alertsOf(id)).toEqual(['rollout_stopped critical']);
  },
  'is aborted': async () => {
    const id = await begin('canary');
    await operations().abortCampaign({ id });
    await expect.poll(async () => (await operations().showCampaign({ id })).busy).toBe(false);
  },
  'is paused and then aborted': async () => {
    const id = await begin('canary');
    await operations().pauseCampaign({ id });
    await operations().abortCampaign({ id });
    await expect.poll(async () => (await operations().showCampaign({ id })).busy).toBe(false);
  },
  'never comes to their cohort, because a canary stays away': async () => {
    await plant('absent', 'canary');
    await visit('absent');
    const id = await begin('broad');
    await opened('absent');
    expect(await stateOf(id)).toBe('running');
  },
  'is a drill that is paused': async () => {
    await operations().pauseCampaign({ id: await begin('canary', { drill: true }) });
  },
};

describe('where a campaign', () => {
  it.each(Object.keys(fates))(
    '%s, a device that comes renews in time, and one that does not is alerted of before its end',
    { timeout: 240_000 },
    async (fate) => {
      await fates[fate]?.();
      const on = await renewedOn('rare');
      expect(on).toBeGreaterThanOrEqual(50);
      expect(on).toBeLessThanOrEqual(60);
      await turnTo(82);
      await expect.poll(() => alertsOf('gone')).toContain('expiry_approaching warning');
      expect(await alertsOf('gone')).toContain('renewal_overdue warning');
      await turnTo(96);
      await expect.poll(() => alertsOf('gone')).toContain('expiry_approaching critical');
      expect(await alertsOf('rare')).toEqual([]);
      expect(house.log.count('renewal.expired')).toBe(0);
      // It comes at last, and is held back by nothing.
      expect(await visit('gone')).toBe(true);
      await expect.poll(() => alertsOf('gone')).toEqual([]);
    },
  );

  it('is paused while a device comes ever more rarely, the due date that follows from its gaps counts', {
    timeout: 240_000,
  }, async () => {
    const id = await begin('canary');
    await operations().pauseCampaign({ id });
    // Three gaps of 30 days and more have to fit before the end: it is due at once.
    await turnTo(29);
    expect(await visit('rare')).toBe(true);
  });

  it('would begin with certificates of the future, it is refused', async () => {
    const issuedBefore = new Date(Date.now() + 365 * day).toISOString().slice(0, 10);
    await expect(operations().startCampaign({ reason: 'next year', issuedBefore })).rejects.toMatchObject({
      code: 'invalid',
      faults: [expect.stringContaining('issued-before: in the future')],
    });
    expect(await operations().listCampaigns({})).toEqual([]);
  });
});
