// The emergency means: the newer root signed by the older one, shown on the first port to real TLS clients, watched, and dropped before it
// ends, as the one of 2021-09-30 was not.
import { createPrivateKey, sign } from 'node:crypto';
import { readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { IssuedView } from '../../src/app/views/devices.ts';
import { loadProfiles } from '../../src/authority/profiles.ts';
import type { PrincipalId } from '../../src/domain/principal.ts';
import { pemToDer } from '../../src/pki/pem.ts';
import { readCertificate } from '../../src/pki/x509.ts';
import { day } from '../pki/made.ts';
import { freePort } from './free-port.ts';
import { connackOf, type House, openHouse } from './harness.ts';
import { chainShown } from './overheard.ts';

let nextPort: number;
let house: House;
let dev: IssuedView;
let offset = 0;
afterEach(async () => {
  offset = 0;
  await house.close();
});

const yaml = `
classes: { default: { lifetime: 300d, renewAt: 66%, overlap: 10m, grace: 300d } }
trust: { approval: { root: none } }
`;
const now = (): number => Date.now() + offset;
const pki = (name: string): string => join(house.home, 'pki', name);
const pem = (root: number): string => readFileSync(pki(root === 1 ? 'root.crt' : `root-${root}.crt`), 'utf8');
const der = (text: string): Uint8Array => pemToDer(text, 'CERTIFICATE')?.[0] as Uint8Array;
const operations = () => house.gateway.operations;
const portOf = (port: 'first' | 'second'): number => (port === 'first' ? house.gateway.ports.mqtt : nextPort);
const bare = () => ({ certificatePem: dev.certificatePem, keyPem: dev.keyPem });
/** The CONNACK that a device gets which trusts these roots alone; null: it does not verify the broker. */
const code = (port: 'first' | 'second', ...roots: number[]) =>
  connackOf(house, bare(), 'dev-1', { port: portOf(port), ca: roots.map(pem), rejectUnauthorized: true });

async function open(profiles?: ReturnType<typeof loadProfiles>): Promise<void> {
  nextPort = await freePort();
  house = await openHouse({
    yaml,
    mqtt: `port: 0, nextPort: ${nextPort}`,
    clock: { now },
    ...(profiles && { profiles }),
  });
  dev = await house.device('dev-1');
  await operations().prepareRoot({ preparation: 'here', passphrase: 'a passphrase of its own' });
  await house.log.until('trust.prepared', { 'nolapse.root': 2 });
}

describe('a cross certificate', () => {
  it('has the first port accepted by who trusts either root, and proves nothing', async () => {
    await open();
    await vi.waitFor(async () => expect(await code('second', 2)).toBe(0), 60_000);
    expect([await code('first', 1), await code('first', 2)]).toEqual([0, null]);
    const view = await operations().crossRoots({});
    expect(view).toMatchObject({ root: 2, signer: 1 });
    expect([await code('first', 1), await code('first', 2), await code('second', 2)]).toEqual([0, 0, 0]);
    // Never on the second port: there a root is proved.
    expect(await code('second', 1)).toBeNull();
    expect(await chainShown(portOf('first'))).toHaveLength(3);
    expect(await chainShown(portOf('second'))).toHaveLength(2);
    // The second port proved root 2; the first, whose chain leads to root 2 as well, proves root 1 alone.
    expect(await code('first', 2)).toBe(0);
    expect(await house.store.read.trustRecord('dev-1' as PrincipalId)).toMatchObject({ last: { root: 1 } });

    expect((await operations().doctor()).find(({ subject }) => subject === 'cross')).toMatchObject({
      level: 'warning',
      detail: expect.stringMatching(/its Certificate message has 1\d{3} bytes/),
    });
    await operations().dropCross();
    await house.log.until('trust.cross_dropped');
    expect([await code('first', 1), await code('first', 2)]).toEqual([0, null]);
    await expect(operations().dropCross()).rejects.toMatchObject({ code: 'conflict' });
    expect((await operations().doctor()).find(({ subject }) => subject === 'cross')).toBeUndefined();
  });

  it('has the identifiers of both roots byte for byte, and ends after neither', async () => {
    await open();
    await operations().crossRoots({ lifetimeMs: 365 * day });
    const [, , crossed] = await chainShown(portOf('first'));
    const [root, signer, cross] = [der(pem(2)), der(pem(1)), new Uint8Array(crossed ?? [])].map(readCertificate);
    expect(cross?.subjectKeyId).toEqual(root?.subjectKeyId);
    expect(cross?.key.fingerprint).toBe(root?.key.fingerprint);
    expect(cross?.subject).toEqual(root?.subject);
    expect(cross?.issuer).toEqual(signer?.subject);
    // SEQUENCE { [0] keyIdentifier }, and nothing of issuer and serial number.
    const aki = cross?.extensions.get('2.5.29.35')?.value;
    expect(aki?.length).toBe(4 + (signer?.subjectKeyId?.length ?? 0));
    expect(cross?.notAfter).toBeLessThanOrEqual(Math.min(root?.notAfter ?? 0, signer?.notAfter ?? 0));
  });

  it('is the shortest deadline, told of a quarter of its life ahead, and dropped by itself before it ends', async () => {
    await open();
    const { droppedAt, notAfter } = await operations().crossRoots({ lifetimeMs: 30 * day });
    expect(droppedAt).toBeLessThan(notAfter - day);
    const { deadlines } = await operations().trustStatus();
    const crosses = deadlines.filter(({ subject }) => subject.startsWith('cross'));
    expect(crosses).toMatchObject([{ subject: 'cross certificate of root 2', endsAt: droppedAt, level: 'ok' }]);
    offset = droppedAt - 3 * day - Date.now();
    await house.log.until('alert.raised', { 'nolapse.alert.subject': 'cross certificate of root 2' });
    expect(await code('first', 2)).toBe(0);
    offset = droppedAt + 1_000 - Date.now();
    await house.log.until('trust.cross_dropped');
    await vi.waitFor(async () => expect(await chainShown(portOf('first'))).toHaveLength(2), 60_000);
    expect([await code('first', 1), await code('first', 2)]).toEqual([0, null]);
    await house.log.until('alert.cleared', { 'nolapse.alert.subject': 'cross certificate of root 2' });
  });

  it('is there after a restart, and not where its time has come meanwhile', async () => {
    await open();
    const { droppedAt } = await operations().crossRoots({ lifetimeMs: 30 * day });
    await house.restart();
    expect([await code('first', 1), await code('first', 2)]).toEqual([0, 0]);
    await house.restart(() => {
      offset = droppedAt + 1_000 - Date.now();
    });
    expect([await code('first', 1), await code('first', 2)]).toEqual([0, null]);
  });

  it('goes with the root that it certifies', async () => {
    await open();
    await operations().crossRoots({});
    await operations().abortRoot();
    await house.log.until('trust.cross_dropped');
    expect(await code('first', 1)).toBe(0);
    await expect(operations().crossRoots({})).rejects.toMatchObject({
      faults: [expect.stringContaining('there is one root in use')],
    });
  });

  it('is refused where the path length of the older root makes it useless', async () => {
    const profiles = loadProfiles();
    await open({ ...profiles, root: { ...profiles.root, pathLength: 1 } });
    await expect(operations().crossRoots({})).rejects.toMatchObject({
      code: 'conflict',
      faults: [expect.stringContaining('root 1 has a path length of 1')],
    });
    expect(await code('first', 1)).toBe(0);
  });
});

describe('a cross certificate by a root whose key is elsewhere', () => {
  const install = (bytes: Uint8Array | string) =>
    operations().installCross({ files: [{ name: 'cross', base64: Buffer.from(bytes).toString('base64') }] });

  it('is asked for, and taken only where all of it fits', async () => {
    await open();
    const key = createPrivateKey(readFileSync(pki('root.key')));
    renameSync(pki('root.key'), join(house.home, 'root.key'));
    await expect(operations().crossRoots({})).rejects.toMatchObject({
      faults: [expect.stringContaining('nolapse trust cross --request FILE')],
    });
    await expect(install(sign('sha256', Buffer.from('x'), key))).rejects.toMatchObject({
      faults: [expect.stringContaining('no signature was asked for')],
    });
    const { base64, digest } = await operations().requestCross({});
    const wrong: readonly (readonly [Uint8Array | string, string])[] = [
      [sign(digest, Buffer.from('something else'), key), 'no signature of the older root'],
      [pem(2), 'is not signed by the older root'],
      [pem(1), 'has another name than the newer root'],
      [readFileSync(pki('issuing.crt')), 'certifies another key than that of the newer root'],
      [pem(1) + pem(2), 'is no PEM file of one certificate'],
      [new Uint8Array(5_000), 'has more than 4096 bytes'],
      ['', 'no signature of the older root'],
    ];
    for (const [bytes, fault] of wrong) {
      await expect(install(bytes), fault).rejects.toMatchObject({
        code: 'invalid',
        faults: expect.arrayContaining([expect.stringMatching(new RegExp(`^cross: .*${fault}`))]),
      });
    }
    expect(await code('first', 2)).toBeNull();
    await install(sign(digest, Buffer.from(base64, 'base64'), key).toString('base64'));
    expect([await code('first', 1), await code('first', 2)]).toEqual([0, 0]);
  });
});
