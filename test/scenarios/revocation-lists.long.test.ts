// Revocation lists of a running broker, as others fetch them: after a kill between the revocation and its list, in a restored home, and
// where a certificate says.
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { IssuedView } from '../../src/app/views/devices.ts';
import { readCrl } from '../../src/pki/crl.ts';
import { readDistributionPoint } from '../../src/pki/distribution-point.ts';
import { pemToDer } from '../../src/pki/pem.ts';
import { readCertificate } from '../../src/pki/x509.ts';
import { type House, openHouse } from './harness.ts';
import { Mortal } from './mortal.ts';

const closing: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function fetchList(port: number, path: string, { certificatePem }: IssuedView) {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`);
  expect(answer.status).toBe(200);
  const [, issuing] = pemToDer(certificatePem, 'CERTIFICATE') ?? [];
  const list = readCrl(new Uint8Array(await answer.arrayBuffer()), issuing ?? new Uint8Array());
  expect(list.signatureValid).toBe(true);
  return list;
}

const complete = '/crl/issuing.crl';
/** A list is signed again a second after the last time at the earliest. */
const soon = { timeout: 60_000 };

describe('a broker that is killed', () => {
  it.each(['certificate.revoked', 'crl.published'])(
    'at %s has the revocation on its list after the next start',
    { timeout: 60_000 },
    async (deadly) => {
      const home = mkdtempSync(join(tmpdir(), 'nolapse-lists-'));
      closing.push(() => rmSync(home, { recursive: true, force: true }));
      writeFileSync(join(home, 'nolapse.yaml'), 'mqtt: { port: 0 }\nhttp: { port: 0 }\nsweep: { interval: 100ms }\n');
      let gateway = await Mortal.start(home);
      closing.push(() => gateway.kill());
      await gateway.call('addDevice', { id: 'pump-1', owner: 'tests' });
      const issued = await gateway.call<IssuedView>('issueDevice', { id: 'pump-1' });
      const before = await fetchList(gateway.ports.http, complete, issued);
      await gateway.kill();
      gateway = await Mortal.start(home);
      const revocation = { id: issued.certificate.serial, reason: 'keyCompromise' };
      expect(await gateway.dieOf(deadly, 'revokeCertificate', revocation)).toBe('SIGKILL');
      gateway = await Mortal.start(home);
      await expect
        .poll(async () => (await fetchList(gateway.ports.http, complete, issued)).revoked, soon)
        .toMatchObject([{ serial: issued.certificate.serial, reason: 'keyCompromise' }]);
      expect((await fetchList(gateway.ports.http, complete, issued)).number).toBeGreaterThan(before.number);
    },
  );
});

describe('a restored home', () => {
  it('gives no number again that was given after the copy', async () => {
    let passedMs = 0;
    const clock = { now: () => Date.now() + passedMs, steady: () => performance.now() + passedMs };
    const house: House = await openHouse({ yaml: '', clock });
    closing.push(() => house.close());
    const database = (name: string): string => join(house.home, name);
    const list = (issued: IssuedView) => fetchList(house.gateway.ports.http, complete, issued);
    const issued = await house.device('pump-1');
    await house.restart(() => copyFileSync(database('nolapse.db'), database('copy.db')));
    const numbers: number[] = [];
    for (const id of ['a', 'b', 'c', 'd']) {
      const { certificate } = await house.device(id);
      await house.gateway.operations.revokeCertificate({ id: certificate.serial, reason: 'keyCompromise' });
      await expect
        .poll(async () => (await list(issued)).revoked.map(({ serial }) => serial), soon)
        .toContain(certificate.serial);
      numbers.push((await list(issued)).number);
      passedMs += 2_000;
    }
    await house.restart(() => {
      rmSync(database('nolapse.db-wal'), { force: true });
      copyFileSync(database('copy.db'), database('nolapse.db'));
    });
    await expect.poll(async () => (await list(issued)).number, soon).toBeGreaterThan(Math.max(...numbers));
    const restored = await list(issued);
    expect(restored.number).toBeGreaterThan(Math.max(...numbers));
    expect(restored.revoked).toEqual([]);
  });
});

it('a list is fetched where the certificate says, in shards once the complete list has grown', async () => {
  const house: House = await openHouse({ yaml: 'crl: { shardAbove: 10, interval: 1s }' });
  closing.push(() => house.close());
  const { operations } = house.gateway;
  const revoke = ({ certificate }: IssuedView) =>
    operations.revokeCertificate({ id: certificate.serial, reason: 'keyCompromise' });
  const early = await house.device('early');
  for (let i = 0; i < 10; i += 1) await revoke(await house.device(`pump-${i}`));
  await operations.crl();
  const late = await house.device('late');
  const pathOf = ({ certificatePem }: IssuedView): string => {
    const [leaf] = pemToDer(certificatePem, 'CERTIFICATE') ?? [];
    return new URL(readDistributionPoint(readCertificate(leaf ?? new Uint8Array()).extensions) ?? '').pathname;
  };
  expect([early, late].map(pathOf)).toEqual([complete, '/crl/issuing/1.crl']);
  const { http } = house.gateway.ports;
  expect((await fetchList(http, pathOf(late), late)).revoked).toEqual([]);
  await revoke(late);
  await revoke(early);
  const listed = async (path: string) => (await fetchList(http, path, late)).revoked.map(({ serial }) => serial);
  await expect.poll(() => listed(pathOf(late)), soon).toEqual([late.certificate.serial]);
  await expect.poll(async () => (await listed(complete)).length, soon).toBe(12);
  expect(await listed(complete)).toContain(late.certificate.serial);
  expect((await fetch(`http://127.0.0.1:${http}/crl/issuing/2.crl`)).status).toBe(404);
  const metrics = await (await fetch(`http://127.0.0.1:${http}/metrics`)).text();
  expect(metrics).toMatch(/^nolapse_crl_entries 12$/m);
  expect(metrics).toMatch(/^nolapse_crl_waiting 0$/m);
});
