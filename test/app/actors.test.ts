// Who did it: every operation that changes something leaves lines in the journal with its actor and the reason, and is carried out for
// nobody else.
import { createPrivateKey, sign } from 'node:crypto';
import { mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { change } from '../../src/app/change.ts';
import { effectOf, type OperationName, operationNames } from '../../src/app/operator/catalog.ts';
import { type Operations, type OperationsFor, operationsOn } from '../../src/app/operator/operate.ts';
import { activate } from '../../src/app/renewal/activate.ts';
import type { AskedRootView } from '../../src/app/views/trust-roots.ts';
import type { Actor } from '../../src/domain/actor.ts';
import type { JournalEntry } from '../../src/ports/journal.ts';
import { tester } from '../fakes/tester.ts';
import { signedByRoot } from '../pki/issuing.ts';
import { OtherCa } from '../pki/made.ts';
import { type Assembled, assembled } from './assembled.ts';

const yaml = `
mqtt: { nextPort: 8893 }
classes: { default: { lifetime: 1h, renewAt: 66%, overlap: 10m, grace: 1h } }
sources: { cmdb: { kind: file, path: fleet.csv, every: 365d } }
`;
const passphrase = 'a passphrase of its own';
const alert = { kind: 'clock_moved', subject: 'clock' } as const;
const carla: Actor = { name: 'carla', channel: 'control socket', claimed: true, reason: 'the audit of May' };

let house: Assembled;
let folder: string;
let operationsFor: OperationsFor;
let before: Operations;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'nolapse-actors-'));
  house = await assembled({ yaml, files: { 'fleet.csv': 'id,owner\nmeter-1,water\n' } });
  const { app } = house;
  // No broker runs here: what it sees from outside is another test's.
  house.nextPort.port = { reach: async () => ({ ok: true }), sessionsUnder: () => 0 };
  const reread = () => ({ policies: app.policies.set, atNextStart: [] });
  operationsFor = operationsOn({ app, serverDer: () => null, reread, isServing: true });
  before = operationsFor(tester);
});
afterEach(async () => {
  await house.close();
  rmSync(folder, { recursive: true });
});

const journal = (): Promise<JournalEntry[]> => house.app.store.read.journal({}, 1_000);

async function added(id: string, kind: 'device' | 'gateway' = 'device'): Promise<string> {
  await before.addDevice({ id, owner: 'water', kind });
  return id;
}

/** A device with a certificate in use. */
async function inUse(): Promise<{ id: string; fingerprint: string }> {
  const id = await added('pump-1');
  const { certificate } = await before.issueDevice({ id });
  await activate(house.app, certificate.fingerprint);
  return { id, fingerprint: certificate.fingerprint };
}

const campaign = { reason: 'a new profile', all: true } as const;

async function delegation() {
  const devices = [await added('pump-1')];
  return { gateway: await added('gate-1', 'gateway'), devices, modes: ['csr'], until: '1d', daily: 3 };
}

async function raised(): Promise<typeof alert> {
  await change(house.app, (within) => within.alert({ ...alert, severity: 'warning', detail: 'by 3 h', owner: null }));
  return alert;
}

function foreign(id: string): string {
  const now = Date.now();
  const { der } = new OtherCa('Old Waterworks', now + 3_600_000).issue(id, {
    notBefore: now - 1,
    notAfter: now + 600_000,
  });
  return JSON.stringify({ file: `${id}.pem`, certificate: Buffer.from(der).toString('base64') });
}

/** A request, signed with the key of the root as one would elsewhere. */
async function signedElsewhere() {
  const { request } = await before.prepareIssuing({ elsewhere: true });
  const base64 = Buffer.from(signedByRoot(join(house.home, 'pki'), request ?? '')).toString('base64');
  return { files: [{ name: 'issuing.crt', base64 }] };
}

/** Another issuing CA has taken the place of the first, which has issued nothing. */
async function replaced() {
  await before.prepareIssuing();
  await before.activateIssuing();
  return { number: 1 };
}

/** The command that releases it, which any other step makes void. */
async function rootAskedFor(preparation: 'made_elsewhere' | 'signed_elsewhere' = 'made_elsewhere') {
  const asked = await before.prepareRoot({ preparation });
  if (!('asked' in asked)) throw new Error('it was not asked for');
  const { step, sequence, root: sha256 } = asked.asked;
  return { step, sequence, sha256, passphrase: 'a passphrase of its own' };
}

async function releasedRoot(preparation: 'made_elsewhere' | 'signed_elsewhere') {
  return before.releaseRoot(await rootAskedFor(preparation));
}

/** A backup that has all of the next root. */
async function readBack() {
  const { root } = await before.installRoot(await signedByPresentRoot());
  const [, below] = await house.app.store.read.issuingSlots();
  const certificates = [root?.fingerprint ?? '', below?.certificate?.fingerprint ?? ''];
  return { madeAt: Date.now(), files: ['pki/root-2.key', 'pki/issuing-2.key'], certificates };
}

async function nextRoot(): Promise<void> {
  await before.installRoot(await signedByPresentRoot());
}

/** The signature that makes a cross certificate of the next root. */
async function signedCross() {
  await nextRoot();
  const key = createPrivateKey(readFileSync(withoutRootKey()));
  const { base64, digest } = await before.requestCross({});
  const signature = sign(digest, Buffer.from(base64, 'base64'), key);
  return { files: [{ name: 'signature', base64: signature.toString('base64') }] };
}

function withoutRootKey(): string {
  const [kept, key] = [join(folder, 'root.key'), join(house.home, 'pki', 'root.key')];
  renameSync(key, kept);
  return kept;
}

/** The signature that makes the next list of the root. */
async function listOfRoot() {
  const key = createPrivateKey(readFileSync(withoutRootKey()));
  const { base64, digest } = await before.requestRootList({});
  const signature = sign(digest, Buffer.from(base64, 'base64'), key);
  return { files: [{ name: 'signature', base64: signature.toString('base64') }] };
}

/** The text of the step, signed with the key of the present root. */
async function signedByPresentRoot() {
  const { request } = await releasedRoot('signed_elsewhere');
  const key = createPrivateKey(readFileSync(join(house.home, 'pki', 'root.key')));
  const base64 = sign('sha256', Buffer.from(request?.text ?? ''), key).toString('base64');
  return { files: [{ name: 'signature', base64 }] };
}

/** The next root is in a backup, and devices were told of it. */
async function distributedRoot() {
  await before.confirmBackup(await readBack());
  await releaseStep(await before.distributeRoot());
}

async function releaseStep(view: { readonly asked: AskedRootView } | { readonly done: unknown }): Promise<void> {
  if (!('asked' in view)) throw new Error('it was not asked for');
  const { step, sequence, root: sha256 } = view.asked;
  await before.releaseRoot({ step, sequence, sha256 });
}

/** The withdrawal of the next root, which devices were told of. */
async function withdrawal() {
  await distributedRoot();
  const base64 = readFileSync(join(house.home, 'pki', 'root-2.withdrawal')).toString('base64');
  return { withdrawal: { name: 'root-2.withdrawal', base64, passphrase: 'a passphrase of its own' } };
}

/** The key of the root is taken out of the home. */
async function keyElsewhere() {
  rmSync(join(house.home, 'pki', 'root.key'));
  return { root: 1 };
}

async function keyLost() {
  const { root } = await before.loseRootKey(await keyElsewhere());
  return { root };
}

/** Written down as an operator has asked for it, where a release is wanted. */
async function askedFor() {
  const { slot } = await before.prepareIssuing();
  const fingerprint = slot.certificate?.fingerprint ?? '';
  await house.app.store.transact((tx) => tx.putSetting('trust.asked.issuing', `activate 2 ${fingerprint}`));
  return { step: 'activate', number: 2, sha256: fingerprint };
}

const right = { permission: 'read', until: '1d' } as const;

/** By operation: what it takes to have one that can be carried out, and what the journal calls it. */
const cases: Readonly<Record<string, readonly [() => Promise<unknown>, readonly string[]]>> = {
  addDevice: [async () => ({ id: 'pump-1', owner: 'water' }), ['device.added']],
  setDevice: [async () => ({ id: await added('pump-1'), site: 'north' }), ['device.changed']],
  issueDevice: [async () => ({ id: await added('pump-1') }), ['certificate.issued']],
  packageDevice: [async () => ({ id: await added('pump-1') }), ['certificate.issued', 'device.packaged']],
  decommissionDevice: [inUse, ['certificate.revoked', 'device.decommissioned']],
  quarantineDevice: [async () => ({ id: await added('pump-1') }), ['device.quarantined']],
  importDevices: [async () => ({ format: 'csv', text: 'id,owner\npump-1,water\n' }), ['device.imported']],
  reconcile: [async () => ({ source: 'cmdb' }), ['device.added', 'source.reconciled']],
  addDelegation: [delegation, ['delegation.added']],
  revokeDelegation: [async () => ({ id: (await before.addDelegation(await delegation())).id }), ['delegation.revoked']],
  runRenewal: [async () => ({ device: (await inUse()).id }), ['renewal.due']],
  importCertificates: [async () => ({ text: foreign(await added('pump-1')) }), ['certificate.imported']],
  revokeCertificate: [async () => ({ id: (await inUse()).fingerprint }), ['certificate.revoked']],
  startCampaign: [async () => campaign, ['campaign.started']],
  pauseCampaign: [async () => ({ id: (await before.startCampaign(campaign)).id }), ['campaign.paused']],
  resumeCampaign: [
    async () => {
      const { id } = await before.startCampaign(campaign);
      return before.pauseCampaign({ id });
    },
    ['campaign.resumed'],
  ],
  abortCampaign: [async () => ({ id: (await before.startCampaign(campaign)).id }), ['campaign.aborted']],
  acknowledgeAlert: [async () => ({ ...(await raised()), by: 'carla' }), ['alert.acknowledged']],
  clearAlert: [raised, ['alert.cleared']],
  reload: [async () => ({}), ['policy.reloaded']],
  prepareIssuing: [async () => ({}), ['trust.prepared']],
  installIssuing: [signedElsewhere, ['trust.installed']],
  activateIssuing: [async () => void (await before.prepareIssuing()), ['trust.activated']],
  abortIssuing: [async () => void (await before.prepareIssuing()), ['trust.aborted']],
  retireIssuing: [replaced, ['trust.retired']],
  releaseIssuing: [askedFor, ['trust.activated']],
  prepareRoot: [async () => ({ preparation: 'made_elsewhere' }), ['trust.asked']],
  installRoot: [signedByPresentRoot, ['trust.prepared']],
  distributeRoot: [async () => void (await before.confirmBackup(await readBack())), ['trust.asked']],
  activateRoot: [distributedRoot, ['trust.asked']],
  retireRoot: [
    async () => {
      await distributedRoot();
      await releaseStep(await before.activateRoot());
    },
    ['trust.asked'],
  ],
  withdrawRoot: [withdrawal, ['trust.asked']],
  abortRoot: [async () => void (await releasedRoot('made_elsewhere')), ['trust.aborted']],
  releaseRoot: [rootAskedFor, ['trust.awaited']],
  crossRoots: [nextRoot, ['trust.crossed']],
  requestCross: [async () => void (await nextRoot().then(withoutRootKey)), ['trust.awaited']],
  installCross: [signedCross, ['trust.crossed']],
  dropCross: [async () => void (await nextRoot().then(() => before.crossRoots({}))), ['trust.cross_dropped']],
  requestRootList: [async () => void withoutRootKey(), ['trust.awaited']],
  installRootLists: [listOfRoot, ['crl.published']],
  confirmBackup: [readBack, ['backup.confirmed']],
  addToken: [async () => ({ name: 'ci', ...right }), ['token.added']],
  revokeToken: [
    async () => ({ id: (await before.addToken({ name: 'ci', ...right })).credential.id }),
    ['token.revoked'],
  ],
  addOperator: [async () => ({ name: 'dora', ...right }), ['operator.added']],
  revokeOperator: [
    async () => {
      await before.addOperator({ name: 'dora', ...right });
      return { name: 'dora' };
    },
    ['operator.revoked'],
  ],
  compromiseIssuing: [
    async () => ({ passphrase }),
    ['crl.published', 'trust.activated', 'trust.asked', 'trust.compromised', 'trust.prepared'],
  ],
  compromiseRoot: [async () => ({ passphrase }), ['trust.asked']],
  loseRootKey: [keyElsewhere, ['trust.key_lost']],
  findRootKey: [keyLost, ['trust.key_found']],
  copyLedger: [async () => ({ file: join(folder, 'copy.db') }), ['ledger.copied']],
};
const changing = operationNames.filter((name) => effectOf(name) !== 'reads');

const carryOut = (operations: Operations, name: OperationName, input: unknown): Promise<unknown> =>
  (operations[name] as (input: unknown) => Promise<unknown>)(input);

describe('an operation that changes something', () => {
  it('has a case here, whichever it is', () => {
    expect(Object.keys(cases).toSorted()).toEqual(changing.toSorted());
  });

  it.each(changing)('is in the journal with who did it and why: %s', async (name) => {
    const [prepare, actions = []] = cases[name] ?? [];
    const input = await prepare?.();
    const known = (await journal()).length;
    await carryOut(operationsFor(carla), name, input);
    const lines = (await journal()).toReversed().slice(known);
    const own = lines.filter(({ actor }) => actor?.name === 'carla');
    expect(own.map(({ action }) => action).toSorted()).toEqual(actions);
    expect(own.map(({ actor }) => actor)).toEqual(actions.map(() => carla));
    // What follows from it, the broker does.
    expect(lines.filter(({ actor }) => actor?.channel !== 'broker' && actor?.name !== 'carla')).toEqual([]);
  });

  it.each(changing)('is carried out for nobody who does not say who it is: %s', async (name) => {
    const [prepare] = cases[name] ?? [];
    const input = await prepare?.();
    const known = await journal();
    for (const actor of [
      null,
      { ...carla, name: ' ' },
      { ...carla, name: 'c\narla' },
      { ...carla, reason: 'x'.repeat(300) },
    ]) {
      await expect(carryOut(operationsFor(actor), name, input)).rejects.toMatchObject({ code: 'invalid' });
    }
    expect(await journal()).toEqual(known);
  });

  it('cannot be had without an actor, nor for half of one', () => {
    // @ts-expect-error nobody
    expect(() => operationsFor()).not.toThrow();
    // @ts-expect-error a name alone
    expect(() => operationsFor({ name: 'carla' })).not.toThrow();
  });
});

describe('a renewal', () => {
  it('that is open already and run once more says who did that, too', async () => {
    const { id } = await inUse();
    const { id: renewal } = await before.runRenewal({ device: id });
    await operationsFor(carla).runRenewal({ device: id });
    const { journal: lines } = await before.showRenewal({ id: renewal });
    expect(lines.map(({ action, actor }) => [action, actor?.name])).toEqual([
      ['renewal.run', 'carla'],
      ['renewal.due', 'tester'],
    ]);
  });
});

describe('an operation that only reads', () => {
  it('needs nobody, and what is noticed with it is the doing of the broker', async () => {
    await added('pump-1');
    const known = (await journal()).length;
    const operations = operationsFor(null);
    expect((await operations.showDevice({ id: 'pump-1' })).principal.id).toBe('pump-1');
    await operations.listAlerts({});
    await operations.lookOver();
    const lines = (await journal()).toReversed().slice(known);
    expect(lines.filter(({ actor }) => actor?.channel !== 'broker')).toEqual([]);
  });
});
