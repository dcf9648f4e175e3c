// A device that cannot take its replacement whole: it sends its request and fetches the replacement in pieces, over as many
// connections as it takes, and installs nothing but what was offered.
import 'reflect-metadata';
import { createHash } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { DownMessage } from '../../src/domain/message.ts';
import { type CredentialStore, memoryCredentials } from '../../src/simulator/credentials.ts';
import type { Device, DeviceOptions } from '../../src/simulator/device.ts';
import type { DeviceEvent } from '../../src/simulator/event.ts';
import { FakeBroker, fingerprintOf, type Heard, startDevice, TestPki } from './fake-broker.ts';

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
const digest = (bytes: Uint8Array) => new Uint8Array(createHash('sha256').update(bytes).digest());
const partBytes = 50;

interface Habits {
  /** The offer has the digest; else it follows the replacement. */
  readonly inOffer: boolean;
  /** Parts it has in it before it falls silent, for each get in turn. */
  readonly parts?: readonly number[];
  /** Garbles the first fetch of all. */
  readonly garbled?: boolean;
}

/** Takes requests in whatever pieces they come, and hands out what it issues in pieces of 50 bytes. */
function serve({ inOffer, parts = [], garbled = false }: Habits) {
  const request: number[] = [];
  let issued: x509.X509Certificate | null = null;
  let gets = 0;
  const offer = (): DownMessage => {
    const base = { word: 'offer', renewal: 'r1', mode: 'csr', deadline: seconds() + 60, now: seconds() } as const;
    if (!issued) return base;
    const leaf = new Uint8Array(issued.rawData);
    return { ...base, size: leaf.length, ...(inOffer && { sha256: digest(leaf) }) };
  };
  return async ({ message, fingerprint }: Heard, say: (message: DownMessage) => Promise<void>): Promise<void> => {
    const leaf = issued && new Uint8Array(issued.rawData);
    if (message.word === 'hello') {
      const activated = leaf && fingerprint === fingerprintOf(leaf);
      await say(activated ? { word: 'done', renewal: 'r1', retires: seconds() } : offer());
    }
    if (message.word === 'csr') {
      request.splice(message.offset ?? 0, request.length, ...(message.csr ?? message.bytes ?? []));
      if (request.length < (message.total ?? 0)) return;
      const { publicKey } = new x509.Pkcs10CertificateRequest(Uint8Array.from(request));
      issued ??= await pki.sign('pump-1', publicKey);
      await say(offer());
    }
    if (message.word !== 'get' || !leaf) return;
    const all = Buffer.from(inOffer ? leaf : Buffer.concat([leaf, digest(leaf)]));
    const most = parts[gets] ?? Number.POSITIVE_INFINITY;
    if (garbled && gets === 0) all[100] = (all[100] ?? 0) ^ 1;
    gets += 1;
    let sent = 0;
    for (let at = message.offset; at < all.length && sent < most; at += partBytes, sent += 1) {
      const bytes = new Uint8Array(all.subarray(at, at + partBytes));
      await say({ word: 'part', renewal: 'r1', offset: at, total: all.length, bytes });
    }
  };
}

function start(store: CredentialStore, options: Partial<DeviceOptions> = {}) {
  const started = startDevice(gateway, store, { encoding: 'cbor', maxPacket: 256, ...options });
  devices.push(started.device);
  return started;
}

const errorsOf = (events: readonly DeviceEvent[]) =>
  events.flatMap((event) => (event.type === 'error' ? [event.code] : []));

describe('a device of 256 bytes', () => {
  it.each([
    ['in the offer', true, 'cbor'],
    ['after the replacement', false, 'cbor'],
    ['in the offer', true, 'json'],
    ['after the replacement', false, 'json'],
  ] as const)('fetches what it can check by the digest %s (%s, %s)', async (_where, inOffer, encoding) => {
    gateway.respond = serve({ inOffer });
    const store = memoryCredentials(await pki.credential('pump-1'));
    const old = await store.read('current');
    const { device, events } = start(store, { encoding });
    await device.once('forgotten');
    const now = await store.read('current');
    expect(now?.certificatePem).not.toBe(old?.certificatePem);
    expect(await store.readDownload()).toBeNull();
    expect(errorsOf(events)).toEqual([]);
    const words = gateway.heard.map(({ message }) => message.word);
    expect(words.filter((word) => word !== 'csr')).toEqual(['hello', 'get', 'ack', 'hello']);
    const said = gateway.said('hello').map(({ message }) => message);
    expect(said).toEqual([expect.objectContaining({ maxPacket: 256 }), expect.objectContaining({ maxPacket: 256 })]);
  });

  it('goes on where it stopped when the connection ends, and fetches no byte twice', async () => {
    gateway.respond = serve({ inOffer: true, parts: [2, 1] });
    const store = memoryCredentials(await pki.credential('pump-1'));
    // Long enough that only the connection's end brings the next get.
    const { device } = start(store, { retryFirstMs: 5_000, nextTriesMax: 1 });
    for (const fetched of [2 * partBytes, 3 * partBytes]) {
      await new Promise<void>((resolve) => {
        const end = device.listen((event) => {
          if (event.type !== 'part' || event.offset + partBytes !== fetched) return;
          end();
          resolve();
        });
      });
      device.sleep(10);
      expect((await store.readDownload())?.bytes.length).toBe(fetched);
      await device.once('disconnected');
      device.sleep(1);
    }
    await device.once('activated');
    expect(gateway.said('get').map(({ message }) => message.word === 'get' && message.offset)).toEqual([0, 100, 150]);
  });

  it('throws away what is not what was offered, and fetches it anew', async () => {
    gateway.respond = serve({ inOffer: false, garbled: true });
    const store = memoryCredentials(await pki.credential('pump-1'));
    const { device, events } = start(store);
    await device.once('activated');
    expect(errorsOf(events)).toEqual(['digest_mismatch']);
    expect(gateway.said('get')).toHaveLength(2);
    expect(gateway.said('ack').map(({ message }) => message)).toEqual([
      expect.objectContaining({ status: 'installed' }),
    ]);
  });

  it('has no room for a packet that is larger', async () => {
    gateway.respond = async ({ message }, say) => {
      if (message.word === 'hello') await say({ word: 'error', code: 'unavailable', detail: 'x'.repeat(230) });
    };
    const { device, events } = start(memoryCredentials(await pki.credential('pump-1')));
    await device.once('disconnected');
    const [code, ...rest] = errorsOf(events);
    expect(code).toBe('packet_too_large');
    expect(rest).not.toContain('unavailable');
  });

  it('sends its request in parts, each in a packet of its own size', async () => {
    gateway.respond = serve({ inOffer: true });
    const { device } = start(memoryCredentials(await pki.credential('pump-1')), { maxPacket: 128 });
    await device.once('activated');
    const parts = gateway.said('csr').map(({ message }) => message);
    expect(parts.length).toBeGreaterThan(2);
    expect(parts.every((message) => message.word === 'csr' && (message.bytes?.length ?? 999) < 100)).toBe(true);
  });
});
