// Every code there is: no error is said under an open renewal that is not kept on it, by who asked; and the store's own fault keeps nobody
// from being answered.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Refused, sayError } from '../../src/app/enrollment/send-down.ts';
import type { App } from '../../src/app/operator/app.ts';
import { activate } from '../../src/app/renewal/activate.ts';
import type { Fingerprint } from '../../src/domain/certificate.ts';
import { type EnrollmentCode, enrollmentCodes } from '../../src/domain/errors.ts';
import type { Sessions } from '../../src/ports/sessions.ts';
import { idOf } from '../domain/samples.ts';
import { nobody } from '../fakes/nobody.ts';
import { operationsIn } from '../fakes/tester.ts';
import { type Assembled, assembled } from './assembled.ts';

let sent = 0;
const sessions: Sessions = {
  ...nobody,
  send: async () => {
    sent += 1;
    return 1;
  },
  listens: async () => true,
};

let now = Date.now();
let house: Assembled;
let app: App;
let renewal: string;
const id = idOf('dev-1');
beforeAll(async () => {
  house = await assembled({ sessions, clock: { now: () => now } });
  ({ app } = house);
  const operations = operationsIn(app);
  await operations.addDevice({ id, owner: 'tests' });
  const { certificate } = await operations.issueDevice({ id });
  await activate(app, certificate.fingerprint as Fingerprint);
  renewal = (await operations.runRenewal({ device: id })).id;
});
afterAll(() => house.close());

const delivery = { encoding: 'json', packetBytesMax: 1_024 } as const;
const say = (code: EnrollmentCode, asking: Refused) => sayError(app, id, delivery, { code, detail: 'why' }, asking);
const kept = async () => {
  await app.refusals.flush(renewal);
  return app.store.read.refusalsOf(renewal);
};

it.each(Object.keys(enrollmentCodes) as EnrollmentCode[])('%s is kept, with when and through whom', async (code) => {
  now += 61_000;
  for (const via of [null, idOf('gw-1')]) {
    await say(code, { id, via, renewal });
    await say(code, { id, via });
  }
  const row = { code, detail: 'why', times: 2, firstAt: now, lastAt: now, overAt: null };
  expect(await kept()).toMatchObject([
    { ...row, via: null },
    { ...row, via: 'gw-1' },
  ]);
});

it('of what is no refusal nothing is kept', async () => {
  const before = await kept();
  await say('nothing_due', null);
  expect(await kept()).toEqual(before);
});

it('is said also while it cannot be kept', async () => {
  const failing = { ...app, refusals: { note: () => Promise.reject(new Error('disk full')) } } as unknown as App;
  sent = 0;
  expect(await sayError(failing, id, delivery, { code: 'bad_signature' }, { id, via: null })).toBe(1);
  expect(sent).toBe(1);
});
