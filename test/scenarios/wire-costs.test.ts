// What a whole renewal costs on the wire: every byte of TCP payload both ways, TLS and MQTT among it, counted by a relay between device and
// broker. Printed, and held against docs/protocol.md.
import { readFileSync } from 'node:fs';
import { createServer, connect as netConnect, type Server } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { connect, type House, openHouse, pemOf, Speaker } from './harness.ts';
import { fetchStretch, nextIssued, replacementOf, totalOf } from './piecemeal.ts';

let house: House;
let relay: Server;
let bytes = 0;
beforeAll(async () => {
  house = await openHouse({
    yaml: 'classes: { default: { lifetime: 90d, renewAt: 66%, overlap: 7d, grace: 30d, retryFirst: 1m } }',
  });
  relay = createServer((near) => {
    const far = netConnect(house.gateway.ports.mqtt, 'localhost');
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.on('error', () => other.destroy());
      one.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
      });
      one.pipe(other);
    }
  });
  await new Promise<void>((resolve) => relay.listen(0, 'localhost', () => resolve()));
});
afterAll(async () => {
  relay.close();
  await house.close();
});

it('of `recertify` in CBOR at 256 bytes, with two handshakes', async () => {
  const id = 'wire-costs-00001';
  const { operations } = house.gateway;
  await operations.addDevice({ id, owner: 'tests', modes: ['recertify'], encoding: 'cbor' });
  const first = await operations.issueDevice({ id });
  await (await connect(house, first, id)).endAsync();
  await operations.runRenewal({ device: id });
  const leaf = `${first.certificatePem.split('-----END CERTIFICATE-----')[0]}-----END CERTIFICATE-----\n`;
  const { port } = relay.address() as { port: number };
  // What a constrained device offers: OpenSSL 3.5 would add a post-quantum key share.
  const groups: object = { ecdhCurve: 'X25519' };
  const through = (certificatePem: string) => connect(house, { ...first, certificatePem }, id, { port, ...groups });

  const before = new Speaker(await through(leaf), id, 'cbor');
  const handshake = bytes;
  await before.say({ word: 'hello', fingerprint: first.certificate.fingerprint, maxPacket: 256 });
  await before.listen();
  const offer = await nextIssued(before);
  const replacement = replacementOf(offer, await fetchStretch(before, offer, 0, totalOf(offer)));
  await before.say({ word: 'ack', renewal: offer.renewal, status: 'installed' });
  await before.client.endAsync();
  const after = new Speaker(await through(pemOf([replacement])), id, 'cbor');
  await after.say({ word: 'hello' });
  await after.listen();
  await after.next('done');
  await after.client.endAsync();

  process.stdout.write(`\non the wire: ${bytes} bytes in all, ${handshake} of them to CONNACK\n`);
  const page = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8');
  const [, all = 0, one = 0] = (/takes ([\d.]+) kB on the wire, of which ([\d.]+) kB/.exec(page) ?? []).map(Number);
  // Signatures, serial numbers and the server's chain differ by some bytes; TLS records come together or apart.
  expect(Math.abs(bytes / 1_000 - all)).toBeLessThanOrEqual(0.6);
  expect(Math.abs(handshake / 1_000 - one)).toBeLessThanOrEqual(0.3);
});
