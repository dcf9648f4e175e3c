// What a device with one valid certificate may try: each gets its code, is counted and logged once, and changes nothing.
import { type KeyObject, sign } from 'node:crypto';
import { connect as tlsConnect } from 'node:tls';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nameOf } from '../../src/pki/certificate.ts';
import { contextTag, encode, octetString, oid, sequence } from '../../src/pki/der.ts';
import { oids } from '../../src/pki/oids.ts';
import { assembleRequest, ecKey, extensionRequest, rsaKey, signedBy, spkiOf } from '../pki/made.ts';
import { connackOf, connect, type House, newRequest, openHouse, Speaker } from './harness.ts';

let house: House;
let device: Speaker;
let renewal: string;

beforeEach(async () => {
  house = await openHouse({ yaml: 'classes: { default: { lifetime: 1h, renewAt: 66%, overlap: 10m, grace: 1h } }' });
  const pump = await house.device('pump-1');
  device = await new Speaker(await connect(house, pump, 'pump-1'), 'pump-1').listen();
  await device.say({ word: 'hello', maxPacket: 4_096 });
  await house.gateway.operations.runRenewal({ device: 'pump-1' });
  ({ renewal } = await device.next('offer'));
  await house.log.until('renewal.offered');
});
afterEach(async () => {
  await device.client.endAsync(true);
  await house.close();
});

/** A request for pump-1 by this key, wrong where `parts` say so. */
function request(key: KeyObject, parts: Partial<Parameters<typeof assembleRequest>[0]> = {}): Uint8Array {
  return assembleRequest({
    subject: nameOf('pump-1'),
    spki: spkiOf(key),
    attributes: [],
    signature: signedBy(key),
    ...parts,
  });
}

const rsaAlgorithm = (): Uint8Array => sequence(oid(oids.sha256WithRsa), Uint8Array.of(5, 0));

async function stateNow(): Promise<unknown> {
  const { renewals, certificates } = await house.gateway.operations.showDevice({ id: 'pump-1' });
  return { state: renewals[0]?.state, requests: renewals[0]?.requests, certificates: certificates.length };
}

async function expectRefused(code: string, send: () => Promise<unknown>): Promise<void> {
  const before = await stateNow();
  const since = house.log.lines.length;
  const counted = await house.metrics.value('nolapse_enrollment_errors_total', { code });
  await send();
  const error = await device.next('error');
  expect(error.code).toBe(code);
  await house.log.until('enrollment.refused', { 'event.reason': code }, since);
  const told = house.log.lines.slice(since).filter((line) => line['event.action'] === 'enrollment.refused');
  expect(told).toHaveLength(1);
  expect(await house.metrics.value('nolapse_enrollment_errors_total', { code })).toBe(counted + 1);
  expect(await stateNow()).toEqual(before);
}

describe('a CSR that must not be certified', () => {
  const csr = (bytes: Uint8Array) => () => device.say({ word: 'csr', renewal, csr: bytes });

  it('is refused with its code, and the renewal stays open for a good one', async () => {
    const key = ecKey();
    const good = request(key);
    await expectRefused('malformed_csr', csr(Buffer.from('not DER at all')));
    await expectRefused('malformed_csr', csr(Buffer.concat([good, Buffer.from([0])])));
    await expectRefused('malformed_csr', csr(good.subarray(0, good.length - 1)));
    await expectRefused('bad_signature', csr(request(key, { signature: signedBy(ecKey()) })));
    await expectRefused('subject_mismatch', csr(request(key, { subject: nameOf('pump-2') })));
    await expectRefused('key_refused', csr(request(ecKey('secp256k1'))));
    const weak = rsaKey(1_024);
    const rsa = { algorithm: rsaAlgorithm(), signature: (body: Uint8Array) => sign('sha256', body, weak) };
    await expectRefused('key_refused', csr(request(weak, rsa)));
    const ca = sequence(oid('2.5.29.19'), octetString(sequence(Uint8Array.of(1, 1, 255))));
    await expectRefused('extension_refused', csr(request(key, { attributes: [extensionRequest(ca)] })));
    await device.say({ word: 'csr', renewal, csr: good });
    expect((await device.next('cert')).renewal).toBe(renewal);
  });

  it('is refused at 100 kB of attributes, before it is read', async () => {
    const huge = encode(contextTag(1, true), octetString(new Uint8Array(100_000)));
    const bytes = request(ecKey(), { attributes: [huge] });
    const payload = JSON.stringify({
      renewal,
      csr: `-----BEGIN CERTIFICATE REQUEST-----\n${Buffer.from(bytes).toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`,
    });
    const before = await stateNow();
    await device.client.publishAsync('$enroll/1/pump-1/csr', payload, { qos: 1 });
    const { code } = await device.next('error');
    expect(['malformed_message', 'csr_too_large']).toContain(code);
    expect(await stateNow()).toEqual(before);
  });

  it("is refused under another's renewal, and with another's key", async () => {
    const other = await house.device('pump-2');
    const theirs = await new Speaker(await connect(house, other, 'pump-2'), 'pump-2').listen();
    await theirs.say({ word: 'hello', maxPacket: 4_096 });
    await house.gateway.operations.runRenewal({ device: 'pump-2' });
    const offer = await theirs.next('offer');
    const { csr: bytes } = await newRequest('pump-1');
    await expectRefused('unknown_renewal', () => device.say({ word: 'csr', renewal: offer.renewal, csr: bytes }));
    await expectRefused('unknown_renewal', () =>
      device.say({ word: 'ack', renewal: offer.renewal, status: 'installed' }),
    );
    const key = ecKey();
    await theirs.say({ word: 'csr', renewal: offer.renewal, csr: request(key, { subject: nameOf('pump-2') }) });
    await theirs.next('cert');
    await expectRefused('key_in_use', csr(request(key)));
    await theirs.client.endAsync(true);
  });

  it('does not get a second certificate when it comes twice, by whatever CSR', async () => {
    const key = ecKey();
    await device.say({ word: 'csr', renewal, csr: request(key) });
    const first = await device.next('cert');
    await device.say({ word: 'csr', renewal, csr: request(key) });
    const second = await device.next('cert');
    expect(Buffer.from(second.certificates[0] ?? []).equals(Buffer.from(first.certificates[0] ?? []))).toBe(true);
    expect(await stateNow()).toMatchObject({ requests: 1, certificates: 2 });
  });
});

describe('a message that makes no sense', () => {
  it.each([
    ['csr', '', 'malformed_message'],
    ['csr', '{}', 'missing_field'],
    ['csr', '{"renewal": 7, "csr": null}', 'missing_field'],
    ['ack', '[1,2]', 'malformed_message'],
    ['ack', '{"renewal":"nobody","status":"installed"}', 'unknown_renewal'],
    ['hello', '\x00\x01\x02', 'malformed_message'],
    ['hello', '{"__proto__":{"maxPacket":1},"maxPacket":"big"}', 'missing_field'],
  ])('%s %j is answered with %s', async (word, payload, code) => {
    await expectRefused(code, () => device.client.publishAsync(`$enroll/1/pump-1/${word}`, payload, { qos: 1 }));
  });

  it.each([
    ['that is cut short', 'csr', 'a2016d6b334a64'],
    ['that nests 9 deep', 'hello', `a1187f${'81'.repeat(8)}00`],
    ['that nests without end', 'get', `a1187f${'81'.repeat(4_000)}`],
    ['with a key twice', 'ack', 'a3016172090009 01'.replace(' ', '')],
    ['with a length that is not given', 'hello', 'bf0f190100ff'],
    ['with something after it', 'hello', 'a000'],
    ['with a float', 'hello', 'a10ff95c00'],
  ])('CBOR %s is answered with malformed_message', async (_, word, hex) => {
    const payload = Buffer.from(hex, 'hex');
    await expectRefused('malformed_message', () =>
      device.client.publishAsync(`$enroll/1/pump-1/${word}`, payload, { qos: 1 }),
    );
  });

  it('changes nothing, whatever bytes it is made of', async () => {
    const before = await stateNow();
    const word = fc.constantFrom('hello', 'csr', 'ack', 'get', 'offer', 'x');
    await fc.assert(
      fc.asyncProperty(word, fc.uint8Array({ maxLength: 300 }), async (each, bytes) => {
        await device.client.publishAsync(`$enroll/1/pump-1/${each}`, Buffer.from(bytes), { qos: 1 });
      }),
      { numRuns: 60 },
    );
    expect(await stateNow()).toEqual(before);
    expect(device.client.connected).toBe(true);
  });
});

describe('a topic that is not its own', () => {
  it.each(['devices/pump-2/telemetry', '$enroll/1/pump-2/csr', '$enroll/1/__proto__/csr', '$SYS/broker/x/new/clients'])(
    '%s is not published on, and the connection stays',
    async (topic) => {
      const backend = await house.device('pump-2');
      const watcher = await connect(house, backend, 'pump-2');
      const heard: string[] = [];
      watcher.on('message', (each) => heard.push(each));
      await watcher.subscribeAsync(['devices/pump-2/#', '$enroll/1/pump-2/#']);
      await device.client.publishAsync(topic, 'intruder', { qos: 1, retain: true });
      await watcher.publishAsync('devices/pump-2/marker', 'own', { qos: 1 });
      await watcher.subscribeAsync('devices/pump-2/telemetry');
      await watcher.unsubscribeAsync('devices/pump-2/telemetry');
      expect(heard).toEqual(['devices/pump-2/marker']);
      expect(device.client.connected).toBe(true);
      await watcher.endAsync(true);
    },
  );

  it.each(['#', '+/#', '$SYS/#', '$enroll/#', '$enroll/1/+/cert', 'devices/+/telemetry'])(
    '%s is not subscribed to',
    async (filter) => {
      await expect(device.client.subscribeAsync(filter)).rejects.toThrow();
      await house.log.until('access.denied', { 'event.reason': 'subscribe' });
    },
  );
});

describe('a CONNECT of 256 MB', () => {
  it('is cut off at its first bytes, and nobody else notices', async () => {
    const socket = tlsConnect({ host: '127.0.0.1', port: house.gateway.ports.mqtt, rejectUnauthorized: false });
    socket.on('error', () => undefined);
    const gone = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    socket.write(Buffer.from([0x10, 0xff, 0xff, 0xff, 0x7f]));
    socket.write(Buffer.alloc(32_768, 0x61));
    await gone;
    await house.log.until('packet.refused');
    expect(device.client.connected).toBe(true);
  });
});

describe('an id that is not one', () => {
  it.each(['__proto__', '+', '#', '../x', 'a/b', 'x'.repeat(10_240), '', 'lane'])('%j is not added', async (id) => {
    const refused = house.gateway.operations.addDevice({ id, owner: 'tests' });
    await expect(refused).rejects.toMatchObject({ code: 'invalid' });
    expect(await connackOf(house, null, id || 'x')).toBeGreaterThan(0);
  });

  it('in a file is named by its line, and nothing of the file is imported', async () => {
    const text = 'id,owner\npump-8,water\n__proto__,water\npump-9,\npump-8,twice\n';
    await expect(house.gateway.operations.importDevices({ format: 'csv', text })).rejects.toMatchObject({
      faults: [
        expect.stringMatching(/^line 3: id: not an id/),
        expect.stringMatching(/^line 4: owner: missing/),
        expect.stringMatching(/^line 5: id: pump-8 is already on line 2/),
      ],
    });
    await expect(house.gateway.operations.showDevice({ id: 'pump-8' })).rejects.toMatchObject({ code: 'not_found' });
    const jsonl = '{"id":"pump-8","owner":"water"}\n{"id":"pump-9","owner":"water","site":"north"}\n';
    expect(await house.gateway.operations.importDevices({ format: 'jsonl', text: jsonl })).toEqual({
      added: 2,
      updated: 0,
      unchanged: 0,
    });
  });
});
