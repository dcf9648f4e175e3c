// Replacements whose device sends no request: over the key it has, or over one made for it that only it can read.

import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { IssuedView } from '../../src/app/views/devices.ts';
import type { KeyMode } from '../../src/domain/principal.ts';
import { splitReplacement, unwrapKey } from '../../src/simulator/unwrap.ts';
import { type Credentials, connackOf, connect, type House, newRequest, openHouse, pemOf, Speaker } from './harness.ts';
import { fetchStretch, nextIssued, replacementOf, totalOf } from './piecemeal.ts';
import { renewTwice } from './simulated.ts';

let house: House;
afterEach(() => house.close());

const yaml = (more = '') => `
classes:
  default: { lifetime: 1h, renewAt: 66%, overlap: 3s, grace: 1h, retryFirst: 1s, retryMax: 1s, keyModes: [csr, recertify, keygen]${more} }
`;

/** A device of the inventory that can do this mode alone, with its first certificate in use. */
async function deviceOf(id: string, mode: KeyMode): Promise<IssuedView> {
  await house.gateway.operations.addDevice({ id, owner: 'tests', modes: [mode] });
  const first = await house.gateway.operations.issueDevice({ id });
  await (await connect(house, first, id)).endAsync();
  return first;
}

async function listen(credentials: Credentials, id: string, clientId = id): Promise<Speaker> {
  const device = new Speaker(await connect(house, credentials, clientId), id, 'cbor');
  await device.say({ word: 'hello', maxPacket: 256 });
  return device.listen();
}

/** Fetches the replacement under the next offer that has one. */
async function fetchNext(device: Speaker): Promise<{ renewal: string; mode: KeyMode; bytes: Uint8Array }> {
  const offer = await nextIssued(device);
  const bytes = replacementOf(offer, await fetchStretch(device, offer, 0, totalOf(offer)));
  return { renewal: offer.renewal, mode: offer.mode, bytes };
}

const runRenewal = (device: string) => house.gateway.operations.runRenewal({ device });
const renewalOf = async (id: string) => (await house.gateway.operations.showDevice({ id })).renewals[0];

/** Every byte the broker keeps on disk, and every line it wrote. */
function everythingKept(): Buffer {
  const files = readdirSync(house.home).filter((name) => name.startsWith('nolapse.db'));
  return Buffer.concat([
    ...files.map((name) => readFileSync(join(house.home, name))),
    Buffer.from(JSON.stringify(house.log.lines)),
  ]);
}

describe('recertify', () => {
  it('certifies the key the device has once more, and retires the certificate before it', async () => {
    house = await openHouse({ yaml: yaml() });
    const first = await deviceOf('pump-1', 'recertify');
    await runRenewal('pump-1');
    const device = await listen(first, 'pump-1');
    const { renewal, mode, bytes } = await fetchNext(device);
    expect(mode).toBe('recertify');
    const second = { certificatePem: pemOf([bytes]), keyPem: first.keyPem };
    const spkiOf = (pem: string) => new X509Certificate(pem).publicKey.export({ type: 'spki', format: 'der' });
    expect(spkiOf(second.certificatePem)).toEqual(spkiOf(first.certificatePem));
    await device.say({ word: 'ack', renewal, status: 'installed' });
    await device.client.endAsync();
    const renewed = await listen(second, 'pump-1');
    expect((await renewed.next('done')).renewal).toBe(renewal);
    await house.log.until('renewal.retired');
    expect(await connackOf(house, first, 'pump-1:old')).toBe(5);
    expect(await connackOf(house, second, 'pump-1:new')).toBe(0);
    await renewed.client.endAsync(true);
  });

  it('issues nothing while nobody is there to fetch it', async () => {
    house = await openHouse({ yaml: yaml() });
    const first = await deviceOf('pump-1', 'recertify');
    await runRenewal('pump-1');
    await house.gateway.operations.crl();
    expect(await renewalOf('pump-1')).toMatchObject({ state: 'due', newFingerprint: null, requests: 0 });
    const device = await listen(first, 'pump-1');
    await fetchNext(device);
    await device.client.endAsync(true);
  });

  it('offers the same certificate again after a failure, and takes no request in its place', async () => {
    house = await openHouse({ yaml: yaml() });
    const first = await deviceOf('pump-1', 'recertify');
    await runRenewal('pump-1');
    const device = await listen(first, 'pump-1');
    const { renewal, bytes } = await fetchNext(device);
    const { csr } = await newRequest('pump-1');
    await device.say({ word: 'csr', renewal, csr });
    expect((await device.next('error')).code).toBe('unsupported_mode');
    await device.say({ word: 'ack', renewal, status: 'failed', code: 'no_space' });
    await house.log.until('renewal.failed');
    const again = await fetchNext(device);
    expect(Buffer.from(again.bytes).equals(bytes)).toBe(true);
    const { certificates } = await house.gateway.operations.showDevice({ id: 'pump-1' });
    expect(certificates).toHaveLength(2);
    await device.client.endAsync(true);
  });

  it('is not done with a key older than the policy allows, and somebody is told', async () => {
    house = await openHouse({ yaml: yaml(', keyAgeMax: 0s') });
    await deviceOf('pump-1', 'recertify');
    await runRenewal('pump-1');
    await house.log.until('alert.raised', { 'nolapse.alert.subject': 'pump-1' });
    expect(await renewalOf('pump-1')).toMatchObject({ newFingerprint: null });
  });

  it('comes to nothing when the key is revoked on the way, and what was certified over it is revoked with it', async () => {
    house = await openHouse({ yaml: yaml() });
    const first = await deviceOf('pump-1', 'recertify');
    await runRenewal('pump-1');
    const device = await listen(first, 'pump-1');
    const { bytes } = await fetchNext(device);
    const second = { certificatePem: pemOf([bytes]), keyPem: first.keyPem };
    await house.gateway.operations.revokeCertificate({ id: first.certificate.serial, reason: 'privilegeWithdrawn' });
    for (const credentials of [first, second]) expect(await connackOf(house, credentials, 'pump-1')).toBe(5);
    expect(await renewalOf('pump-1')).toMatchObject({ state: 'cancelled' });
    const { certificates } = await house.gateway.operations.showDevice({ id: 'pump-1' });
    expect(certificates.map(({ state }) => state)).toEqual(['revoked', 'revoked']);
  });

  it('leaves no certificate over a compromised key, whichever of them is revoked', async () => {
    house = await openHouse({ yaml: yaml().replace('overlap: 3s', 'overlap: 10m') });
    const first = await deviceOf('pump-1', 'recertify');
    await runRenewal('pump-1');
    const device = await listen(first, 'pump-1');
    const { bytes } = await fetchNext(device);
    const second = { certificatePem: pemOf([bytes]), keyPem: first.keyPem };
    expect(await connackOf(house, second, 'pump-1:new')).toBe(0);
    expect(await connackOf(house, first, 'pump-1:old')).toBe(0);
    const serial = new X509Certificate(second.certificatePem).serialNumber.toLowerCase();
    await house.gateway.operations.revokeCertificate({ id: serial, reason: 'keyCompromise' });
    for (const credentials of [first, second]) expect(await connackOf(house, credentials, 'pump-1')).toBe(5);
    expect(house.log.count('certificate.revoked')).toBe(2);
  });

  it('goes on through a restart at any state', async () => {
    house = await openHouse({ yaml: yaml() });
    const first = await deviceOf('pump-1', 'recertify');
    const { id: renewal } = await runRenewal('pump-1');
    await house.restart();
    let device = await listen(first, 'pump-1');
    const offer = await nextIssued(device);
    await device.client.endAsync();
    await house.restart();
    device = await listen(first, 'pump-1');
    const { bytes } = await fetchNext(device);
    await device.client.endAsync();
    await house.restart();
    const renewed = await listen({ certificatePem: pemOf([bytes]), keyPem: first.keyPem }, 'pump-1');
    expect((await renewed.next('done')).renewal).toBe(renewal);
    expect(offer.renewal).toBe(renewal);
    expect((await house.gateway.operations.showDevice({ id: 'pump-1' })).certificates).toHaveLength(2);
    await renewed.client.endAsync(true);
  });
});

describe('keygen', () => {
  it('delivers a key that only the device can read, and forgets it once the device has it', async () => {
    house = await openHouse({ yaml: yaml() });
    const first = await deviceOf('pump-2', 'keygen');
    await runRenewal('pump-2');
    const device = await listen(first, 'pump-2');
    const { renewal, mode, bytes } = await fetchNext(device);
    expect(mode).toBe('keygen');
    const { certificate, envelope } = splitReplacement(bytes);
    if (!envelope) throw new Error('no envelope');
    const sealed = Buffer.from(envelope.subarray(-64));
    const keyPem = unwrapKey(envelope, first.keyPem);
    const certificatePem = pemOf([certificate]);
    const made = createPublicKey(createPrivateKey(keyPem)).export({ type: 'spki', format: 'der' });
    expect(new X509Certificate(certificatePem).publicKey.export({ type: 'spki', format: 'der' })).toEqual(made);
    expect(everythingKept().includes(sealed)).toBe(true);
    await device.say({ word: 'ack', renewal, status: 'installed' });
    await house.log.until('renewal.installed');
    await device.say({ word: 'get', renewal, offset: 0, length: 1 });
    expect((await device.next('error')).code).toBe('wrong_state');
    await device.client.endAsync();
    const renewed = await listen({ certificatePem, keyPem }, 'pump-2');
    expect((await renewed.next('done')).renewal).toBe(renewal);

    // What only the device could read is gone too: its old key may fall into other hands one day.
    await vi.waitFor(() => expect(everythingKept().includes(sealed)).toBe(false), 60_000);
    const { d = '' } = createPrivateKey(keyPem).export({ format: 'jwk' });
    const secret = Buffer.from(d, 'base64url');
    const kept = everythingKept();
    expect(kept.includes(Buffer.from(certificate))).toBe(true);
    expect(kept.includes(secret)).toBe(false);
    for (const spelled of [secret.toString('hex'), secret.toString('base64').slice(2, 40)]) {
      expect(kept.includes(spelled)).toBe(false);
    }
    await renewed.client.endAsync(true);
  });

  it('makes another key after a failure: one that failed is not sent twice', async () => {
    house = await openHouse({ yaml: yaml() });
    const first = await deviceOf('pump-2', 'keygen');
    await runRenewal('pump-2');
    const device = await listen(first, 'pump-2');
    const { renewal, bytes } = await fetchNext(device);
    await device.say({ word: 'ack', renewal, status: 'failed', code: 'cannot_decrypt' });
    await house.log.until('renewal.failed');
    const again = await fetchNext(device);
    expect(Buffer.from(again.bytes).equals(bytes)).toBe(false);
    const unused = splitReplacement(bytes).certificate;
    const { certificates } = await house.gateway.operations.showDevice({ id: 'pump-2' });
    const fingerprint = new X509Certificate(pemOf([unused])).fingerprint256.replaceAll(':', '').toLowerCase();
    expect(certificates.find((each) => each.fingerprint === fingerprint)).toMatchObject({ state: 'revoked' });
    await device.client.endAsync(true);
  });
});

describe('a request that was made with a compromised key', () => {
  it('is worth nothing, whoever made it', async () => {
    house = await openHouse({ yaml: yaml() });
    const first = await deviceOf('pump-4', 'csr');
    await runRenewal('pump-4');
    const device = await listen(first, 'pump-4');
    const { renewal } = await device.next('offer');
    const { keyPem, csr } = await newRequest('pump-4');
    await device.say({ word: 'csr', renewal, csr });
    const { bytes } = await fetchNext(device);
    await house.gateway.operations.revokeCertificate({ id: first.certificate.serial, reason: 'keyCompromise' });
    expect(await connackOf(house, { certificatePem: pemOf([bytes]), keyPem }, 'pump-4')).toBe(5);
    expect(await renewalOf('pump-4')).toMatchObject({ state: 'cancelled' });
  });
});

describe('the simulated device', () => {
  it.each(['recertify', 'keygen'] as const)('renews itself in %s over and over', async (mode) => {
    house = await openHouse({
      yaml: `classes: { default: { lifetime: 8s, renewAt: 20%, spread: 0%, overlap: 1s, grace: 60s, keyModes: [${mode}] } }`,
    });
    await renewTwice(house, 'pump-3', await deviceOf('pump-3', mode));
  });
});
