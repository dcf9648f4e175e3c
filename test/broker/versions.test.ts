// Versions of MQTT that are not spoken here: each client is answered in its own form, named in the log, and admitted by nothing.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { framed, House, until } from './harness.ts';
import type { Credential } from './test-pki.ts';

let house: House;
let credential: Credential;
beforeAll(async () => {
  house = await House.open();
  credential = await house.device('d1');
});
afterAll(() => house.close());

/** A CONNECT with this protocol name and level, and what follows in 3.1.1. */
function connectAt(name: string, level: number): Buffer {
  const head = Buffer.concat([Buffer.from([0, name.length]), Buffer.from(name), Buffer.from([level, 2, 0, 60])]);
  return framed(0x10, Buffer.concat([head, Buffer.from([0, 2]), Buffer.from('d1')]));
}

async function answerTo(bytes: Buffer, presented: Credential | null = credential): Promise<string> {
  const socket = await house.raw(presented);
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  socket.write(bytes);
  await Promise.race([once(socket, 'end'), until(() => chunks.length > 0)]);
  const isOpen = Buffer.concat(chunks).toString('hex') === '20020000';
  if (!isOpen && !socket.readableEnded) await once(socket, 'end');
  socket.destroy();
  return Buffer.concat(chunks).toString('hex');
}

describe('a CONNECT of another version', () => {
  it.each([
    ['MQTT 5', 'MQTT', 5, '2003008400'],
    ['MQTT 5 of a bridge', 'MQTT', 0x85, '2003008400'],
    ['MQTT 6', 'MQTT', 6, '20020001'],
    ['level 0', 'MQTT', 0, '20020001'],
    ['level 127', 'MQTT', 127, '20020001'],
    ['level 5 under the old name', 'MQIsdp', 5, '2003008400'],
    ['level 2 under the old name', 'MQIsdp', 2, '20020001'],
  ])('%s is answered', async (_what, name, level, expected) => {
    const [admitted, told] = [house.entrance.admitted.length, house.told('connection.refused').length];
    expect(await answerTo(connectAt(name, level))).toBe(expected);
    await until(() => house.told('connection.refused').length === told + 1);
    expect(house.told('connection.refused').at(-1)).toMatchObject({
      reason: 'protocol_version',
      fields: { 'nolapse.principal': 'd1', 'nolapse.mqtt.level': level & 0x7f },
    });
    expect(house.entrance.admitted).toHaveLength(admitted);
  });

  it('coreMQTT 5 is answered, with its properties', async () => {
    const bytes = Buffer.from(readFileSync('test/broker/coremqtt-5.0.2-connect.hex', 'utf8').trim(), 'hex');
    expect(await answerTo(bytes)).toBe('2003008400');
  });

  it('is told without a name where the certificate is unknown, or there is none', async () => {
    for (const presented of [await house.authority.issue('stranger'), null]) {
      const told = house.told('connection.refused').length;
      expect(await answerTo(connectAt('MQTT', 5), presented)).toBe('2003008400');
      await until(() => house.told('connection.refused').length === told + 1);
      expect(house.told('connection.refused').at(-1)?.fields).not.toHaveProperty('nolapse.principal');
    }
  });

  it.each([
    ['3.1.1', 'MQTT', 4],
    ['3.1', 'MQIsdp', 3],
    ['3.1.1 of a bridge', 'MQTT', 0x84],
    ['3.1 of a bridge', 'MQIsdp', 0x83],
    ['level 4 under the old name', 'MQIsdp', 4],
    ['level 3 under the new name', 'MQTT', 3],
  ])('is not %s', async (_what, name, level) => {
    expect(await answerTo(connectAt(name, level))).toBe('20020000');
  });

  it('of no protocol that is known here is not answered at all [MQTT-3.1.2-1]', async () => {
    expect(await answerTo(connectAt('HTTP', 5))).toBe('');
  });
});
