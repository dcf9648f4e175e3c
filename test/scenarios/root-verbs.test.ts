// A root takes the place of another by commands: announced, activated, retired, given up. A real broker, TLS, devices of the simulator that
// take steps, and others that do not.
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { AskedRootView, RootView } from '../../src/app/views/trust-roots.ts';
import { readCertificates } from '../../src/authority/key-pair.ts';
import { dropSequence, stepSequenceMax } from '../../src/domain/trust-step.ts';
import { isSignedBy } from '../../src/pki/chain.ts';
import { pemToDer } from '../../src/pki/pem.ts';
import { fingerprintOf } from '../../src/pki/x509.ts';
import { freePort } from './free-port.ts';
import { connackOf, connect, type House, openHouse } from './harness.ts';
import { Learner } from './rollover.ts';

const passphrase = 'a passphrase of its own';
const classes = 'classes: { default: { lifetime: 100d, renewAt: 90%, overlap: 10m, grace: 30d } }\n';
const atOnce = `${classes}trust: { approval: { root: none } }\n`;

let house: House;
let nextPort: number;
const learners: Learner[] = [];
afterEach(async () => {
  for (const { device } of learners.splice(0)) await device.stop();
  await house.close();
});

async function begin(yaml = atOnce, clock?: { now(): number }): Promise<void> {
  nextPort = await freePort();
  house = await openHouse({ yaml, mqtt: `port: ${await freePort()}, nextPort: ${nextPort}`, ...(clock && { clock }) });
}

const operations = () => house.gateway.operations;
const pki = (name: string): string => join(house.home, 'pki', name);
const pem = (number: number): string => readFileSync(pki(number === 1 ? 'root.crt' : `root-${number}.crt`), 'utf8');
const hash = (number: number): string =>
  fingerprintOf(readCertificates(join(house.home, 'pki'), number === 1 ? 'root.crt' : `root-${number}.crt`).ders[0]);
const slots = () => house.store.read.rootSlots();
const statesOf = async (): Promise<string[]> => (await slots()).map(({ state }) => state);

const done = (given: { done: RootView } | { asked: AskedRootView }): RootView => {
  if ('done' in given) return given.done;
  throw new Error(`it was asked for: ${given.asked.release}`);
};

/** A root that is in a backup, and was not announced. */
async function prepared(): Promise<RootView> {
  const view = await operations().prepareRoot({ preparation: 'here', passphrase });
  const released =
    'asked' in view
      ? await operations().releaseRoot({
          step: 'prepare',
          sequence: view.asked.sequence,
          sha256: view.asked.root,
          passphrase,
        })
      : view.done;
  if (!released.root) throw new Error('it was not prepared');
  return released.root;
}

async function backedUp(): Promise<RootView> {
  const root = await prepared();
  const below = (await house.store.read.issuingSlots()).filter((slot) => slot.root === root.number);
  await operations().confirmBackup({
    madeAt: Date.now(),
    files: [`pki/root-${root.number}.key`, ...below.map(({ number }) => `pki/issuing-${number}.key`)],
    certificates: [root.fingerprint, ...below.flatMap(({ certificate }) => certificate?.fingerprint ?? [])],
  });
  return root;
}

async function learner(id: string): Promise<Learner> {
  const made = new Learner(id, await house.device(id, { site: 'north' }), house.gateway.ports.mqtt);
  learners.push(made);
  return made;
}

/** The code of the CONNACK for a device that trusts this root alone; null: it does not verify the broker. */
const code = (id: string, given: { certificatePem: string; keyPem: string }, root: number, port: number) =>
  connackOf(house, { certificatePem: given.certificatePem, keyPem: given.keyPem }, id, {
    port,
    ca: pem(root),
    rejectUnauthorized: true,
  });

const sealed = (name = 'root-2.withdrawal', opens = passphrase) => ({
  withdrawal: { name, base64: readFileSync(pki(name)).toString('base64'), passphrase: opens },
});

describe('a root that takes the place of another', () => {
  it('is announced, proved, activated without the rest that is accepted by name, and retires the one before', async () => {
    await begin();
    const device = await learner('meter-1');
    const old = await house.device('old-1');
    const first = house.gateway.ports.mqtt;
    expect(await code('old-1', old, 1, first)).toBe(0);
    await house.device('stock-1');
    device.device.start();
    await device.verified(hash(1));

    const root = await prepared();
    await expect(operations().distributeRoot()).rejects.toThrow('no backup that was made after');
    expect((await slots())[1]?.distributedAt).toBeNull();
    const below = (await house.store.read.issuingSlots()).find((slot) => slot.root === 2);
    await operations().confirmBackup({
      madeAt: Date.now(),
      files: ['pki/root-2.key', `pki/issuing-${below?.number}.key`],
      certificates: [root.fingerprint, below?.certificate?.fingerprint ?? ''],
    });
    await expect(operations().activateRoot()).rejects.toThrow('the next root was not distributed');
    const proved = device.verified(hash(2));
    const distributed = done(await operations().distributeRoot());
    expect(distributed.distributedAt).not.toBeNull();
    expect(done(await operations().distributeRoot())).toEqual(distributed);
    expect((await proved).port).toBe(nextPort);
    await house.log.until('trust.proved', { 'nolapse.principal': 'meter-1' });

    // A device that is made now has both.
    const spare = await house.device('spare-1');
    expect(spare.rootPem).toBe(pem(1) + pem(2));
    expect(spare.ports.map(({ root: shown }) => shown)).toEqual([1, 2]);
    expect(await code('spare-1', spare, 2, nextPort)).toBe(0);

    const listed = await operations().listUnproved();
    expect(listed).toMatchObject({ root: 2, next: null });
    expect(listed.principals.map(({ id, last, standing }) => [id, last, standing])).toEqual([
      ['stock-1', 0, 'never_connected'],
      ['old-1', 1, 'not_told'],
    ]);
    await expect(operations().activateRoot()).rejects.toMatchObject({
      code: 'conflict',
      faults: [expect.stringMatching(/^active principals have not proved .*: 2; /), 'stock-1 (tests)', 'old-1 (tests)'],
    });
    await expect(operations().activateRoot({ accept: ['old-1', 'nobody'] })).rejects.toMatchObject({
      faults: [expect.stringMatching(/: 1; /), 'stock-1 (tests)'],
    });
    expect(await statesOf()).toEqual(['current', 'next']);
    const accept = ['stock-1', 'old-1', 'meter-1'];
    // Until now the key of the issuing CA below it was needed for nothing.
    renameSync(pki('issuing-2.key'), pki('away'));
    await expect(operations().activateRoot({ accept })).rejects.toMatchObject({ code: 'conflict' });
    expect(await statesOf()).toEqual(['current', 'next']);
    renameSync(pki('away'), pki('issuing-2.key'));
    expect(done(await operations().activateRoot({ accept }))).toMatchObject({ number: 2, state: 'current' });
    const line = await house.log.until('trust.activated');
    expect(line).toMatchObject({ 'nolapse.accepted': 3, 'nolapse.root': 2 });
    expect(line['message']).toMatch(/with 3 accepted by name, SHA-256 of the list [0-9a-f]{64}$/);
    expect(await statesOf()).toEqual(['former', 'current']);
    expect(done(await operations().activateRoot())).toMatchObject({ number: 2, state: 'current' });

    // New devices are given the new root, and certificates of the CA below it; the others come in as before.
    const young = await house.device('young-1');
    const [leaf, issuing] = pemToDer(young.certificatePem, 'CERTIFICATE') ?? [];
    expect(issuing).toEqual(readCertificates(join(house.home, 'pki'), 'issuing-2.crt').ders[0]);
    expect(isSignedBy(leaf as Uint8Array, issuing as Uint8Array)).toBe(true);
    expect(young.rootPem).toBe(pem(2));
    expect(young.ports).toEqual([
      { port: nextPort, root: 2 },
      { port: first, root: null },
    ]);
    expect(await code('young-1', young, 2, nextPort)).toBe(0);
    expect(await code('old-1', old, 1, first)).toBe(0);

    await expect(operations().retireRoot()).rejects.toMatchObject({
      faults: [expect.stringMatching(/port of the former root.*: 2; /), 'stock-1 (tests)', 'old-1 (tests)'],
    });
    const dropped = device.stored(`t${dropSequence(root.sequence ?? 0)}`);
    expect(done(await operations().retireRoot({ accept }))).toMatchObject({ number: 1, state: 'retired' });
    await dropped;
    expect(await device.held()).toEqual([hash(2)]);
    expect(await statesOf()).toEqual(['retired', 'current']);
    for (const port of [first, nextPort]) {
      expect(await code('young-1', young, 2, port)).toBe(0);
      expect(await code('old-1', old, 1, port)).toBeNull();
    }
    // Its certificates are still admitted, and its issuing CA still signs for them.
    expect(await code('old-1', old, 2, first)).toBe(0);
    expect((await house.store.read.issuingSlots()).map(({ number, state }) => [number, state])).toEqual([
      [1, 'former'],
      [2, 'current'],
    ]);
    await expect(operations().retireRoot()).rejects.toThrow('there is no former root');
    // The second port is free for the next one.
    expect((await backedUp()).number).toBe(3);
    await house.restart();
    expect(await code('young-1', young, 2, first)).toBe(0);
    expect(await code('young-1', young, 3, nextPort)).toBe(0);
  });

  it('is not announced where its public address does not lead to it alone', async () => {
    await begin(`${atOnce}server: { names: [unreachable.invalid, localhost] }\n`);
    await backedUp();
    await expect(operations().distributeRoot()).rejects.toThrow(/not seen to lead .*: unreachable\.invalid:\d+ /);
    expect((await slots())[1]?.distributedAt).toBeNull();
    expect((await house.store.read.trustSteps()).map(({ announcedFrom }) => announcedFrom)).toEqual([null]);
  });
});

describe('the former root', () => {
  it('is not retired while somebody is connected over its port, whoever has been seen on the other since', async () => {
    await begin();
    const device = await house.device('meter-1');
    await backedUp();
    await operations().distributeRoot();
    const credentials = { certificatePem: device.certificatePem, keyPem: device.keyPem };
    const client = await connect(house, credentials, 'meter-1:old', { ca: pem(1), rejectUnauthorized: true });
    expect(await code('meter-1', device, 2, nextPort)).toBe(0);
    await operations().activateRoot();
    await expect(operations().retireRoot()).rejects.toThrow('connected over the port of root 1 now: 1');
    expect(await statesOf()).toEqual(['former', 'current']);
    await client.endAsync();
    await expect.poll(() => house.gateway.nextPort.sessionsUnder(1)).toBe(0);
    done(await operations().retireRoot());
    expect(await statesOf()).toEqual(['retired', 'current']);
  });

  it('is retired once it has ended, whoever is left', async () => {
    let ahead = 0;
    await begin(atOnce, { now: () => Date.now() + ahead });
    const old = await house.device('old-1');
    expect(await code('old-1', old, 1, house.gateway.ports.mqtt)).toBe(0);
    await backedUp();
    await operations().distributeRoot();
    await operations().activateRoot({ accept: ['old-1'] });
    await expect(operations().retireRoot()).rejects.toThrow('old-1 (tests)');
    ahead = ((await slots())[0]?.notAfter ?? 0) - Date.now() + 1_000;
    expect(done(await operations().retireRoot())).toMatchObject({ number: 1, state: 'retired' });
    const drop = (await house.store.read.trustSteps()).find(({ kind }) => kind === 'drop');
    // Whoever comes later and holds the old one is still told to drop it.
    expect(drop).toMatchObject({ signer: 2, keptUntil: (await slots())[1]?.notAfter });
    expect(drop?.announcedFrom).not.toBeNull();
  });
});

describe('a step that has to be released', () => {
  const release = (asked: AskedRootView, more: object = {}) =>
    operations().releaseRoot({ step: asked.step, sequence: asked.sequence, sha256: asked.root, ...more });
  const asked = (view: { done: RootView } | { asked: AskedRootView }): AskedRootView => {
    if ('asked' in view) return view.asked;
    throw new Error('it was carried out');
  };

  it('is carried out by the command that names it, its sequence and the new root, and no other', async () => {
    await begin(classes);
    const old = await house.device('old-1');
    expect(await code('old-1', old, 1, house.gateway.ports.mqtt)).toBe(0);
    const root = await backedUp();
    const distribute = asked(await operations().distributeRoot());
    expect(distribute).toMatchObject({ step: 'distribute', sequence: root.sequence, root: root.fingerprint });
    const others = [
      [{ step: 'activate' }, 'another step waits: distribute'],
      [{ sequence: distribute.sequence + 1 }, 'the step that waits has another sequence'],
      [{ sequence: stepSequenceMax }, 'the step that waits has another sequence'],
      [{ sha256: hash(1) }, 'the step that waits is about another root'],
      [{ accept: ['old-1'] }, 'accepted was another list'],
    ] as const;
    for (const [other, fault] of others) {
      await expect(release(distribute, other)).rejects.toThrow(fault);
      expect((await slots())[1]?.distributedAt).toBeNull();
    }
    expect((await release(distribute)).root?.distributedAt).not.toBeNull();
    await expect(release(distribute)).rejects.toThrow('no step waits to be released');

    await expect(operations().activateRoot()).rejects.toThrow('old-1 (tests)');
    const activate = asked(await operations().activateRoot({ accept: ['old-1'] }));
    expect(activate.release).toMatch(/ --accept FILE$/);
    expect(activate.accepted?.count).toBe(1);
    await expect(release(activate)).rejects.toThrow(/accepted was another list.*1 ids/);
    await expect(release(activate, { accept: ['old-1', 'old-2'] })).rejects.toThrow('accepted was another list');
    // Another step voids it: also one that was asked for alone.
    const again = asked(await operations().activateRoot({ accept: ['old-1', 'x'] }));
    await expect(release(activate, { accept: ['old-1'] })).rejects.toThrow('accepted was another list');
    // What is checked at asking is checked again.
    const late = await house.device('late-1');
    expect(await code('late-1', late, 1, house.gateway.ports.mqtt)).toBe(0);
    await expect(release(again, { accept: ['x', 'old-1'] })).rejects.toThrow('late-1 (tests)');
    expect(await statesOf()).toEqual(['current', 'next']);
    const accept = ['late-1', 'old-1'];
    const last = asked(await operations().activateRoot({ accept }));
    expect((await release(last, { accept: accept.toReversed() })).root).toMatchObject({ number: 2, state: 'current' });

    const retire = asked(await operations().retireRoot({ accept }));
    expect(retire).toMatchObject({ sequence: dropSequence(root.sequence ?? 0), root: hash(2) });
    expect((await release(retire, { accept })).root).toMatchObject({ number: 1, state: 'retired' });
  });

  it('to give up a root takes its withdrawal twice', async () => {
    await begin(classes);
    await backedUp();
    await release(asked(await operations().distributeRoot()));
    const abort = asked(await operations().withdrawRoot(sealed()));
    expect(abort).toMatchObject({ step: 'abort', sequence: stepSequenceMax - 2, root: hash(2) });
    expect(abort.release).toMatch(/ --withdrawal FILE --open-with FILE$/);
    await expect(release(abort)).rejects.toThrow('it has to withdraw itself');
    await expect(release(abort, sealed('root-2.withdrawal', 'another'))).rejects.toThrow('does not open');
    expect(await statesOf()).toEqual(['current', 'next']);
    expect((await release(abort, sealed())).root).toMatchObject({ number: 2, state: 'aborted' });
    await expect(release(abort, sealed())).rejects.toThrow('no step waits to be released');
  });
});

describe('a root that devices were told of and that is given up', () => {
  it('withdraws itself, keeps its port until the last has left, and makes room for the next', async () => {
    await begin();
    const device = await learner('meter-1');
    device.device.start();
    await device.verified(hash(1));
    await backedUp();
    await expect(operations().withdrawRoot(sealed())).rejects.toThrow('nobody was told of root 2');
    const proved = device.verified(hash(2));
    await operations().distributeRoot();
    await proved;
    await house.log.until('trust.proved', { 'nolapse.principal': 'meter-1' });
    await expect(operations().abortRoot()).rejects.toThrow('--withdrawal FILE --open-with FILE');

    const first = readFileSync(pki('root-2.withdrawal'));
    const refused = [
      [sealed('root-2.withdrawal', 'another passphrase'), 'does not open with this passphrase'],
      [
        { withdrawal: { name: 'w', base64: first.subarray(0, 100).toString('base64'), passphrase } },
        'w: does not open',
      ],
      [{ withdrawal: { name: 'w', base64: first.toString('base64') } }, 'w: is no withdrawal'],
      [{ withdrawal: { name: 'w', base64: '' } }, 'w: is no withdrawal'],
    ] as const;
    for (const [given, fault] of refused) {
      await expect(operations().withdrawRoot(given)).rejects.toMatchObject({
        code: 'invalid',
        faults: [expect.stringContaining(fault)],
      });
      expect(await statesOf()).toEqual(['current', 'next']);
    }
    const back = device.verified(hash(1));
    expect(done(await operations().withdrawRoot(sealed()))).toMatchObject({ number: 2, state: 'aborted' });
    // The device is still on its port.
    await expect(operations().prepareRoot({ preparation: 'here', passphrase })).rejects.toThrow(/aborted root: 1$/);
    await device.stored(`t${stepSequenceMax - 2}`);
    device.device.sleep(10);
    await back;
    await house.log.until('trust.reopened', { 'nolapse.principal': 'meter-1' });
    expect(await device.held()).toEqual([hash(1)]);
    const root3 = await backedUp();
    expect(root3.number).toBe(3);
    expect((await house.store.read.issuingSlots()).map(({ root, state }) => [root, state])).toEqual([
      [1, 'current'],
      [3, 'current'],
    ]);
    const learned = device.verified(hash(3));
    await operations().distributeRoot();
    expect((await learned).port).toBe(nextPort);
    expect(await device.held()).toEqual([hash(1), hash(3)]);
    // What was sealed for another root does not do.
    writeFileSync(pki('root-2.withdrawal'), first);
    await expect(operations().withdrawRoot(sealed())).rejects.toThrow('is the withdrawal of another root');
  });
});
