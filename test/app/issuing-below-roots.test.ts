// Issuing CAs below the roots that are not the present one: the next root's and the former one's are replaced in time by the same steps,
// and the server's certificate on the second port with them. All that is made is real.
import { copyFileSync, existsSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { IssuingWatch } from '../../src/app/trust/issuing-watch.ts';
import { prepareRoot } from '../../src/app/trust/root-steps.ts';
import { trustStatus } from '../../src/app/trust/trust-status.ts';
import { afterRootStep } from '../../src/domain/root-slots.ts';
import { isSignedBy } from '../../src/pki/chain.ts';
import { pemToDer } from '../../src/pki/pem.ts';
import { operationsIn } from '../fakes/tester.ts';
import { signedByRoot } from '../pki/issuing.ts';
import { day, scratch } from '../pki/made.ts';
import { type Assembled, assembled } from './assembled.ts';

const year = 365 * day;
const classes =
  'classes: { default: { lifetime: 90d, renewAt: 66%, overlap: 7d, grace: 30d } }\nmqtt: { nextPort: 8893 }\n';

let home: Assembled;
let offset = 0;
let watch: IssuingWatch;
beforeEach(() => {
  offset = 0;
});
afterEach(() => home.close());

async function begin(trust = 'trust: { approval: { root: none } }\n'): Promise<void> {
  home = await assembled({ yaml: classes + trust, clock: { now: () => Date.now() + offset, steady: () => offset } });
  watch = new IssuingWatch(home.app);
  const sequence = Math.floor(Date.now() / 1_000);
  await prepareRoot(home.app, { preparation: 'here', passphrase: 'a passphrase of its own', sequence });
}

/** The root of the second place takes the first one's, which still serves. */
async function activateRoot(): Promise<void> {
  const roots = await home.app.store.read.rootSlots();
  const after = afterRootStep(afterRootStep(roots, 'distribute', Date.now() + offset), 'activate', Date.now() + offset);
  await home.app.store.transact(async (tx) => {
    for (const root of after) await tx.putRootSlot(root);
  });
  await home.app.served.follow();
}

const at = async (time: number): Promise<void> => {
  offset = time;
  await watch.look();
};
const pki = (name: string): string => join(home.home, 'pki', name);
const dersIn = (name: string): Uint8Array[] => pemToDer(readFileSync(pki(name), 'utf8'), 'CERTIFICATE') ?? [];
const slots = async () =>
  (await home.app.store.read.issuingSlots()).map(({ number, root, state }) => `${number} below ${root} ${state}`);
const alerts = async () =>
  (await home.app.store.read.alerts({ kind: 'trust_step', open: true }, 10)).map(({ subject, detail }) => ({
    subject,
    detail,
  }));
const operations = () => operationsIn(home.app);

describe('below a next root', () => {
  it('the issuing CA is replaced by itself, with the certificate of the second port, and signs nothing else', async () => {
    await begin();
    const trusted = home.app.authority.trust();
    await at(4 * year);
    expect(await slots()).toEqual(['1 below 1 current', '2 below 2 current']);
    await at(4.3 * year);
    expect(await slots()).toEqual(['1 below 1 current', '2 below 2 current', '3 below 1 next', '4 below 2 next']);
    const [before] = dersIn('server-2.crt');
    await at(4.8 * year);
    // The one below the next root has no certificate in use, and is over at once.
    await at(4.8 * year + day);
    expect((await slots()).filter((slot) => slot.includes('below 2'))).toEqual(['4 below 2 current']);
    const [server, issuing] = dersIn('server-2.crt') as [Uint8Array, Uint8Array];
    expect(server).not.toEqual(before);
    expect(issuing).toEqual(dersIn('issuing-4.crt')[0]);
    expect(isSignedBy(server, issuing)).toBe(true);
    expect(existsSync(pki('issuing-2.key'))).toBe(false);
    const { issuers, roots } = home.app.authority.trust();
    expect(issuers.map(({ number }) => number)).toEqual([3]);
    expect(roots).toEqual(trusted.roots);
    expect(await alerts()).toEqual([]);
    const { crls } = home.app;
    await crls.refreshed();
    expect(await home.app.store.read.revocationList(-3)).toBeNull();
  });

  it('with the key of that root elsewhere somebody is told which root, and the signed certificate finds its place', async () => {
    await begin();
    const elsewhere = scratch();
    renameSync(pki('root-2.key'), join(elsewhere, 'root.key'));
    copyFileSync(pki('root-2.crt'), join(elsewhere, 'root.crt'));
    await at(4.3 * year);
    const [{ detail = '', subject = '' } = {}] = await alerts();
    expect(subject).toBe('issuing CA below root 2');
    expect(detail).toMatch(
      /^the next issuing CA below root 2 is to be prepared, needed by 20.*: nolapse trust prepare issuing --root 2 --request FILE$/,
    );
    expect((await trustStatus(home.app)).issuing.due).toBe(detail);
    await expect(operations().prepareIssuing({ root: 2 })).rejects.toMatchObject({
      faults: ['the key of root 2 is not in the home: nolapse trust prepare issuing --root 2 --request FILE'],
    });
    const { slot, request } = await operations().prepareIssuing({ root: 2, elsewhere: true });
    expect(slot).toMatchObject({ number: 4, root: 2, certificate: null });
    // The next one below the present root waits for a certificate too.
    await operations().abortIssuing({});
    const { request: other } = await operations().prepareIssuing({ elsewhere: true });
    await watch.look();
    expect((await alerts()).map((alert) => alert.subject).toSorted()).toEqual([
      'issuing CA',
      'issuing CA below root 2',
    ]);
    const now = Math.floor((Date.now() + offset) / 1_000) * 1_000;
    const times = { notBefore: now - day, notAfter: now + 5 * year };
    const files = (bytes: Uint8Array) => ({
      files: [{ name: 'ca.crt', base64: Buffer.from(bytes).toString('base64') }],
    });
    // Signed by the root that it is not below.
    await expect(operations().installIssuing(files(signedByRoot(elsewhere, other ?? '', times)))).rejects.toMatchObject(
      {
        code: 'invalid',
      },
    );
    expect(await operations().installIssuing(files(signedByRoot(elsewhere, request ?? '', times)))).toMatchObject({
      number: 4,
      root: 2,
    });
    expect(await operations().installIssuing(files(signedByRoot(pki(''), other ?? '', times)))).toMatchObject({
      root: 1,
    });
    await at(4.8 * year);
    expect((await slots()).filter((each) => each.includes('current')).toSorted()).toEqual([
      '4 below 2 current',
      '5 below 1 current',
    ]);
    expect(await alerts()).toEqual([]);
  });

  it('nothing is done by itself where each step is to be released', async () => {
    await begin('trust: { approval: { root: none, issuing: required } }\n');
    await at(4.8 * year);
    expect(await slots()).toEqual(['1 below 1 current', '2 below 2 current']);
    expect((await alerts()).map(({ detail }) => detail.split(': ').at(-1))).toEqual(
      expect.arrayContaining(['nolapse trust prepare issuing', 'nolapse trust prepare issuing --root 2']),
    );
    await operations().prepareIssuing({ root: 2 });
    const { asked } = (await operations().activateIssuing({ root: 2 })) as {
      asked: { number: number; fingerprint: string };
    };
    await operations().releaseIssuing({ step: 'activate', number: asked.number, sha256: asked.fingerprint });
    expect(await slots()).toContain('3 below 2 current');
  });

  it('no step is taken below a root that is not in use', async () => {
    await begin();
    for (const root of [3, 99]) {
      const refused = { code: 'conflict', faults: [`no root ${root} is in use: nolapse trust status`] };
      await expect(operations().prepareIssuing({ root })).rejects.toMatchObject(refused);
      await expect(operations().activateIssuing({ root })).rejects.toMatchObject(refused);
      await expect(operations().abortIssuing({ root })).rejects.toMatchObject(refused);
    }
    await expect(operations().activateIssuing({ root: 2 })).rejects.toMatchObject({
      faults: ['no issuing CA is prepared'],
    });
  });
});

describe('below a former root', () => {
  it('the issuing CA is replaced while the first port shows its chain, and steps without a root are of the present one', async () => {
    await begin();
    await activateRoot();
    await at(4.3 * year);
    await at(4.8 * year);
    expect((await slots()).filter((slot) => slot.includes('current')).toSorted()).toEqual([
      '3 below 1 current',
      '4 below 2 current',
    ]);
    expect(home.app.served.first.root).toBe(1);
    expect(dersIn('server.crt')[1]).toEqual(dersIn('issuing-3.crt')[0]);
    expect(home.app.authority.trust().issuers[0].number).toBe(4);
    expect((await operations().prepareIssuing({})).slot).toMatchObject({ root: 2 });
  });
});
