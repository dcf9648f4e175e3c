// The key of a CA is in wrong hands, or lost. A real broker, TLS, devices of the simulator that take steps, and others that do not: nobody who
// can be reached is refused, and in the end nobody who takes steps believes the thief.
import { renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { PackageView } from '../../src/app/views/package.ts';
import type { AskedRootView, RootView } from '../../src/app/views/trust-roots.ts';

import { readCertificates } from '../../src/authority/key-pair.ts';
import { derToPem, pemToDer } from '../../src/pki/pem.ts';
import { fingerprintOf } from '../../src/pki/x509.ts';
import { scratch } from '../pki/made.ts';
import { freePort } from './free-port.ts';
import { type Credentials, connackOf, type House, openHouse } from './harness.ts';
import { Learner } from './rollover.ts';

const passphrase = 'a passphrase of its own';
const yaml = [
  'classes: { default: { lifetime: 100d, renewAt: 90%, overlap: 10m, grace: 30d } }',
  'trust: { approval: { root: none } }',
].join('\n');

let house: House;
let nextPort: number;
const learners: Learner[] = [];
afterEach(async () => {
  for (const { device } of learners.splice(0)) await device.stop();
  await house.close();
});

async function begin(): Promise<void> {
  nextPort = await freePort();
  house = await openHouse({ yaml, mqtt: `port: ${await freePort()}, nextPort: ${nextPort}` });
}

const operations = () => house.gateway.operations;
const pki = (name: string): string => join(house.home, 'pki', name);
const certificate = (name: Parameters<typeof readCertificates>[1]): Uint8Array =>
  readCertificates(join(house.home, 'pki'), name).ders[0];
const hash = (number: number): string => fingerprintOf(certificate(number === 1 ? 'root.crt' : `root-${number}.crt`));
const states = async () => (await house.store.read.rootSlots()).map(({ state }) => state);
const exposed = async () =>
  Object.fromEntries((await operations().listExposed({})).principals.map(({ id, standing }) => [id, standing]));
const due = async () => (await operations().trustStatus({})).roots.due;

function taken(given: { done: RootView } | { asked: AskedRootView }): RootView {
  if ('done' in given) return given.done;
  throw new Error(`it was asked for: ${given.asked.release}`);
}

async function backUp(): Promise<void> {
  const next = (await house.store.read.rootSlots()).find(({ state }) => state === 'next');
  if (!next) throw new Error('no next root');
  const below = (await house.store.read.issuingSlots()).filter(({ root }) => root === next.number);
  await operations().confirmBackup({
    madeAt: Date.now(),
    files: [`pki/root-${next.number}.key`, ...below.map(({ number }) => `pki/issuing-${number}.key`)],
    certificates: [next.fingerprint, ...below.flatMap((slot) => slot.certificate?.fingerprint ?? [])],
  });
}

async function learner(id: string): Promise<Learner> {
  const made = new Learner(id, await house.device(id), house.gateway.ports.mqtt);
  learners.push(made);
  return made;
}

/** From now on: resolves once the device has said, and the broker has taken down, that it gave up the older roots. */
function dropOn({ device }: Learner): () => Promise<void> {
  const since = house.log.lines.length;
  return async () => {
    await house.log.until('trust.stored', { 'nolapse.principal': device.id }, since);
  };
}

const rootsOf = ({ roots }: PackageView): string =>
  roots.map(({ base64 }) => derToPem(Buffer.from(base64, 'base64'), 'CERTIFICATE')).join('');

/** The code of the CONNACK for a device that trusts these roots, PEM; null: it does not verify the broker. */
const code = (id: string, { certificatePem, keyPem }: Credentials, ca: string, port: number) =>
  connackOf(house, { certificatePem, keyPem }, id, { port, ca, rejectUnauthorized: true });

describe('a compromised issuing CA', () => {
  it('signs nothing more, is revoked by its root, and the root is left until nobody trusts it', async () => {
    await begin();
    const first = house.gateway.ports.mqtt;
    const device = await learner('meter-1');
    const old = await house.device('old-1');
    device.device.start();
    await device.verified(hash(1));
    expect(await exposed()).toEqual({});

    const done = await operations().compromiseIssuing({ passphrase });
    if (!('done' in done)) throw new Error('it was asked for');
    expect(done.done).toMatchObject({ number: 1, root: 1, replacement: { number: 2, state: 'current' }, asked: null });
    expect(done.done.prepared?.root).toMatchObject({ number: 2, state: 'next' });
    expect(done.done.left).toEqual([expect.stringMatching(/^the next root is in no backup .*nolapse backup FILE/)]);
    expect((await operations().rootList({}))?.entries).toMatchObject([{ reason: 'keyCompromise' }]);
    // What it issued stays good, and new certificates are of the other one.
    expect(await code('old-1', old, old.rootPem, first)).toBe(0);
    const young = await house.device('young-1');
    expect(pemToDer(young.certificatePem, 'CERTIFICATE')?.[1]).toEqual(certificate('issuing-2.crt'));
    expect((await house.store.read.issuingSlots()).map(({ number, state }) => [number, state])).toEqual([
      [1, 'former'],
      [2, 'current'],
      [3, 'current'],
    ]);
    expect(await exposed()).toMatchObject({ 'meter-1': 'not_told', 'old-1': 'not_told' });

    await backUp();
    expect(await due()).toMatch(
      /^root 2 is to be announced to devices, root 1 is not to be trusted, .*distribute root$/,
    );
    const proved = device.verified(hash(2));
    taken(await operations().distributeRoot());
    expect((await proved).port).toBe(nextPort);
    await house.log.until('trust.proved', { 'nolapse.principal': 'meter-1' });
    expect(await exposed()).toMatchObject({ 'meter-1': 'trusts_both', 'old-1': 'not_told' });
    expect(await due()).toMatch(/nolapse trust activate root$/);
    taken(await operations().activateRoot({ accept: ['old-1', 'young-1'] }));
    expect(await due()).toMatch(/nolapse trust retire root$/);
    const dropped = dropOn(device);
    taken(await operations().retireRoot({ accept: ['old-1', 'young-1'] }));
    await dropped();
    expect(await device.held()).toEqual([hash(2)]);
    expect(await exposed()).toEqual({ 'old-1': 'not_told', 'young-1': expect.any(String) });
    expect(await due()).toBeNull();
  });
});

describe('a compromised root', () => {
  it('gives way to its spare at once, which has devices give it up; the others go on until they get a package', async () => {
    await begin();
    const first = house.gateway.ports.mqtt;
    const device = await learner('meter-1');
    const old = await house.device('old-1');
    expect(await code('old-1', old, old.rootPem, first)).toBe(0);
    device.device.start();
    await device.verified(hash(1));
    await operations().prepareRoot({ preparation: 'here', passphrase });
    await backUp();
    const proved = device.verified(hash(2));
    taken(await operations().distributeRoot());
    await proved;
    // No key of a root is needed.
    for (const name of ['root.key', 'root-2.key']) renameSync(pki(name), join(scratch(), name));

    const dropped = dropOn(device);
    const given = await operations().compromiseRoot({ passphrase });
    if (!('done' in given)) throw new Error('it was asked for');
    expect(given.done).toMatchObject({ root: 1, current: 2, prepared: null, asked: null });
    expect(given.done.left).toEqual([expect.stringMatching(/nolapse trust retire root$/)]);
    expect(await states()).toEqual(['former', 'current']);
    await dropped();
    expect(await device.held()).toEqual([hash(2)]);
    expect(await exposed()).toEqual({ 'old-1': 'not_told' });
    // It is reached as before: a switch on a date would have cut it off.
    expect(await code('old-1', old, old.rootPem, first)).toBe(0);

    const made = await operations().packageDevice({ id: 'old-1' });
    expect(made).toMatchObject({ isNew: false, ports: [{ port: nextPort, root: 2 }, { root: null }] });
    expect(await code('old-1', old, rootsOf(made), nextPort)).toBe(0);
    taken(await operations().retireRoot({}));
    expect(await states()).toEqual(['retired', 'current']);
    expect(await code('old-1', old, rootsOf(made), first)).toBe(0);
    const again = await operations().compromiseRoot({ root: 1, passphrase });
    expect(again).toMatchObject({ done: { root: 1, current: 2, left: [] } });
  });
});

describe('a lost root key', () => {
  it('with no spare: another root is made that nobody names, and comes to devices by a package', async () => {
    await begin();
    const old = await house.device('old-1');
    rmSync(pki('root.key'));
    await expect(operations().prepareRoot({ preparation: 'here', passphrase })).rejects.toMatchObject({
      faults: ['the key of root 1 is not in the home: nolapse trust prepare root --request FILE'],
    });
    await operations().loseRootKey({});
    expect(await due()).toMatch(/^the next root is to be prepared, .*nolapse trust prepare root$/);
    await expect(operations().prepareRoot({ preparation: 'signed_elsewhere', passphrase })).rejects.toMatchObject({
      faults: ['the key of root 1 is lost, and nobody can sign with it: nolapse trust prepare root'],
    });
    await operations().prepareRoot({ preparation: 'here', passphrase });
    await backUp();
    taken(await operations().distributeRoot());
    expect((await house.store.read.trustSteps()).filter(({ kind }) => kind === 'successor')).toEqual([]);
    const made = await operations().packageDevice({ id: 'old-1' });
    expect(made.roots.map(({ number }) => number)).toEqual([1, 2]);
    const used = made.keyPem === null ? old : { certificatePem: leafOf(made), keyPem: made.keyPem };
    expect(await code('old-1', used, rootsOf(made), nextPort)).toBe(0);
    await house.log.until('trust.proved', { 'nolapse.principal': 'old-1', 'nolapse.root': 2 });
    taken(await operations().activateRoot({}));
    expect((await operations().trustStatus({})).lost).toMatchObject([{ root: 1, spare: 'retiring' }]);
  });
});

function leafOf({ chain: [leaf = ''] }: PackageView): string {
  return derToPem(Buffer.from(leaf, 'base64'), 'CERTIFICATE');
}
