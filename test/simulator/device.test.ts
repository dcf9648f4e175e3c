import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type CredentialStore, memoryCredentials } from '../../src/simulator/credentials.ts';
import type { Device, DeviceOptions } from '../../src/simulator/device.ts';
import { FakeBroker, fingerprintOf, renewOnce, startDevice, TestPki } from './fake-broker.ts';

let pki: TestPki;
let gateway: FakeBroker;
const devices: Device[] = [];

beforeAll(async () => {
  pki = await TestPki.create();
});
beforeEach(async () => {
  gateway = await FakeBroker.start(pki);
});
afterEach(async () => {
  await Promise.all(devices.splice(0).map((device) => device.stop()));
  await gateway.stop();
});

const seconds = () => Math.floor(Date.now() / 1_000);

function start(store: CredentialStore, options: Partial<DeviceOptions> = {}) {
  const started = startDevice(gateway, store, options);
  devices.push(started.device);
  return started;
}

async function stored(store: CredentialStore, slot: 'current' | 'next'): Promise<string | null> {
  const credential = await store.read(slot);
  return credential && fingerprintOf(credential.certificatePem);
}

describe('a renewing device', () => {
  for (const encoding of ['json', 'cbor'] as const) {
    it(`replaces its certificate and forgets the old one, in ${encoding}`, async () => {
      gateway.respond = renewOnce(pki, 'r1', seconds);
      const store = memoryCredentials(await pki.credential('pump-1'));
      const old = await stored(store, 'current');
      const { device, events } = start(store, { encoding });
      await device.once('forgotten');

      const now = await stored(store, 'current');
      expect(now).not.toBe(old);
      expect(await store.read('next')).toBeNull();
      expect(gateway.connects).toEqual([old, now]);
      expect(gateway.heard.every((each) => each.encoding === encoding)).toBe(true);
      expect(gateway.heard.map((each) => each.message.word)).toEqual(['hello', 'csr', 'ack', 'hello']);
      expect(events.map((event) => event.type)).toEqual([
        'connected',
        'offer',
        'requested',
        'certificate',
        'installed',
        'disconnected',
        'connected',
        'activated',
        'done',
        'forgotten',
      ]);
    });
  }

  it('acknowledges before it disconnects, and keeps the old one until it has retired', async () => {
    gateway.respond = renewOnce(pki, 'r1', () => seconds() + 3_600);
    const store = memoryCredentials(await pki.credential('pump-1'));
    const old = await stored(store, 'current');
    const { device } = start(store);
    await device.once('done');
    const ack = gateway.said('ack')[0];
    expect(ack?.fingerprint).toBe(old);
    expect(ack?.message).toMatchObject({ status: 'installed', renewal: 'r1' });
    expect(await stored(store, 'current')).toBe(old);
    expect((await store.read('next'))?.renewal).toBe('r1');
  });

  it('answers a repeated offer with the same request, byte for byte', async () => {
    let offers = 0;
    gateway.respond = async ({ message }, say) => {
      if (message.word === 'ack') return;
      offers += 1;
      if (offers <= 3)
        await say({ word: 'offer', renewal: 'r1', mode: 'csr', deadline: seconds() + 60, now: seconds() });
    };
    start(memoryCredentials(await pki.credential('pump-1')));
    await gateway.until(() => gateway.said('csr').length === 3);
    const [first, ...rest] = gateway.said('csr').map((each) => each.message);
    for (const each of rest) expect(each).toEqual(first);
  });

  it('makes a new key when the request was refused for its key, and asks again', async () => {
    const renewing = renewOnce(pki, 'r1', seconds);
    gateway.respond = async (heard, say) => {
      if (heard.message.word === 'csr' && gateway.said('csr').length === 1) {
        return say({ word: 'error', renewal: 'r1', code: 'key_reused', detail: 'make a new one' });
      }
      return renewing(heard, say);
    };
    const { device } = start(memoryCredentials(await pki.credential('pump-1')));
    await device.once('done');
    const [first, second] = gateway.said('csr').map((each) => each.message);
    expect(second).not.toEqual(first);
  });

  it('refuses a certificate that is not over its key, and says so', async () => {
    const stranger = await pki.sign('pump-1', pki.root.publicKey);
    gateway.respond = async ({ message }, say) => {
      const now = seconds();
      if (message.word === 'hello') await say({ word: 'offer', renewal: 'r1', mode: 'csr', deadline: now + 60, now });
      const certificates = [new Uint8Array(stranger.rawData)];
      if (message.word === 'csr') await say({ word: 'cert', renewal: 'r1', certificates });
    };
    const store = memoryCredentials(await pki.credential('pump-1'));
    start(store);
    await gateway.until(() => gateway.said('ack').length === 1);
    expect(gateway.said('ack')[0]?.message).toMatchObject({ status: 'failed', code: 'key_mismatch' });
    expect(await store.read('next')).toBeNull();
  });

  it('falls back to the old certificate when the replacement is refused, reports it, and is offered another', async () => {
    const store = memoryCredentials(await pki.credential('pump-1'));
    const next = { ...(await pki.credential('pump-1')), renewal: 'r1' };
    await store.write('next', next);
    gateway.refused.add(fingerprintOf(next.certificatePem));
    gateway.respond = renewOnce(pki, 'r1', seconds);
    const old = await stored(store, 'current');
    const { device, events } = start(store);
    await device.once('forgotten');
    const bad = fingerprintOf(next.certificatePem);
    expect(gateway.connects.slice(0, 4)).toEqual([bad, bad, bad, old]);
    expect(gateway.heard[0]?.message).toMatchObject({ word: 'ack', status: 'failed', code: 'not_admitted' });
    expect(events.filter((event) => event.type === 'refused').map((event) => event.code)).toEqual([5, 5, 5]);
    expect(await stored(store, 'current')).not.toBe(old);
  });

  it('tries a replacement first that it finds when it starts', async () => {
    const store = memoryCredentials(await pki.credential('pump-1'));
    const next = { ...(await pki.credential('pump-1')), renewal: 'r1' };
    await store.write('next', next);
    const { device } = start(store);
    expect(await device.once('activated')).toMatchObject({ renewal: 'r1' });
    expect(gateway.connects).toEqual([fingerprintOf(next.certificatePem)]);
  });

  it('does not hammer a broker that refuses it', async () => {
    const store = memoryCredentials(await pki.credential('pump-1'));
    gateway.refused.add((await stored(store, 'current')) ?? '');
    const since = Date.now();
    start(store, { retryFirstMs: 100, retryMaxMs: 10_000 });
    await gateway.until(() => gateway.connects.length === 4);
    // 100, 200 and 400 ms, each at least by half.
    expect(Date.now() - since).toBeGreaterThanOrEqual(350);
  });

  it('waits as long as the broker asks before it says hello again', async () => {
    gateway.respond = async (_heard, say) => {
      if (gateway.heard.length === 1) await say({ word: 'error', code: 'unavailable', detail: 'later', retryAfter: 1 });
    };
    const since = Date.now();
    start(memoryCredentials(await pki.credential('pump-1')));
    await gateway.until(() => gateway.said('hello').length === 2);
    expect(Date.now() - since).toBeGreaterThanOrEqual(1_000);
  });

  it('sleeps as long as it is told, and comes back', async () => {
    const { device } = start(memoryCredentials(await pki.credential('pump-1')));
    await device.once('connected');
    device.sleep(300);
    const since = Date.now();
    await device.once('connected');
    expect(Date.now() - since).toBeGreaterThanOrEqual(290);
  });

  it('changes nothing for a renewal it never heard of', async () => {
    const { device, events } = start(memoryCredentials(await pki.credential('pump-1')));
    gateway.respond = async ({ message }, say) => {
      if (message.word === 'hello') await say({ word: 'done', renewal: 'unheard', retires: 0 });
    };
    await device.once('done');
    expect(device.connected).toBe(true);
    expect(events.some((event) => event.type === 'error')).toBe(false);
  });
});
