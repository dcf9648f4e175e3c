// What a whole renewal costs a device: bytes of MQTT payload both ways, and publishes of its own, measured on the real broker.
// The table is printed, and held against the one in docs/protocol.md.
import { readFileSync } from 'node:fs';
import type { MqttClient } from 'mqtt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { UpMessage } from '../../src/domain/message.ts';
import type { Encoding, KeyMode } from '../../src/domain/principal.ts';
import { sendRequest } from '../../src/simulator/send-request.ts';
import { connect, type House, newRequest, openHouse, pemOf, Speaker } from './harness.ts';
import { fetchStretch, nextIssued, replacementOf, totalOf } from './piecemeal.ts';

let house: House;
beforeAll(async () => {
  house = await openHouse({
    yaml: 'classes: { default: { lifetime: 90d, renewAt: 66%, overlap: 7d, grace: 30d, retryFirst: 1m } }',
  });
});
afterAll(() => house.close());

interface Way {
  readonly mode: KeyMode;
  /** As it stands in the first cell of the page's table. */
  readonly name: string;
  readonly encoding: Encoding;
  readonly maxPacket: number;
}

const ways: readonly Way[] = [
  { name: '`recertify`, CBOR, fetched at 256 bytes', mode: 'recertify', encoding: 'cbor', maxPacket: 256 },
  { name: '`recertify`, JSON, fetched at 256 bytes', mode: 'recertify', encoding: 'json', maxPacket: 256 },
  { name: '`csr`, CBOR, fetched at 256 bytes', mode: 'csr', encoding: 'cbor', maxPacket: 256 },
  { name: '`csr`, JSON, fetched at 256 bytes', mode: 'csr', encoding: 'json', maxPacket: 256 },
  { name: '`csr`, JSON, whole with its chain', mode: 'csr', encoding: 'json', maxPacket: 4_096 },
];

interface Cost {
  up: number;
  down: number;
  publishes: number;
}

function count(client: MqttClient, cost: Cost): void {
  client.on('packetsend', (packet) => {
    if (packet.cmd !== 'publish') return;
    cost.up += packet.payload.length;
    cost.publishes += 1;
  });
  client.on('packetreceive', (packet) => {
    if (packet.cmd === 'publish') cost.down += packet.payload.length;
  });
}

/** Renews as a frugal device does: it says hello before it subscribes, and asks for all of its replacement at once. */
async function renew(id: string, { mode, encoding, maxPacket }: Way): Promise<Cost> {
  const cost: Cost = { up: 0, down: 0, publishes: 0 };
  await house.gateway.operations.addDevice({ id, owner: 'tests', modes: [mode] });
  const first = await house.gateway.operations.issueDevice({ id });
  await (await connect(house, first, id)).endAsync();
  await house.gateway.operations.runRenewal({ device: id });
  const before = await connect(house, first, id);
  count(before, cost);
  const device = new Speaker(before, id, encoding);
  await device.say({ word: 'hello', fingerprint: first.certificate.fingerprint, maxPacket });
  await device.listen();
  const keyPem = mode === 'csr' ? await ask(device, maxPacket) : first.keyPem;
  const { renewal, certificatePem } = await receive(device, mode === 'csr' && maxPacket > 2_048);
  await device.say({ word: 'ack', renewal, status: 'installed' });
  await before.endAsync();

  const after = await connect(house, { certificatePem, keyPem, rootPem: first.rootPem }, id);
  count(after, cost);
  const renewed = new Speaker(after, id, encoding);
  const { certificates } = await house.gateway.operations.showDevice({ id });
  const fingerprint = certificates.find(({ state }) => state === 'active')?.fingerprint ?? '';
  await renewed.say({ word: 'hello', fingerprint });
  await renewed.listen();
  await renewed.next('done');
  await after.endAsync();
  return cost;
}

/** Answers the offer with a request for a new key. @returns the key. */
async function ask(device: Speaker, maxPacket: number): Promise<string> {
  const { renewal } = await device.next('offer');
  const { keyPem, csr } = await newRequest(device.id);
  const say = (message: UpMessage) => device.say(message).then(() => true);
  await sendRequest({ id: device.id, encoding: device.encoding, maxPacket, say }, renewal, csr);
  return keyPem;
}

async function receive(device: Speaker, whole: boolean): Promise<{ renewal: string; certificatePem: string }> {
  if (whole) {
    const { renewal, certificates } = await device.next('cert');
    return { renewal, certificatePem: pemOf(certificates) };
  }
  const offer = await nextIssued(device);
  const replacement = replacementOf(offer, await fetchStretch(device, offer, 0, totalOf(offer)));
  return { renewal: offer.renewal, certificatePem: pemOf([replacement]) };
}

describe('a whole renewal, with an id of 16 characters', () => {
  const rows: string[] = [];
  afterAll(() => process.stdout.write(`${['', ...rows, ''].join('\n')}\n`));

  it.each(ways)('$name', async (way) => {
    const id = `c-${way.mode.slice(0, 2)}-${way.encoding}-${way.maxPacket}`.padEnd(16, 'x');
    expect(id).toHaveLength(16);
    const { up, down, publishes } = await renew(id, way);
    if (way.name === '`recertify`, CBOR, fetched at 256 bytes')
      expect([publishes, up + down <= 1_500]).toEqual([4, true]);
    rows.push(`| ${way.name} | ${up} | ${down} | ${up + down} | ${publishes} |`);
    const page = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8');
    const stated = page.split('\n').find((line) => line.startsWith(`| ${way.name} |`));
    const [, ...figures] = (stated ?? '').slice(1, -1).split('|');
    const [statedUp = 0, statedDown = 0, , statedPublishes] = figures.map((cell) => Number(cell.replaceAll(',', '')));
    // Signatures and serial numbers differ by a few bytes from one certificate to the next.
    expect(Math.abs(up - statedUp)).toBeLessThanOrEqual(20);
    expect(Math.abs(down - statedDown)).toBeLessThanOrEqual(20);
    expect(publishes).toBe(statedPublishes);
  });
});
