// The shell client is cut off at every message and every rename and run again: it completes its renewal with the key and the bytes it had kept.
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Operations } from '../../src/app/operator/operate.ts';
import { publishBytes } from '../../src/domain/packet.ts';
import { inTurns } from '../scenarios/in-turns.ts';
import { operationsOf, type Run } from './device-program.ts';
import { missing } from './missing.ts';
import { type GatewayProcess, startProcess } from './nolapse-process.ts';
import { ShellDevice } from './shell-device.ts';

const clients = ['mosquitto_pub', 'mosquitto_sub'];
const standIns = [...clients, 'mv'];

describe.skipIf(missing(...clients, 'openssl'))('the shell client, cut off', () => {
  let gateway: GatewayProcess;
  let operations: Operations;
  let bin: string;

  beforeAll(async () => {
    gateway = await startProcess('');
    operations = await operationsOf(gateway);
    bin = join(gateway.place.folder, 'bin');
    mkdirSync(bin);
    const path = (process.env['PATH'] ?? '').split(delimiter);
    for (const name of standIns) {
      const real = path.map((folder) => join(folder, name)).find((file) => existsSync(file));
      const standIn = resolve(import.meta.dirname, 'cut-off.mjs');
      writeFileSync(join(bin, name), `#!/bin/sh\nexec "${process.execPath}" "${standIn}" "${real}" "$@"\n`);
      chmodSync(join(bin, name), 0o755);
    }
  });
  afterAll(() => gateway?.remove());

  const countOf = (id: string): string => join(gateway.place.folder, `${id}.count`);
  const dueDevice = async (id: string): Promise<ShellDevice> => (await ShellDevice.make(gateway, operations, id)).due();

  function renew(device: ShellDevice, cutAfter: number): Promise<Run> {
    const path = `${bin}${delimiter}${process.env['PATH']}`;
    writeFileSync(countOf(device.id), '');
    return device.run({ ...process.env, PATH: path, CUT_AFTER: String(cutAfter), CUT_COUNT: countOf(device.id) });
  }

  it('completes after being cut off at any message and any rename', async () => {
    const first = await dueDevice('s-0');
    const whole = await renew(first, 0);
    expect(whole.code, whole.said).toBe(0);
    await first.expectRenewed();
    const heard = readFileSync(`${countOf('s-0')}.heard`, 'utf8')
      .trimEnd()
      .split('\n');
    const packets = heard.map((line) => {
      const topic = line.slice(0, line.indexOf(' '));
      return { word: topic.split('/').at(-1), bytes: publishBytes(topic, line.length - topic.length - 1) };
    });
    expect(packets.filter(({ word }) => word === 'part')).toHaveLength(3);
    expect(packets.filter(({ bytes }) => bytes > 512)).toEqual([]);
    const messages = statSync(countOf('s-0')).size;
    expect(messages).toBeGreaterThanOrEqual(10);
    const numbers = Array.from({ length: messages }, (_, at) => at + 1);
    let cuts = 0;
    await inTurns(numbers, 6, async (number) => {
      const id = `s-${number}`;
      const device = await dueDevice(id);
      const cut = await renew(device, number);
      // How often an offer is repeated is a matter of time: a run may have had a message less than the first.
      if (cut.code === 0) expect(statSync(countOf(id)).size).toBeLessThan(number);
      else expect(cut.code, `${number}: ${cut.said}`).toBeNull();
      cuts += cut.code === null ? 1 : 0;
      if (cut.code === 0) return device.expectRenewed();
      const after = await renew(device, 0);
      expect(after.code, `${number}: ${cut.said}${after.said}`).toBe(0);
      await device.expectRenewed();
    });
    expect(cuts).toBeGreaterThanOrEqual(10);
  }, 300_000);
});
