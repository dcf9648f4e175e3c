// What every reference device must show when a connection ends before it is one, or stops in the middle: an alert of TLS refuses its
// certificate, and nothing else does; every wait has an end; of two copies of the state record the newer that is whole counts.

import { X509Certificate } from 'node:crypto';
import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { inTurns } from '../scenarios/in-turns.ts';
import { type DeviceProgram, exits, type Program } from './device-program.ts';
import { Front, type Welcome } from './front.ts';
import {
  connack,
  type Fate,
  type Identity,
  keyOf,
  LossyLink,
  localIdentity,
  type Packet,
  publish,
} from './lossy-link.ts';
import { benchOf, costsOf, expectRenewed, type Reference, sequenceOf } from './recertify-suite.ts';

const connect = 1;
const impatient = { answer: 3, pause: 100, wait: 10, tries: 8 };

export interface HurriedReference extends Reference {
  /** The same program with short limits for a handshake and the rest of a packet, and a watchdog that bites early, where it has one. */
  hurried(): Program;
}

/** Registers the tests, within a describe of the caller's. */
export function welcomeSuite(reference: HurriedReference): void {
  const { name, program, hurried } = reference;
  const bench = benchOf(reference);
  let identity: Identity;
  let steps: number;
  beforeAll(async () => {
    identity = localIdentity();
    const device = await bench.due(`${name}-0`);
    const run = await device.run(program());
    expect(run.code, run.said).toBe(exits.renewed);
    ({ steps } = costsOf(run));
  });

  /** A device that has stored its replacement, and was cut off before anybody saw it. With an id as long, it takes as many steps. */
  async function stored(id: 1 | 2 | 3 | 4): Promise<DeviceProgram> {
    const device = await bench.due(`${name}-${id}`);
    const cut = await device.run(program(), { 'die-after': steps - 14 });
    expect(cut.code, cut.said).toBe(exits.cutOff);
    expect(cut.said).toContain('stored and checked');
    return device;
  }

  /** Its further way leads past somebody who welcomes each connection so. */
  async function past<T>(welcomes: readonly Welcome[], act: (port: number) => Promise<T>): Promise<T> {
    const front = await Front.open(bench.gateway.mqttPort, (number) => welcomes[number] ?? 'pass');
    try {
      return await act(front.port);
    } finally {
      await front.close();
    }
  }

  const failures = ({ id }: DeviceProgram): number =>
    bench.gateway.log.count('renewal.failed', { 'nolapse.principal': id });

  it('takes an alert of TLS for a refusal: it tries the other credential at once, reports it, and takes the next offer', async () => {
    const device = await stored(1);
    await past(['alert'], async (port) => {
      const first = await device.run(program(), impatient, port);
      expect([exits.failed, exits.renewed], first.said).toContain(first.code);
      expect(first.said).toContain('slot 1 is refused');
      await bench.gateway.log.until('renewal.failed', { 'nolapse.principal': device.id });
      if (first.code === exits.renewed) return;
      await expect.poll(async () => (await device.run(program(), impatient, port)).code, { timeout: 60_000 }).toBe(0);
    });
    await expectRenewed(device);
  });

  it('keeps both credentials when both get an alert, and goes on when they do not', async () => {
    const device = await stored(2);
    await past(['alert', 'alert'], async (port) => {
      const run = await device.run(program(), impatient, port);
      expect(run.code, run.said).toBe(exits.failed);
      const again = await device.run(program(), impatient, port);
      expect([exits.failed, exits.renewed], again.said).toContain(again.code);
      if (again.code === exits.renewed) return;
      await expect.poll(async () => (await device.run(program(), impatient, port)).code, { timeout: 60_000 }).toBe(0);
    });
    await expectRenewed(device);
  });

  it.each<[string, 3 | 4, readonly Welcome[]]>([
    ['ends', 3, ['close', 'close']],
    ['hears nothing', 4, ['silence']],
  ])('takes a handshake that %s for no refusal, and repeats it with the replacement', async (_, number, welcomes) => {
    const device = await stored(number);
    const run = await past(welcomes, (port) => device.run(hurried(), impatient, port));
    expect(run.code, run.said).toBe(exits.renewed);
    expect(run.said).not.toContain('refused');
    expect([failures(device), (await device.renewal()).lastCode]).toEqual([0, null]);
    await expectRenewed(device);
  });

  /** Runs once over a link with this fate, which comes once. What comes in the place of a packet is the last of its connection. */
  async function over(device: DeviceProgram, hits: (packet: Packet) => Fate | null, pause = impatient.pause) {
    writeFileSync(join(device.folder, 'ca.der'), new X509Certificate(identity.cert).raw);
    let isOver = false;
    let isStalled = false;
    const link = await LossyLink.open({
      identity,
      target: () => bench.gateway.mqttPort,
      key: (certificate) => keyOf(certificate, device.keys()),
      fate: (packet) => {
        const fate = isOver ? null : hits(packet);
        isOver ||= fate !== null;
        if (packet.type === connect) isStalled = false;
        if (isStalled) return 'lose';
        isStalled = typeof fate === 'object' && fate !== null;
        return fate ?? 'pass';
      },
    });
    try {
      return await device.run(hurried(), { ...impatient, pause }, link.port);
    } finally {
      await link.close();
    }
  }

  it('waits for nothing for ever, feeds its watchdog meanwhile, and completes in the same run', async () => {
    const half = (type: number) => (packet: Packet) =>
      packet.type === type && packet.way === 'down' ? Buffer.from([type << 4]) : null;
    const lost = (type: number) => (packet: Packet) => (packet.type === type && packet.way === 'down' ? 'lose' : null);
    const [puback, suback] = [4, 9];
    const waits = [lost(connack), lost(puback), lost(suback), lost(publish), half(connack), half(publish)];
    await inTurns([...waits.entries()], 6, async ([number, hits]) => {
      const device = await bench.due(`${name}-wait-${number}`);
      // The first of them is followed by a pause that is longer than the watchdog's.
      const run = await over(device, hits, number === 0 ? 6_000 : impatient.pause);
      expect(run.code, `${number}: ${run.said}`).toBe(exits.renewed);
      await expectRenewed(device);
    });
  });

  it('counts the newer copy of its state record that is whole, and none that is not', async () => {
    const device = await bench.due(`${name}-copies`);
    for (let cut = 8; ; cut += 1) {
      const { said } = await device.run(program(), { stretch: 90, 'die-after': cut });
      const here = /bytes, (\d+) of them here/.exec(said);
      if (Number(here?.[1]) > 150) break;
      expect(cut).toBeLessThan(60);
    }
    const files = ['state0', 'state1'].map((file) => join(device.folder, file));
    const [older = '', newer = ''] = files.toSorted((one, other) => sequenceOf(one) - sequenceOf(other));
    for (const file of files) copyFileSync(file, `${file}.kept`);
    // A bit of a number, so that nothing but the CRC can tell.
    const flip = (file: string): void => {
      const bytes = readFileSync(file);
      const name = '"received": ';
      const at = bytes.includes(name) ? bytes.indexOf(name) + name.length : 12;
      writeFileSync(file, bytes.fill(bytes.readUInt8(at) ^ 1, at, at + 1));
    };
    /** How much it has, and whether it missed its record, after this damage. */
    const after = async (damage: () => void) => {
      for (const file of files) copyFileSync(`${file}.kept`, file);
      damage();
      const { said } = await device.run(program(), { 'die-after': 9 });
      return { here: Number(/bytes, (\d+) of them here/.exec(said)?.[1]), misses: said.includes('no state record') };
    };
    const whole = await after(() => undefined);
    expect(whole.misses).toBe(false);
    expect(await after(() => flip(older))).toEqual(whole);
    for (const damage of [
      () => flip(newer),
      () => rmSync(newer),
      () => writeFileSync(newer, readFileSync(newer).subarray(1)),
    ]) {
      const before = await after(damage);
      expect(before.misses).toBe(false);
      expect(before.here).toBeLessThan(whole.here);
    }
    const damaged = await after(() => files.forEach(flip));
    expect(damaged.misses).toBe(true);
    const last = await device.run(program(), impatient);
    expect(last.code, last.said).toBe(exits.renewed);
    await expectRenewed(device);
  });
}
