// A device of few bytes is cut off at each message of its renewal, and completes it afterwards: nothing of it is lost, and nothing
// done twice.
import { createServer, connect as netConnect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Encoding } from '../../src/domain/principal.ts';
import { type CredentialStore, memoryCredentials } from '../../src/simulator/credentials.ts';
import { Device } from '../../src/simulator/device.ts';
import type { DeviceEvent } from '../../src/simulator/event.ts';
import { idOf } from '../domain/samples.ts';
import { connect, type House, newRequest, openHouse, Speaker } from './harness.ts';
import { fetchStretch, nextIssued, replacementOf, sendInParts, totalOf } from './piecemeal.ts';

let house: House;
beforeEach(async () => {
  house = await openHouse({
    yaml: 'classes: { default: { lifetime: 1h, renewAt: 66%, overlap: 10m, grace: 1h, retryFirst: 1s, retryMax: 1s } }',
  });
});
afterEach(() => house.close());

/** The link between the device and the broker. */
class Link {
  readonly #server = createServer((near) => this.#join(near));
  readonly #sockets = new Set<Socket>();
  readonly #port: () => number;

  constructor(port: () => number) {
    this.#port = port;
  }

  #join(near: Socket): void {
    const far = netConnect(this.#port(), 'localhost');
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(one);
      one.on('error', () => undefined);
      one.on('close', () => {
        this.#sockets.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  }

  open(): Promise<number> {
    return new Promise((resolve) => {
      this.#server.listen(0, 'localhost', () => resolve((this.#server.address() as { port: number }).port));
    });
  }

  /** Whatever is under way is lost. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

/** A store that power can be taken from: whoever was using it gets no answer any more. */
function withPower(store: CredentialStore): { readonly store: CredentialStore; readonly fail: () => void } {
  let on = true;
  const never = new Promise<never>(() => undefined);
  const guarded = new Proxy(store, {
    get: (target, name: keyof CredentialStore) =>
      on ? (...args: never[]) => (on ? (target[name] as (...args: never[]) => unknown)(...args) : never) : () => never,
  });
  return {
    store: guarded,
    fail: () => {
      on = false;
    },
  };
}

/** What of a device's life is a message received, a message acknowledged, or a first connect. */
const steps: readonly DeviceEvent['type'][] = [
  'offer',
  'requested',
  'part',
  'certificate',
  'installed',
  'activated',
  'done',
];

interface Cut {
  readonly encoding: Encoding;
  /** `link`: the connection goes and the device stays; `power`: all it has in memory goes too. */
  readonly what: 'link' | 'power';
  /** After which step of its life; 0: never. */
  readonly after: number;
}

/** Renews a device of few bytes that is cut off once. @returns its id, and the steps it went through. */
async function renewCut({ encoding, what, after }: Cut) {
  const id = `${encoding}-${what}-${after}`;
  const first = await house.device(id);
  const link = new Link(() => house.gateway.ports.mqtt);
  const port = await link.open();
  const store = memoryCredentials({ ...first, renewal: null, retires: null });
  const seen: DeviceEvent['type'][] = [];
  let confirmed: () => void = () => undefined;
  const done = new Promise<void>((resolve) => {
    confirmed = resolve;
  });
  const start = (): Device => {
    const power = withPower(store);
    const device = new Device({
      id: idOf(id),
      target: { host: 'localhost', port, ca: first.rootPem },
      store: power.store,
      encoding,
      maxPacket: encoding === 'json' ? 200 : 160,
      telemetryMs: 0,
      retryFirstMs: 50,
      retryMaxMs: 100,
    });
    device.listen((event) => {
      if (event.type === 'error') seen.push(event.type);
      if (!steps.includes(event.type)) return;
      seen.push(event.type);
      if (seen.length === after) {
        link.cut();
        if (what === 'power') {
          power.fail();
          void device.stop();
          current = start();
        }
      }
      if (event.type === 'done') confirmed();
    });
    device.start();
    return device;
  };
  let current = start();
  await house.log.until('certificate.activated', { 'nolapse.principal': id });
  await house.gateway.operations.runRenewal({ device: id });
  await done;
  await current.stop();
  await link.close();
  return { id, seen };
}

describe.each([
  ['json', 'link'],
  ['json', 'power'],
  ['cbor', 'link'],
  ['cbor', 'power'],
] as const)('a device that speaks %s and loses its %s', (encoding, what) => {
  it('completes its renewal, at whichever message that is', { timeout: 60_000 }, async () => {
    const { seen } = await renewCut({ encoding, what, after: 0 });
    expect(seen.filter((step) => step === 'part').length).toBeGreaterThan(3);
    const cuts = await Promise.all(seen.map((_, index) => renewCut({ encoding, what, after: index + 1 })));
    for (const each of cuts) {
      expect(each.seen).not.toContain('error');
      const { renewals, certificates } = await house.gateway.operations.showDevice({ id: each.id });
      expect(renewals).toHaveLength(1);
      expect(renewals[0]).toMatchObject({ state: 'activated', requests: 1, lapsedAt: null, lastCode: null });
      expect(certificates.map(({ state }) => state).sort()).toEqual(['active', 'superseded']);
    }
  });
});

describe('a request in parts', () => {
  it.each(['json', 'cbor'] as const)('goes on where it stopped, also after a restart, in %s', async (encoding) => {
    const first = await house.device('pump-1');
    const { csr } = await newRequest('pump-1');
    let device = await new Speaker(await connect(house, first, 'pump-1'), 'pump-1', encoding).listen();
    await house.gateway.operations.runRenewal({ device: 'pump-1' });
    const { renewal } = await device.next('offer');
    const total = csr.length;
    for (const [offset, end] of [
      [0, 60],
      [60, 61],
      [61, total - 1],
    ] as const) {
      await device.say({ word: 'csr', renewal, offset, total, bytes: csr.subarray(offset, end) });
      await device.client.endAsync(true);
      await house.restart();
      device = await new Speaker(await connect(house, first, 'pump-1'), 'pump-1', encoding).listen();
    }
    expect((await house.gateway.operations.showDevice({ id: 'pump-1' })).renewals[0]).toMatchObject({ requests: 0 });
    const last = { word: 'csr', renewal, offset: total - 1, total, bytes: csr.subarray(total - 1) } as const;
    await device.say(last);
    const offer = await nextIssued(device);
    replacementOf(offer, await fetchStretch(device, offer, 0, totalOf(offer)));
    // Its acknowledgement was lost, say: the last part comes again, or all of them.
    await device.say(last);
    expect(await nextIssued(device)).toMatchObject({ sha256: offer.sha256 });
    await sendInParts(device, renewal, csr, 256);
    expect(await nextIssued(device)).toMatchObject({ sha256: offer.sha256 });
    const { renewals, certificates } = await house.gateway.operations.showDevice({ id: 'pump-1' });
    expect(renewals[0]).toMatchObject({ requests: 1 });
    expect(certificates).toHaveLength(2);
    await device.client.endAsync(true);
  });
});
