// What a device is given by hand, on a real store and a real PKI: which certificate, over whose key, and what is refused.

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Operations } from '../../src/app/operator/operate.ts';
import { activate } from '../../src/app/renewal/activate.ts';
import type { PackageView } from '../../src/app/views/package.ts';
import { makeCsr } from '../../src/pki/own-request.ts';
import { idOf } from '../domain/samples.ts';
import { operationsIn } from '../fakes/tester.ts';
import { ecKey } from '../pki/made.ts';
import { newRequest } from '../scenarios/harness.ts';
import { type Assembled, assembled } from './assembled.ts';

const day = 86_400_000;
const yaml = `
server: { names: [localhost, mqtt.example.net] }
mqtt: { port: 18883, nextPort: 18893 }
trust: { approval: { root: none } }
classes:
  default: { lifetime: 10d, renewAt: 66%, overlap: 1d, grace: 5d, keyModes: [csr] }
  keeps: { lifetime: 10d, renewAt: 66%, overlap: 1d, grace: 5d, keyModes: [recertify, csr] }
`;

/** How far ahead the clock is. */
let ahead = 0;
let home: Assembled;
let operations: Operations;
beforeEach(async () => {
  ahead = 0;
  home = await assembled({ yaml, clock: { now: () => Date.now() + ahead } });
  operations = operationsIn(home.app);
});
afterEach(() => home.close());

const add = async (id: string, className = 'default'): Promise<void> =>
  void (await operations.addDevice({ id, owner: 'water', class: className }));
/** A device with a certificate in use. */
async function inUse(id: string, className?: string): Promise<{ fingerprint: string; keyPem: string }> {
  await add(id, className);
  const { certificate, keyPem } = await operations.issueDevice({ id });
  await activate(home.app, certificate.fingerprint);
  return { fingerprint: certificate.fingerprint, keyPem };
}
const leaf = ({ chain: [der = ''] }: PackageView): X509Certificate => new X509Certificate(Buffer.from(der, 'base64'));
const base64 = (der: Uint8Array): string => Buffer.from(der).toString('base64');
const journal = async () => (await home.app.store.read.journal({}, 100)).map(({ action }) => action);
const certificates = async (id: string) => (await operations.listCertificates({ device: id })).length;

describe('nolapse device package', () => {
  it('has the certificate in use, whose key the device has, and issues none', async () => {
    const { fingerprint } = await inUse('pump-1');
    const made = await operations.packageDevice({ id: 'pump-1' });
    expect(made).toMatchObject({
      id: 'pump-1',
      clientId: 'pump-1',
      names: ['mqtt.example.net', 'localhost'],
      ports: [{ port: 18_883, root: 1 }],
      roots: [{ number: 1, state: 'current' }],
      certificate: { fingerprint },
      isNew: false,
      keyPem: null,
    });
    expect(leaf(made).fingerprint256.replaceAll(':', '').toLowerCase()).toBe(fingerprint);
    const [, issuing = ''] = made.chain;
    expect(leaf(made).verify(new X509Certificate(Buffer.from(issuing, 'base64')).publicKey)).toBe(true);
    expect(await certificates('pump-1')).toBe(1);
    expect((await journal())[0]).toBe('device.packaged');
  });

  it.each<[string, (id: string) => Promise<void>]>([
    ['never had one', add],
    [
      'has one that nobody has seen',
      async (id) => {
        await add(id);
        await operations.issueDevice({ id });
      },
    ],
    [
      'has one that has ended',
      async (id) => {
        await inUse(id);
        ahead = 11 * day;
      },
    ],
    [
      'has one that was revoked',
      async (id) => void (await operations.revokeCertificate({ id: (await inUse(id)).fingerprint })),
    ],
  ])('issues a certificate with a key where the device %s', async (_, prepare) => {
    await prepare('pump-1');
    const made = await operations.packageDevice({ id: 'pump-1' });
    expect(made).toMatchObject({ isNew: true, keyPem: expect.stringContaining('PRIVATE KEY') });
    expect(leaf(made).checkPrivateKey(createPrivateKey(made.keyPem ?? ''))).toBe(true);
    expect(made.certificate.notAfter).toBeGreaterThan(Date.now() + ahead + 9 * day);
    expect((await journal()).slice(0, 2)).toEqual(['device.packaged', 'certificate.issued']);
  });

  it('issues one though another is in use, where the key is lost', async () => {
    const { fingerprint } = await inUse('pump-1');
    const made = await operations.packageDevice({ id: 'pump-1', newKey: true });
    expect(made.certificate.fingerprint).not.toBe(fingerprint);
    expect(made.keyPem).not.toBeNull();
    const rsa = await operations.packageDevice({ id: 'pump-1', rsaBits: 2_048 });
    expect(leaf(rsa).publicKey.asymmetricKeyType).toBe('rsa');
  });

  it('certifies the key of a request, and makes none', async () => {
    await inUse('pump-1');
    const { csr, keyPem } = await newRequest('pump-1');
    const made = await operations.packageDevice({ id: 'pump-1', csr: base64(csr) });
    expect(made).toMatchObject({ isNew: true, keyPem: null });
    expect(leaf(made).checkPrivateKey(createPrivateKey(keyPem))).toBe(true);
  });

  it('certifies the key that the device has once more only where its policy lets it keep its key', async () => {
    const again = async (id: string, className: string) => {
      const key = createPrivateKey((await inUse(id, className)).keyPem);
      ahead = 11 * day;
      return operations.packageDevice({ id, csr: base64(makeCsr(idOf(id), key)) });
    };
    expect(await again('keeper', 'keeps')).toMatchObject({ isNew: true, keyPem: null });
    ahead = 0;
    await expect(again('pump-1', 'default')).rejects.toMatchObject({
      code: 'conflict',
      faults: ['make a new key for this request'],
    });
  });

  it('has the next root and its port as soon as devices are told of it, and not before', async () => {
    await inUse('pump-1');
    await operations.prepareRoot({ preparation: 'here', passphrase: 'a passphrase of its own' });
    expect((await operations.packageDevice({ id: 'pump-1' })).roots.map(({ number }) => number)).toEqual([1]);
    const slots = await home.app.store.read.rootSlots();
    const [first, next] = slots as [(typeof slots)[number], (typeof slots)[number]];
    await home.app.store.transact((tx) => tx.putRootSlot({ ...next, distributedAt: Date.now() }));
    const told = await operations.packageDevice({ id: 'pump-1' });
    expect(told.roots.map(({ number, state }) => [number, state])).toEqual([
      [1, 'current'],
      [2, 'next'],
    ]);
    expect(told.ports).toEqual([
      { port: 18_883, root: 1 },
      { port: 18_893, root: 2 },
    ]);
    for (const root of told.roots) {
      const { fingerprint256 } = new X509Certificate(Buffer.from(root.base64, 'base64'));
      expect(fingerprint256.replaceAll(':', '').toLowerCase()).toBe(root.fingerprint);
    }
    // Half way: new devices get the new root alone, and its port comes first.
    await home.app.store.transact(async (tx) => {
      await tx.putRootSlot({ ...first, state: 'former' });
      await tx.putRootSlot({ ...next, state: 'current', distributedAt: Date.now(), activatedAt: Date.now() });
    });
    const after = await operations.packageDevice({ id: 'pump-1' });
    expect(after.roots.map(({ number }) => number)).toEqual([2]);
    expect(after.ports).toEqual([
      { port: 18_893, root: 2 },
      { port: 18_883, root: null },
    ]);
  });
});

it('certifies one key for one of two devices that bring it at the same moment', async () => {
  const key = ecKey();
  const ids = ['pump-1', 'pump-2'];
  for (const id of ids) await add(id);
  const both = await Promise.allSettled(
    ids.map((id) => operations.packageDevice({ id, csr: base64(makeCsr(idOf(id), key)) })),
  );
  expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  expect((await certificates('pump-1')) + (await certificates('pump-2'))).toBe(1);
});

describe('a package that cannot be made', () => {
  const strangers = ecKey();
  const withCsr = async (csr: Uint8Array) => {
    await add('pump-1');
    return { id: 'pump-1', csr: base64(csr) };
  };
  it.each<[string, () => Promise<object>, string, string]>([
    ['of nobody', async () => ({ id: 'nobody' }), 'not_found', 'nobody is not in the inventory'],
    [
      'of a device in quarantine',
      async () => {
        await inUse('pump-1');
        return operations.quarantineDevice({ id: 'pump-1' }).then(() => ({ id: 'pump-1' }));
      },
      'conflict',
      'pump-1 is quarantined',
    ],
    ['for a request that is none', () => withCsr(new Uint8Array([0x30, 0])), 'invalid', 'csr: '],
    [
      'for a request in the name of another',
      () => withCsr(makeCsr(idOf('pump-2'), strangers)),
      'conflict',
      'common name is not the principal',
    ],
    [
      'for a key of another device',
      async () => {
        const { keyPem } = await inUse('pump-2');
        await add('pump-1');
        return { id: 'pump-1', csr: base64(makeCsr(idOf('pump-1'), createPrivateKey(keyPem))) };
      },
      'conflict',
      'another principal holds this key',
    ],
    [
      'with a request and a key beside it',
      async () => ({ ...(await withCsr(makeCsr(idOf('pump-1'), strangers))), newKey: true }),
      'invalid',
      'csr: the device has its key; none is made beside it',
    ],
    [
      'while the file of the root is another one',
      async () => {
        await add('pump-1');
        const { rootPem } = await operations.issueDevice({ id: 'pump-1' });
        const other = await assembled({});
        const { rootPem: foreign } = await (await operationsAdded(other)).issueDevice({ id: 'pump-1' });
        await other.close();
        expect(foreign).not.toBe(rootPem);
        writeFileSync(join(home.home, 'pki', 'root.crt'), foreign);
        return { id: 'pump-1' };
      },
      'conflict',
      'the certificate of root 1 in pki/ is not the one of the ledger',
    ],
  ])('%s: refused, and nothing is issued', async (_, prepare, code, fault) => {
    const input = (await prepare()) as { id: string };
    const known = await journal();
    await expect(operations.packageDevice(input)).rejects.toMatchObject({
      code,
      faults: [expect.stringContaining(fault)],
    });
    expect(await journal()).toEqual(known);
  });
});

async function operationsAdded(other: Assembled): Promise<Operations> {
  const each = operationsIn(other.app);
  await each.addDevice({ id: 'pump-1', owner: 'water' });
  return each;
}
