// The shell client where it is refused, or told to wait: what it says, how it ends, and that it keeps both credentials and renews at last.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Operations } from '../../src/app/operator/operate.ts';
import { operationsOf, type Run } from './device-program.ts';
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
import { missing } from './missing.ts';
import { type GatewayProcess, startProcess } from './nolapse-process.ts';
import { ShellDevice } from './shell-device.ts';

const ends = { renewed: 0, refused: 1, nothingDue: 3, again: 75 } as const;
const connect = 1;

describe.skipIf(missing('mosquitto_pub', 'mosquitto_sub', 'openssl'))('the shell client', () => {
  let gateway: GatewayProcess;
  let operations: Operations;
  let identity: Identity;
  beforeAll(async () => {
    gateway = await startProcess('classes: { default: { retryFirst: 1s, retryMax: 1s } }');
    operations = await operationsOf(gateway);
    identity = localIdentity();
  });
  afterAll(() => gateway?.remove());

  /** A device whose renewal is due, with a link of this fate before the broker. */
  async function over(
    id: string,
    fate: (packet: Packet, device: ShellDevice) => Fate,
    act: (device: ShellDevice, run: () => Promise<Run>, link: LossyLink) => Promise<void>,
  ): Promise<void> {
    const device = await (await ShellDevice.make(gateway, operations, id)).due();
    writeFileSync(join(device.folder, 'ca.crt'), identity.cert);
    const link = await LossyLink.open({
      identity,
      target: () => gateway.mqttPort,
      key: (certificate) => keyOf(certificate, device.keys()),
      fate: (packet) => fate(packet, device),
    });
    try {
      await act(device, () => device.run(process.env, link.port), link);
    } finally {
      await link.close();
    }
  }

  /** Runs it until it has renewed. */
  async function settle(device: ShellDevice, run: () => Promise<Run>): Promise<string> {
    let all = '';
    for (let runs = 0; runs < 5; runs += 1) {
      const { code, said } = await run();
      all += `${said}-- ${code}\n`;
      if (code === ends.renewed) break;
    }
    await device.expectRenewed(all);
    return all;
  }

  const isOld = ({ certificate }: Packet, device: ShellDevice): boolean => certificate.raw.equals(device.first);
  const failures = (id: string): number => gateway.log.count('renewal.failed', { 'nolapse.principal': id });

  it.concurrent('ends with 3 and the time to ask again where nothing is due', async () => {
    const device = await ShellDevice.make(gateway, operations, 's-idle');
    const { code, said } = await device.run();
    expect(code, said).toBe(ends.nothingDue);
    expect(said).toMatch(/nothing is due; ask again in \d+ seconds/);
  });

  it.concurrent('ends with 1 where the certificate in use is refused, and renews once it is not', async () => {
    let isClosed = true;
    const fate = ({ type }: Packet): Fate => (isClosed && type === connect ? 'refuse' : 'pass');
    await over('s-closed', fate, async (device, run) => {
      const { code, said } = await run();
      expect(code, said).toBe(ends.refused);
      expect(said).toContain('the certificate in use is refused');
      isClosed = false;
      await settle(device, run);
    });
  });

  it.concurrent('reports a replacement that is refused before the broker saw it, and takes the next offer', async () => {
    let refused = 0;
    const fate = (packet: Packet, device: ShellDevice): Fate => {
      if (isOld(packet, device) || packet.type !== connect || refused > 0) return 'pass';
      refused += 1;
      return 'refuse';
    };
    await over('s-refused', fate, async (device, run) => {
      const first = await run();
      expect([ends.refused, ends.renewed], first.said).toContain(first.code);
      expect(first.said).toContain('the replacement is refused: asking with the old certificate');
      if (first.code === ends.refused) expect(first.said).toContain('it will be offered again');
      expect(failures(device.id)).toBe(1);
      if (first.code === ends.refused) await settle(device, run);
      await device.expectRenewed();
    });
  });

  it.concurrent('keeps both where both are refused, and goes on with the replacement', async () => {
    let isClosed = false;
    const fate = (packet: Packet, device: ShellDevice): Fate => {
      if (packet.type !== connect) return 'pass';
      isClosed ||= !isOld(packet, device) && runs === 1;
      return isClosed ? 'refuse' : 'pass';
    };
    let runs = 1;
    await over('s-both', fate, async (device, run) => {
      const { code, said } = await run();
      expect(code, said).toBe(ends.refused);
      expect(said).toContain('both are refused, both are kept');
      runs = 2;
      isClosed = false;
      expect(await settle(device, run)).not.toContain('offer');
      expect(failures(device.id)).toBe(0);
    });
  });

  it.concurrent('goes forward when the broker says that it has seen the replacement that was refused', async () => {
    let refused = 0;
    let renewal = '';
    const fate = (packet: Packet, device: ShellDevice): Fate => {
      if (packet.type === connect && !isOld(packet, device) && refused === 0) {
        refused += 1;
        return 'refuse';
      }
      if (refused === 0 || !isOld(packet, device)) return 'pass';
      if (packet.way === 'up' || packet.type !== publish) return 'pass';
      return errorTo(device.id, Buffer.from(JSON.stringify({ code: 'renewal_closed', renewal })));
    };
    await over('s-forward', fate, async (device, run) => {
      renewal = (await device.renewal())?.id ?? '';
      const { code, said } = await run();
      expect(code, said).toBe(ends.refused);
      expect(said).toContain('it is kept and tried again, later');
      expect(await settle(device, run)).not.toContain('offer');
      expect(failures(device.id)).toBe(1);
    });
  });

  it.concurrent('takes no lost CONNACK for a refusal: it reports nothing, and goes on with the replacement', async () => {
    let isLosing = true;
    const fate = (packet: Packet, device: ShellDevice): Fate =>
      isLosing && packet.type === connack && !isOld(packet, device) ? 'break' : 'pass';
    await over('s-unanswered', fate, async (device, run) => {
      const { code, said } = await run();
      expect(code, said).toBe(ends.again);
      expect(said).toContain('no answer, which says nothing about the certificate');
      isLosing = false;
      expect(await settle(device, run)).not.toContain('offer');
      expect([failures(device.id), (await device.renewal())?.lastCode]).toEqual([0, null]);
    });
  });

  it.concurrent('makes another key where its request is refused', async () => {
    let refused = 0;
    const fate = (packet: Packet, device: ShellDevice): Fate => {
      if (packet.way === 'up' || refused > 0 || !packet.bytes.includes('"sha256"')) return 'pass';
      refused += 1;
      return errorTo(device.id, Buffer.from('{"code":"bad_signature"}'));
    };
    await over('s-request', fate, async (device, run) => {
      const { code, said } = await run();
      expect(code, said).toBe(ends.refused);
      expect(said).toContain('bad_signature');
      await settle(device, run);
      expect((await device.renewal())?.requests).toBe(2);
    });
  });

  it.concurrent('keeps a pause that the broker asked for, and does not even connect before', async () => {
    let paused = 0;
    const fate = (packet: Packet, device: ShellDevice): Fate => {
      if (packet.way === 'up' || packet.type !== publish || paused > 0) return 'pass';
      paused += 1;
      return errorTo(device.id, Buffer.from('{"code":"unavailable","retryAfter":3600}'));
    };
    await over('s-paused', fate, async (_, run, link) => {
      const first = await run();
      expect(first.code, first.said).toBe(ends.again);
      const { count } = link;
      const second = await run();
      expect(second.code, second.said).toBe(ends.again);
      expect(second.said).toMatch(/asked to wait until \d+/);
      expect(link.count).toBe(count);
    });
  });
});
