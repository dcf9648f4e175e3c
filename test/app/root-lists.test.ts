// The revocation list of each root: signed here, or asked for and taken from where the root's key is. Keys, lists and files are real.
import { createPrivateKey, type KeyObject, sign } from 'node:crypto';
import { existsSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { installRootLists, refreshRootLists, requestRootList, rootListOf } from '../../src/app/trust/root-lists.ts';
import { prepareRoot } from '../../src/app/trust/root-steps.ts';
import { rootsView } from '../../src/app/trust/roots-status.ts';
import type { Serial } from '../../src/domain/certificate.ts';
import type { ListedIssuing } from '../../src/domain/root-list.ts';
import { crlBody, crlOf, readCrl } from '../../src/pki/crl.ts';
import { sequence } from '../../src/pki/der.ts';
import { derToPem, pemToDer } from '../../src/pki/pem.ts';
import { signerFor } from '../../src/pki/signature.ts';
import { readCertificate } from '../../src/pki/x509.ts';
import type { GivenFile } from '../../src/ports/issuing-cas.ts';
import { day, ecKey, scratch } from '../pki/made.ts';
import { type Assembled, assembled } from './assembled.ts';

let home: Assembled;
let offset = 0;
afterEach(async () => {
  offset = 0;
  await home.close();
});

const begin = async (): Promise<void> => {
  home = await assembled({
    yaml: 'mqtt:\n  nextPort: 8893\n',
    clock: { now: () => Date.now() + offset },
  });
};
const now = (): number => Math.floor((Date.now() + offset) / 1_000) * 1_000;
const pki = (name: string): string => join(home.home, 'pki', name);
const certificateIn = (name: string): Uint8Array =>
  pemToDer(readFileSync(pki(name), 'utf8'), 'CERTIFICATE')?.[0] as Uint8Array;
const bytes = (base64: string): Uint8Array => new Uint8Array(Buffer.from(base64, 'base64'));
const listOf = async (root = 1) => {
  const der = await home.app.store.read.rootListBytes(root);
  if (!der) throw new Error('there is a list');
  return readCrl(der, certificateIn(root === 1 ? 'root.crt' : `root-${root}.crt`));
};
const revoke = async (number: number, root = 1): Promise<Serial> => {
  const certificate = home.app.rootLists.certificateOf({ number, root, certificate: null });
  const reason = 'keyCompromise' as const;
  await home.app.store.transact((tx) => tx.revokeIssuing({ number, root, ...certificate, revokedAt: now(), reason }));
  return certificate.serial;
};
const takeKeyAway = (): KeyObject => {
  const key = createPrivateKey(readFileSync(pki('root.key')));
  renameSync(pki('root.key'), join(scratch(), 'root.key'));
  return key;
};
const file = (name: string, content: Uint8Array | string): GivenFile => ({
  name,
  bytes: new Uint8Array(Buffer.from(content)),
});

describe('the list of a root whose key is in the home', () => {
  it('is signed with the home, good for a year, and lies in the folder of lists', async () => {
    await begin();
    const list = await listOf();
    expect(list).toMatchObject({ signatureValid: true, revoked: [], distributionPoint: null });
    expect(list.nextUpdate - list.thisUpdate).toBe(365 * day);
    expect(readFileSync(join(home.home, 'crl', 'root.crl'))).toEqual(
      Buffer.from((await home.app.store.read.rootListBytes(1)) ?? []),
    );
  });

  it('is signed anew after half of its time, and at once when an issuing CA is revoked', async () => {
    await begin();
    const first = await listOf();
    offset = 182 * day;
    await refreshRootLists(home.app);
    expect((await listOf()).number).toBe(first.number);
    offset = 183 * day;
    await refreshRootLists(home.app);
    const second = await listOf();
    expect(second.number).toBeGreaterThan(first.number);
    const serial = await revoke(1);
    await refreshRootLists(home.app);
    const third = await listOf();
    expect(third.revoked).toMatchObject([{ serial, reason: 'keyCompromise' }]);
    expect(third.number).toBeGreaterThan(second.number);
    await refreshRootLists(home.app);
    expect((await listOf()).number).toBe(third.number);
  });

  it('is there for the next root too, and names its own issuing CAs alone', async () => {
    await begin();
    await prepareRoot(home.app, {
      preparation: 'here',
      passphrase: 'a passphrase of its own',
      sequence: 2_000_000_000,
    });
    await revoke(1);
    await refreshRootLists(home.app);
    expect((await listOf()).revoked).toHaveLength(1);
    expect(await listOf(2)).toMatchObject({ signatureValid: true, revoked: [] });
    expect(existsSync(join(home.home, 'crl', 'root-2.crl'))).toBe(true);
    expect((await rootsView(home.app)).lists.map(({ root, isAsked }) => ({ root, isAsked }))).toEqual([
      { root: 1, isAsked: false },
      { root: 2, isAsked: false },
    ]);
  });

  it('is not asked for elsewhere', async () => {
    await begin();
    await expect(requestRootList(home.app, 1)).rejects.toMatchObject({ code: 'conflict' });
    await expect(rootListOf(home.app, 7)).rejects.toMatchObject({ code: 'not_found' });
  });
});

interface Change {
  readonly number?: number;
  readonly thisUpdate?: number;
  readonly nextUpdate?: number;
  readonly entries?: readonly ListedIssuing[];
  readonly key?: KeyObject;
  readonly keyId?: Uint8Array;
  readonly distributionPoint?: string;
}

/** A list as somebody makes it where the key is; or wrongly, in one place. */
function madeElsewhere(rootKey: KeyObject, change: Change = {}): Uint8Array {
  const { key = rootKey, entries = [], distributionPoint = null, ...rest } = change;
  const { subject, subjectKeyId } = readCertificate(certificateIn('root.crt'));
  const { algorithm } = signerFor(key);
  const body = crlBody(
    {
      number: now() / 1_000 + 1_000,
      thisUpdate: now(),
      nextUpdate: now() + 300 * day,
      distributionPoint,
      revoked: entries,
      ...rest,
    },
    { name: subject, keyId: rest.keyId ?? subjectKeyId ?? new Uint8Array(), algorithm },
  );
  return crlOf(body, algorithm, sign('sha256', body, key));
}

describe('the list of a root whose key is elsewhere', () => {
  it('is asked for by the bytes to be signed, and put together from their signature', async () => {
    await begin();
    const key = takeKeyAway();
    const serial = await revoke(1);
    await refreshRootLists(home.app);
    expect((await listOf()).revoked).toEqual([]);
    const { base64, digest, number } = await requestRootList(home.app, undefined);
    expect((await rootsView(home.app)).lists).toMatchObject([{ root: 1, isAsked: true }]);
    const signature = sign(digest, bytes(base64), key);
    const other = sign(digest, bytes(base64), ecKey());
    await expect(installRootLists(home.app, [file('x.sig', other)])).rejects.toMatchObject({
      faults: ['x.sig: is no revocation list, and no signature of a root over the list that was asked for'],
    });
    expect(await installRootLists(home.app, [file('root.sig', signature.toString('base64'))])).toMatchObject([
      { root: 1, number },
    ]);
    expect(await listOf()).toMatchObject({ signatureValid: true, number, revoked: [{ serial }] });
    expect((await rootsView(home.app)).lists).toMatchObject([{ root: 1, number, isAsked: false }]);
    await expect(installRootLists(home.app, [file('root.sig', signature)])).rejects.toMatchObject({
      faults: [expect.stringContaining('no list was asked for')],
    });
  });

  it('is taken whole, as PEM or DER, once or twice, and published', async () => {
    await begin();
    const key = takeKeyAway();
    const der = madeElsewhere(key);
    expect(await installRootLists(home.app, [file('root.crl', derToPem(der, 'X509 CRL'))])).toHaveLength(1);
    expect(await installRootLists(home.app, [file('root.crl', der)])).toHaveLength(1);
    expect(new Uint8Array(readFileSync(join(home.home, 'crl', 'root.crl')))).toEqual(der);
  });

  it('is refused with its fault where it does not fit, and what is out stays', async () => {
    await begin();
    const key = takeKeyAway();
    const serial = await revoke(1);
    const entries = [{ serial, revokedAt: now(), reason: 'keyCompromise' as const }];
    const before = await home.app.store.read.rootListBytes(1);
    const { number } = await listOf();
    const wrong: readonly (readonly [Uint8Array | string, string])[] = [
      [madeElsewhere(key, { entries, key: ecKey() }), 'no root of this home has signed it'],
      [madeElsewhere(key, { entries, number }), `has the number ${number}, and number ${number} of root 1 is out`],
      [madeElsewhere(key, { entries, thisUpdate: now() + day }), 'begins 20'],
      [madeElsewhere(key, { entries, nextUpdate: now() - 1_000 }), 'ended 20'],
      [madeElsewhere(key, { entries, distributionPoint: 'http://x/y' }), 'has the critical extension'],
      [
        madeElsewhere(key, { entries, keyId: new Uint8Array(20) }),
        'has an authorityKeyIdentifier that is not the key id of the root alone',
      ],
      [madeElsewhere(key), `lacks issuing CA 1, serial ${serial}, which is revoked`],
      [readFileSync(pki('root.crt')), 'is no PEM file of revocation lists alone'],
      [certificateIn('root.crt'), 'is no revocation list, and no list was asked for'],
      [sequence(sequence()), 'is no revocation list'],
      [new Uint8Array(40_000).fill(48), 'is no revocation list'],
      ['', 'is no revocation list'],
    ];
    for (const [content, fault] of wrong) {
      await expect(installRootLists(home.app, [file('some.crl', content)]), fault).rejects.toMatchObject({
        code: 'invalid',
        faults: [
          expect.stringContaining(
            `some.crl: ${fault.startsWith('no root') ? 'is a revocation list, and ' : ''}${fault}`,
          ),
        ],
      });
    }
    const good = madeElsewhere(key, { entries });
    await expect(installRootLists(home.app, [file('a.crl', good), file('b.crl', good)])).rejects.toMatchObject({
      faults: ['b.crl: is a second list of root 1'],
    });
    expect(await home.app.store.read.rootListBytes(1)).toEqual(before);
  });

  it('does not name an issuing CA that is in use here', async () => {
    await begin();
    const key = takeKeyAway();
    const { serial } = home.app.rootLists.certificateOf({ number: 1, root: 1, certificate: null });
    const entries = [{ serial, revokedAt: now(), reason: 'superseded' as const }];
    await expect(installRootLists(home.app, [file('a.crl', madeElsewhere(key, { entries }))])).rejects.toMatchObject({
      faults: [`a.crl: names issuing CA 1, serial ${serial}, which is in use here`],
    });
  });
});
