// What every reference device must show on a bad line: packets are lost, repeated and reordered, connections break, and a certificate
// is refused or not answered. However it goes, the device ends with its new certificate and is never locked out.
import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { inTurns } from '../scenarios/in-turns.ts';
import { type DeviceProgram, exits } from './device-program.ts';
import {
  connack,
  errorTo,
  type Fate,
  type Identity,
  keyOf,
  LossyLink,
  localIdentity,
  type Packet,
  publish,
} from './lossy-link.ts';
import { benchOf, expectRenewed, type Reference } from './recertify-suite.ts';

const connect = 1;
const impatient = { answer: 2, pause: 100, wait: 10, tries: 8 };

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** About one packet in four does not arrive as it was sent. TCP repeats and reorders nothing: only messages are, as a queue might. */
function weather(seed: number): (packet: Packet) => Fate {
  const next = numbers(seed);
  return ({ type }) => {
    const roll = next();
    if (roll < 0.06) return 'lose';
    if (roll < 0.1) return 'break';
    if (type !== publish || roll > 0.25) return 'pass';
    return roll < 0.18 ? 'repeat' : 'hold';
  };
}

/** The error that asks for a pause, in CBOR. */
function unavailable(device: string, seconds: number): Buffer {
  const pause = Buffer.from([0x0d, 0x19, seconds >> 8, seconds & 255]);
  return errorTo(device, Buffer.concat([Buffer.from([0xa2, 0x0a, 0x6b]), Buffer.from('unavailable'), pause]));
}

/** Registers the tests, within a describe of the caller's. */
export function lossySuite(reference: Reference): void {
  const { name, program } = reference;
  const bench = benchOf(reference);
  let identity: Identity;
  let packets: number;
  /** Which of them are PUBLISH: only these are repeated and held back. */
  const publishes: number[] = [];
  beforeAll(() => {
    identity = localIdentity();
  });

  /** A device whose renewal is due and whose way to the broker is a link with this fate. */
  async function onLink<T>(
    id: string,
    fate: (packet: Packet, device: DeviceProgram) => Fate,
    act: (device: DeviceProgram, link: LossyLink) => Promise<T>,
  ): Promise<T> {
    const device = await bench.due(`${name}-${id}`);
    writeFileSync(join(device.folder, 'ca.der'), new X509Certificate(identity.cert).raw);
    const link = await LossyLink.open({
      identity,
      target: () => bench.gateway.mqttPort,
      key: (certificate) => keyOf(certificate, device.keys()),
      fate: (packet) => fate(packet, device),
    });
    try {
      return await act(device, link);
    } finally {
      await link.close();
    }
  }

  /** Runs it again and again until it is content. */
  async function settle(device: DeviceProgram, link: LossyLink, runs = 8): Promise<string> {
    let all = '';
    for (let run = 0; run < runs; run += 1) {
      const { code, said } = await device.run(program(), impatient, link.port);
      all += `${said}-- ${code}\n`;
      if (code === exits.renewed || code === exits.nothingOwed) break;
    }
    await expectRenewed(device, all);
    return all;
  }

  const isOld = ({ certificate }: Packet, device: DeviceProgram): boolean => {
    return certificate.raw.equals(device.first);
  };

  it('renews over the link when nothing is lost', async () => {
    packets = await onLink(
      'calm',
      ({ at, type }) => {
        if (type === publish) publishes.push(at);
        return 'pass';
      },
      async (device, link) => {
        const { code, said } = await device.run(program(), impatient, link.port);
        expect(code, said).toBe(exits.renewed);
        await expectRenewed(device);
        return link.count;
      },
    );
    expect(packets).toBeGreaterThan(20);
  });

  it.each(['lose', 'break', 'repeat', 'hold'] as const)(
    'renews whichever of its packets it is that the link will %s',
    async (fate) => {
      const anything = fate === 'lose' || fate === 'break';
      const all = anything ? Array.from({ length: packets }, (_, at) => at) : publishes;
      await inTurns(all, 8, (number) =>
        onLink(
          `${fate}-${number}`,
          ({ at, type }) => (at === number && (type === publish || anything) ? fate : 'pass'),
          async (device, link) => {
            await settle(device, link);
            expect(bench.gateway.log.count('admission.refused', { 'nolapse.client_id': device.id })).toBe(0);
          },
        ),
      );
    },
  );

  it('renews in bad weather', async () => {
    const seeds = Array.from({ length: 8 }, (_, at) => at + 1);
    await inTurns(seeds, 8, async (seed) => {
      const fate = weather(seed);
      await onLink(`weather-${seed}`, fate, async (device, link) => {
        await settle(device, link, 16);
        expect(bench.gateway.log.count('admission.refused', { 'nolapse.client_id': device.id })).toBe(0);
      });
    });
  });

  it.each([4, 7])('goes on with the replacement when its CONNACK is lost %i times', async (times) => {
    let lost = 0;
    const fate = (packet: Packet, device: DeviceProgram): Fate => {
      if (isOld(packet, device) || packet.type !== connack || lost === times) return 'pass';
      lost += 1;
      return 'lose';
    };
    await onLink(`connack-${times}`, fate, async (device, link) => {
      const all = await settle(device, link);
      expect(lost).toBe(times);
      expect(all).not.toContain('refused');
      expect(await device.renewal()).toMatchObject({ state: 'activated', lastCode: null });
    });
  });

  it('reports a replacement that is refused before the broker saw it, and takes the next offer', async () => {
    let refused = 0;
    const fate = (packet: Packet, device: DeviceProgram): Fate => {
      if (isOld(packet, device) || packet.type !== connect || refused > 0) return 'pass';
      refused += 1;
      return 'refuse';
    };
    await onLink('refused', fate, async (device, link) => {
      const first = await device.run(program(), impatient, link.port);
      // The next offer may come while it still listens.
      expect([exits.failed, exits.renewed], first.said).toContain(first.code);
      await bench.gateway.log.until('renewal.failed', { 'nolapse.principal': device.id });
      await settle(device, link);
    });
  });

  it('keeps both when both are refused, and goes on when they are not', async () => {
    let isClosed = false;
    const fate = ({ type }: Packet): Fate => (isClosed && type === connect ? 'refuse' : 'pass');
    await onLink('closed', fate, async (device, link) => {
      const cut = await device.run(program(), { ...impatient, stretch: 0, 'die-after': storedAt() }, link.port);
      expect(cut.code, cut.said).toBe(exits.cutOff);
      isClosed = true;
      for (let run = 0; run < 2; run += 1) {
        const closed = await device.run(program(), impatient, link.port);
        expect(closed.code, closed.said).toBe(exits.failed);
      }
      isClosed = false;
      await settle(device, link);
    });
  });

  const storedAt = (): number => Math.max(1, packets - 6);

  it('keeps a pause that the broker asked for across a restart, and asks no sooner', async () => {
    let paused = 0;
    const seconds = [3_600, 2];
    const fate = ({ way, type }: Packet, device: DeviceProgram): Fate => {
      if (way === 'up' || type !== publish || paused === seconds.length) return 'pass';
      paused += 1;
      return unavailable(device.id, Number(seconds[paused - 1]));
    };
    await onLink('paused', fate, async (device, link) => {
      const first = await device.run(program(), { ...impatient, wait: 1 }, link.port);
      expect(first.code, first.said).toBe(exits.tryAgain);
      const { count } = link;
      const second = await device.run(program(), { ...impatient, wait: 1 }, link.port);
      expect(second.code, second.said).toBe(exits.tryAgain);
      expect(link.count).toBe(count);
    });
    paused = 1;
    await onLink('paused-briefly', fate, async (device, link) => {
      const first = await device.run(program(), { ...impatient, wait: 1 }, link.port);
      expect(first.code, first.said).toBe(exits.tryAgain);
      await settle(device, link);
    });
  });

  it('finds its way when the replacement is refused that the broker has seen', async () => {
    let seen = 0;
    let refused = 0;
    const fate = (packet: Packet, device: DeviceProgram): Fate => {
      if (isOld(packet, device)) return 'pass';
      if (packet.type === connack && seen === 0) {
        seen += 1;
        return 'break';
      }
      if (packet.type !== connect || seen === 0 || refused > 0) return 'pass';
      refused += 1;
      return 'refuse';
    };
    await onLink('forward', fate, async (device, link) => {
      const all = await settle(device, link);
      expect([seen, refused], all).toEqual([1, 1]);
    });
  });
}
