// The alert about a device that is thrown out again and again, on the real broker: raised once, by whatever cause, and over after a while.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { framed, publishBytes } from '../broker/harness.ts';
import { type Credentials, type House, openHouse } from './harness.ts';
import { Raw } from './raw.ts';

const name = { kind: 'disconnected_repeatedly', subject: 'd1' };
let house: House;
let credentials: Credentials;
let ahead = 0;

beforeEach(async () => {
  ahead = 0;
  house = await openHouse({
    yaml: 'classes: { default: { lifetime: 30d } }\nlimits: { packetBytes: 20000, packetBytesDiscarded: 0 }',
    clock: { now: () => Date.now() + ahead },
  });
  credentials = await house.device('d1');
});
afterEach(() => house.close());

const visit = async (bytes: Buffer): Promise<void> => {
  const raw = await Raw.connect(house.gateway.ports.mqtt, credentials, 'd1');
  raw.socket.write(bytes);
  await raw.ended();
};

describe('an alert tells of a device that is disconnected repeatedly', () => {
  it.each([
    ['a packet too large', publishBytes('devices/d1/x', 1, Buffer.alloc(30_000)), 'a packet that the gateway refuses'],
    ['what is no MQTT', framed(0x82, Buffer.from('0001', 'hex')), 'no MQTT'],
  ])('because of %s, once', async (_what, bytes, words) => {
    for (let times = 0; times < 12; times += 1) await visit(bytes);
    const line = await house.log.until('alert.raised', { 'event.reason': 'disconnected_repeatedly' });
    expect(line.message).toContain('d1');
    expect((await house.gateway.operations.showAlert(name)).detail).toContain(words);
    for (let times = 0; times < 5; times += 1) await visit(bytes);
    expect(house.log.count('alert.raised')).toBe(1);
    // What came last is noted with the look after it, which may still be under way when the clock is set once more.
    for (let jumps = 1; jumps <= 3; jumps += 1) {
      ahead = jumps * 3 * 3_600_000;
      await expect.poll(() => house.log.count('clock.moved')).toBe(jumps);
    }
    await house.log.until('alert.cleared', { 'event.reason': 'disconnected_repeatedly' });
  });

  it('because two of them have one client id', async () => {
    let last = await Raw.connect(house.gateway.ports.mqtt, credentials, 'd1');
    for (let times = 0; times < 6; times += 1) {
      const next = await Raw.connect(house.gateway.ports.mqtt, credentials, 'd1');
      await last.ended();
      last = next;
    }
    await house.log.until('alert.raised', { 'event.reason': 'credential_contested' });
    const { detail } = await house.gateway.operations.showAlert({ ...name, kind: 'credential_contested' });
    expect(detail).toMatch(/take its client id from each other again and again, both from \S*127\.0\.0\.1$/);
    await last.destroy();
  });

  it('and of none that says DISCONNECT, or whose connection is lost now and then', async () => {
    for (let times = 0; times < 15; times += 1) await visit(Buffer.from('e000', 'hex'));
    for (let times = 0; times < 5; times += 1) {
      await (await Raw.connect(house.gateway.ports.mqtt, credentials, 'd1')).destroy();
    }
    const other = await house.device('d2');
    for (let times = 0; times < 12; times += 1) {
      const raw = await Raw.connect(house.gateway.ports.mqtt, other, 'd2');
      raw.socket.write(framed(0x82, Buffer.from('0001', 'hex')));
      await raw.ended();
    }
    expect((await house.log.until('alert.raised', { 'event.reason': 'disconnected_repeatedly' })).message).toContain(
      'd2',
    );
    expect(house.log.count('alert.raised')).toBe(1);
  });
});
