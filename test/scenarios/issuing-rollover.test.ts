// One issuing CA takes the place of another, twice, while devices are connected over real TLS: nobody is dropped, nobody is refused, what
// comes after is of the new one, and each signs its own list. And what comes back from elsewhere, where the root's key is.
import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { connect as secure } from 'node:tls';
import type { MqttClient } from 'mqtt';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { IssuedView } from '../../src/app/views/devices.ts';
import { readCrl } from '../../src/pki/crl.ts';
import { derToPem } from '../../src/pki/pem.ts';
import { signedByRoot } from '../pki/issuing.ts';
import { connackOf, connect, type House, newRequest, openHouse, Speaker } from './harness.ts';

const hours = `
classes: { default: { lifetime: 1h, renewAt: 66%, spread: 0%, overlap: 10m, grace: 1h, retryFirst: 1s } }
`;
const day = 86_400_000;

let house: House;
const clients: MqttClient[] = [];
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.endAsync(true)));
  await house.close();
});

const operations = () => house.gateway.operations;
const pki = (name: string): string => join(house.home, 'pki', name);
const issuing = (number: number): X509Certificate =>
  new X509Certificate(readFileSync(pki(number === 1 ? 'issuing.crt' : `issuing-${number}.crt`)));

/** Connected with this certificate, under the root alone. */
async function arrive(id: string, issued: IssuedView): Promise<MqttClient> {
  const client = await connect(house, issued, id);
  clients.push(client);
  return client;
}

/** The chain that the broker shows now, the leaf first, verified under the root. */
async function served(rootPem: string): Promise<X509Certificate[]> {
  const socket = secure({ host: 'localhost', port: house.gateway.ports.mqtt, ca: rootPem });
  await new Promise<void>((resolve, reject) => {
    socket.once('secureConnect', resolve);
    socket.once('error', reject);
  });
  const leaf = socket.getPeerX509Certificate();
  socket.destroy();
  const above = leaf?.issuerCertificate;
  if (!leaf || !above) throw new Error('there is a chain');
  return [leaf, above];
}

async function crlOf(number: number) {
  const name = number === 1 ? 'issuing' : `issuing-${number}`;
  const answer = await fetch(`http://127.0.0.1:${house.gateway.ports.http}/crl/${name}.crl`);
  expect(answer.status).toBe(200);
  return readCrl(new Uint8Array(await answer.arrayBuffer()), new Uint8Array(issuing(number).raw));
}

async function rollOver(): Promise<number> {
  const { slot } = await operations().prepareIssuing();
  const view = await operations().activateIssuing();
  expect(view).toMatchObject({ done: { number: slot.number, state: 'current' } });
  return slot.number;
}

describe('an issuing CA', () => {
  it('takes over twice, with nobody dropped or refused, and each signs what is its own', async () => {
    house = await openHouse({ yaml: hours });
    const ids = Array.from({ length: 8 }, (_, i) => `pump-${i}`);
    const first = new Map<string, IssuedView>();
    for (const id of ids) first.set(id, await house.device(id));
    const issuedTo = (id: string): IssuedView => first.get(id) ?? expect.fail(id);
    const live = await Promise.all(ids.map((id) => arrive(id, issuedTo(id))));
    let closed = 0;
    const count = (): void => {
      closed += 1;
    };
    for (const client of live) client.on('close', count);
    const { rootPem } = issuedTo('pump-0');
    expect((await served(rootPem))[1]?.raw).toEqual(issuing(1).raw);

    expect(await rollOver()).toBe(2);
    const [leaf, above] = await served(rootPem);
    expect(above?.raw).toEqual(issuing(2).raw);
    expect(leaf?.verify(issuing(2).publicKey)).toBe(true);
    expect((await operations().doctor()).filter(({ subject }) => subject === 'server chain')).toEqual([
      { level: 'ok', subject: 'server chain', detail: 'issuing CA 2 below root 1 is served, as is meant' },
    ]);

    // A device that has its renewal now is given the chain of the new one with its replacement.
    const speaker = await new Speaker(live[0] as MqttClient, 'pump-0').listen();
    await speaker.say({ word: 'hello', maxPacket: 8_192 });
    await operations().runRenewal({ device: 'pump-0' });
    const { renewal } = await speaker.next('offer');
    await speaker.say({ word: 'csr', renewal, csr: (await newRequest('pump-0')).csr });
    const { certificates = [] } = await speaker.next('cert');
    const [replacement, chain, ...more] = certificates.map((der) => new X509Certificate(der));
    expect(more).toEqual([]);
    expect(chain?.raw).toEqual(issuing(2).raw);
    expect(replacement?.verify(issuing(2).publicKey)).toBe(true);
    const urls = Buffer.from(replacement?.raw ?? []).toString('latin1');
    expect(urls).toMatch(/\/crl\/issuing-2\.crl.*\/ca\/issuing-2\.crt/s);

    expect(await rollOver()).toBe(3);
    expect((await served(rootPem))[1]?.raw).toEqual(issuing(3).raw);
    const last = await house.device('pump-9');
    expect(new X509Certificate(last.certificatePem).verify(issuing(3).publicKey)).toBe(true);
    const ca = await fetch(`http://127.0.0.1:${house.gateway.ports.http}/ca/issuing-2.crt`);
    expect(Buffer.from(await ca.arrayBuffer())).toEqual(issuing(2).raw);

    // What is revoked of the first one is on its list alone.
    const revoked = issuedTo('pump-7').certificate;
    await operations().revokeCertificate({ id: revoked.fingerprint, reason: 'keyCompromise' });
    await house.log.until('crl.published', { 'nolapse.crl.entries': 1 });
    const lists = await Promise.all([1, 2, 3].map(crlOf));
    expect(lists.map(({ signatureValid }) => signatureValid)).toEqual([true, true, true]);
    expect(lists.map((list) => list.revoked.map(({ serial }) => serial))).toEqual([[revoked.serial], [], []]);

    // Those that were here are here still, but for the one that was revoked, and come in again.
    expect(closed).toBe(1);
    expect(live.filter(({ connected }) => connected)).toHaveLength(7);
    for (const id of ['pump-1', 'pump-2']) expect(await connackOf(house, issuedTo(id), id)).toBe(0);
    expect(house.log.count('admission.refused')).toBe(0);

    // As it was, after a restart.
    await house.restart();
    expect((await served(rootPem))[1]?.raw).toEqual(issuing(3).raw);
    expect(await connackOf(house, issuedTo('pump-1'), 'pump-1')).toBe(0);
    expect((await operations().trustStatus()).issuing.slots.map(({ state }) => state)).toEqual([
      'former',
      'former',
      'current',
    ]);
  });

  it('is prepared, takes over and is retired by itself, each at its time', async () => {
    let offset = 0;
    const lifetime = 5 * 365 * day;
    house = await openHouse({
      yaml: 'classes: { default: { lifetime: 90d, renewAt: 66%, overlap: 7d, grace: 30d } }',
      clock: { now: () => Date.now() + offset },
    });
    const begun = (await operations().trustStatus()).issuing;
    expect(begun).toMatchObject({ due: null, slots: [{ number: 1, state: 'current' }] });
    offset = lifetime - (270 + 2) * day;
    expect((await operations().trustStatus()).issuing.slots).toHaveLength(1);
    offset = lifetime - 269 * day;
    await house.log.until('trust.prepared', { 'nolapse.issuer': 2 });
    const { certificate } = await house.device('pump-1');
    offset = lifetime - 89 * day;
    await house.log.until('trust.activated', { 'nolapse.issuer': 2 });
    const after = (await operations().trustStatus()).issuing;
    expect(after.slots.map(({ state }) => state)).toEqual(['former', 'current']);
    expect(after.slots[0]?.unusedFrom).toBeGreaterThanOrEqual(certificate.notAfter + 30 * day);
    const next = await house.device('pump-2');
    expect(new X509Certificate(next.certificatePem).verify(issuing(2).publicKey)).toBe(true);
    offset = (after.slots[0]?.unusedFrom ?? 0) - Date.now() + day;
    await house.log.until('trust.retired', { 'nolapse.issuer': 1 });
    await vi.waitFor(() => expect(['key', 'crt'].some((end) => existsSync(pki(`issuing.${end}`)))).toBe(false), 60_000);
    expect((await operations().trustStatus()).issuing.ended).toMatchObject([{ number: 1, state: 'retired' }]);
    expect((await fetch(`http://127.0.0.1:${house.gateway.ports.http}/crl/issuing.crl`)).status).toBe(503);
    await house.restart();
    expect((await operations().doctor()).find(({ subject }) => subject === 'server chain')).toMatchObject({
      level: 'ok',
    });
  });
});

describe('an issuing CA below a root whose key is elsewhere', () => {
  it('is asked for by name of the command, and is taken from what came back only where all of it fits', async () => {
    let offset = 0;
    house = await openHouse({ yaml: hours, clock: { now: () => Date.now() + offset } });
    renameSync(pki('root.key'), join(house.home, 'root.key'));
    const conflict = (text: string) => ({ code: 'conflict', faults: [expect.stringContaining(text)] });
    await expect(operations().prepareIssuing()).rejects.toMatchObject(conflict('the key of root 1 is not in the home'));
    await expect(operations().installIssuing({ files: [{ name: 'x', base64: 'MAA=' }] })).rejects.toMatchObject(
      conflict('no certificate was asked for'),
    );
    offset = 5 * 365 * day - 3 * 3_600_000;
    const told = await house.log.until('alert.raised', { 'event.reason': 'trust_step' });
    expect(JSON.stringify(told)).toContain('nolapse trust prepare issuing --request FILE');
    const { slot, request } = await operations().prepareIssuing({ elsewhere: true });
    expect(slot).toMatchObject({ number: 2, state: 'next', certificate: null });
    // Once more, it is the same.
    expect((await operations().prepareIssuing({ elsewhere: true })).request?.slice(8, 100)).toBe(
      request?.slice(8, 100),
    );
    await expect(operations().activateIssuing()).rejects.toMatchObject(conflict('has not been installed yet'));
    const asked = request ?? '';

    // The root's key comes to where it is signed, and not to the broker.
    const signing = pki('');
    const withRoot = <T>(work: () => T): T => {
      renameSync(join(house.home, 'root.key'), pki('root.key'));
      try {
        return work();
      } finally {
        renameSync(pki('root.key'), join(house.home, 'root.key'));
      }
    };
    const sign = (change: Parameters<typeof signedByRoot>[2] = {}): Uint8Array =>
      withRoot(() => signedByRoot(signing, asked, change));
    const install = (...files: (readonly [string, Uint8Array | string])[]) =>
      operations().installIssuing({
        files: files.map(([name, bytes]) => ({ name, base64: Buffer.from(bytes).toString('base64') })),
      });
    const usages = (...keyUsage: ('keyCertSign' | 'cRLSign')[]) => ({ usages: { keyUsage, extendedKeyUsage: [] } });
    const seconds = (at: number): number => Math.floor(at / 1_000) * 1_000;
    const now = seconds(Date.now() + offset);
    const first = new X509Certificate(readFileSync(pki('issuing.crt')));
    const wrong: readonly (readonly [Uint8Array | string, string])[] = [
      [sign({ strange: true }), 'is not signed by the root of this home'],
      [sign({ leaf: true }), 'is no CA: basicConstraints says CA:FALSE, or is missing'],
      [sign({ pathLength: 1 }), 'has no path length of 0 in basicConstraints'],
      [sign(usages('cRLSign')), 'lacks keyCertSign in keyUsage'],
      [sign(usages('keyCertSign')), 'lacks cRLSign in keyUsage'],
      [
        sign({ usages: { keyUsage: ['keyCertSign', 'cRLSign'], extendedKeyUsage: [] }, notAfter: now - day }),
        'ended 20',
      ],
      [sign({ notAfter: now + 20 * 365 * day }), 'after its root, which ends'],
      [sign({ commonName: first.subject.replace('CN=', '') }), 'has the name of issuing CA 1'],
      [readFileSync(pki('issuing.crt')), 'certifies another key than that of the request'],
      [readFileSync(pki('root.crt')), 'the certificate is missing'],
      ['nothing', 'is no X.509 certificate'],
      ['-----BEGIN CERTIFICATE-----\nMAA\n-----END', 'is no PEM file of certificates alone'],
      [new Uint8Array(20_000), 'is no X.509 certificate'],
    ];
    const before = await operations().trustStatus();
    for (const [bytes, fault] of wrong) {
      await expect(install(['ca.pem', bytes]), fault).rejects.toMatchObject({
        code: 'invalid',
        faults: expect.arrayContaining([
          expect.stringMatching(new RegExp(`^ca\\.pem: .*${fault.replaceAll('.', '\\.')}`)),
        ]),
      });
    }
    const good = sign({ notAfter: now + 4 * 365 * day });
    await expect(install(['good.der', good], ['other.pem', readFileSync(pki('issuing.crt'))])).rejects.toMatchObject({
      faults: ['other.pem: certifies another key than that of the request'],
    });
    expect(existsSync(pki('issuing-2.crt'))).toBe(false);
    expect((await operations().trustStatus()).issuing.slots).toEqual(before.issuing.slots);

    // In any order, PEM or DER, with the root beside it.
    const taken = await install(
      ['root.pem', readFileSync(pki('root.crt'))],
      ['good.pem', derToPem(good, 'CERTIFICATE')],
    );
    expect(taken).toMatchObject({ number: 2, certificate: { notAfter: now + 4 * 365 * day } });
    expect(await install(['good.der', good])).toEqual(taken);
    await expect(install(['ca.der', sign()])).rejects.toMatchObject(conflict('is installed already'));
    await house.log.until('alert.cleared', { 'event.reason': 'trust_step' });
    offset = 5 * 365 * day - 1_800_000;
    await house.log.until('trust.activated', { 'nolapse.issuer': 2 });
    const next = await house.device('pump-1');
    expect(new X509Certificate(next.certificatePem).verify(issuing(2).publicKey)).toBe(true);
  });
});

describe('a step that has to be released', () => {
  it('waits for a command that names it, and is void after any other step', async () => {
    house = await openHouse({ yaml: `trust: { approval: { issuing: required } }\n${hours}` });
    const states = async () => (await operations().trustStatus()).issuing.slots.map(({ state }) => state);
    const { slot } = await operations().prepareIssuing();
    const sha256 = slot.certificate?.fingerprint ?? '';
    const asked = await operations().activateIssuing();
    expect(asked).toMatchObject({ asked: { release: `nolapse trust release activate issuing 2 ${sha256}` } });
    expect(await states()).toEqual(['current', 'next']);
    const release = { step: 'activate', number: 2, sha256 } as const;
    for (const other of [{ number: 3 }, { sha256: '0'.repeat(64) }, { step: 'retire' as const }]) {
      await expect(operations().releaseIssuing({ ...release, ...other })).rejects.toMatchObject({ code: 'conflict' });
    }
    // Another step: the release is void.
    await operations().abortIssuing();
    await expect(operations().releaseIssuing(release)).rejects.toMatchObject({ code: 'conflict' });
    const again = await operations().prepareIssuing();
    expect(again.slot.number).toBe(3);
    const colons = (again.slot.certificate?.fingerprint ?? '').toUpperCase().replaceAll(/(..)(?=.)/g, '$1:');
    await operations().activateIssuing();
    const done = await operations().releaseIssuing({ step: 'activate', number: 3, sha256: colons });
    expect(done).toMatchObject({ number: 3, state: 'current' });
    expect(await states()).toEqual(['former', 'current']);
    await expect(operations().releaseIssuing({ step: 'activate', number: 3, sha256: colons })).rejects.toMatchObject({
      code: 'conflict',
    });
    expect(existsSync(pki('issuing-2.key'))).toBe(false);
  });
});
