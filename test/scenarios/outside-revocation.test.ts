// A CA elsewhere that publishes its own lists is told of every revocation of a certificate that it issued: at least once, what is urgent
// first, and again while it does not hear. Renewals do not wait for that, nor that for renewals.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { backUp } from '../../src/home/backup.ts';
import { restoreHome } from '../../src/home/restore.ts';
import { OutsideCa } from '../fakes/outside-ca.ts';
import { connect, type House, newRequest, openHouse, pemOf, Speaker } from './harness.ts';
import { renewed } from './renewed.ts';

const yaml = `
classes:
  default: { lifetime: 1h, renewAt: 66%, spread: 0%, overlap: 1s, grace: 1h, retryFirst: 10m, retryMax: 10m }
`;

let house: House;
let ca: OutsideCa;
afterEach(() => house.close());

async function open(takesWord = true): Promise<void> {
  ca = new OutsideCa({ takesWord });
  house = await openHouse({ yaml, throughAuthority: () => ca.authority });
}

const operations = () => house.gateway.operations;
const certificatesOf = async (id: string) => (await operations().showDevice({ id })).certificates;

/** Gives a device a certificate and revokes it. @returns its serial number as the CA has it. */
async function revoked(id: string, reason: 'keyCompromise' | 'superseded' = 'keyCompromise'): Promise<string> {
  await house.device(id);
  const [certificate] = await certificatesOf(id);
  await operations().revokeCertificate({ id: certificate?.fingerprint ?? '', reason });
  return certificate?.serial.split('@')[0] ?? '';
}

const reasons = () => [...ca.revoked].map(([serial, { reason }]) => [serial, reason]);
const openAlerts = async () => (await operations().listAlerts({ open: true })).map(({ kind }) => kind);

it('is told of a revocation by its own serial number, with the certificate, the reason and the time', async () => {
  await open();
  const serial = await revoked('meter-1');
  await house.log.until('revocation.told', { 'nolapse.principal': 'meter-1', 'event.reason': 'keyCompromise' });
  const [certificate] = await certificatesOf('meter-1');
  expect([...ca.revoked.keys()]).toEqual([serial]);
  const told = ca.revoked.get(serial);
  expect(told).toMatchObject({ serial: '01', reason: 'keyCompromise', revokedAt: certificate?.revokedAt });
  expect(told?.certificate.length).toBeGreaterThan(300);
  await operations().revokeCertificate({ id: certificate?.fingerprint ?? '', reason: 'keyCompromise' });
  await revoked('meter-2');
  await expect.poll(() => ca.told.map((each) => each.serial)).toEqual(['01', '02']);
});

it('is told of what a renewal has replaced, once its overlap has ended', async () => {
  await open();
  await renewed(house, await house.device('meter-1'), 'meter-1');
  expect(reasons()).toEqual([]);
  await house.log.until('renewal.retired', { 'nolapse.principal': 'meter-1' });
  await expect.poll(reasons).toEqual([['01', 'superseded']]);
});

it('is told of the compromise for which a campaign has replaced certificates', async () => {
  await open();
  await operations().addDevice({ id: 'meter-1', owner: 'tests', cohort: 'canary' });
  const first = await operations().issueDevice({ id: 'meter-1' });
  const speaker = await new Speaker(await connect(house, first, 'meter-1'), 'meter-1').listen();
  // A campaign leaves out a certificate that was never used.
  await operations().startCampaign({ reason: 'keys leaked', reasonCode: 'keyCompromise', all: true });
  await speaker.say({ word: 'hello', maxPacket: 4_096 });
  const { renewal } = await speaker.next('offer');
  const { csr, keyPem } = await newRequest('meter-1');
  await speaker.say({ word: 'csr', renewal, csr });
  const { certificates } = await speaker.next('cert');
  const client = await connect(house, { certificatePem: pemOf(certificates), keyPem }, 'meter-1');
  await Promise.all([client.endAsync(true), speaker.client.endAsync(true)]);
  await house.log.until('renewal.retired', { 'nolapse.principal': 'meter-1' });
  await expect.poll(reasons).toEqual([['01', 'keyCompromise']]);
});

it('is told of a replacement that was never used, once another key was asked for in its place', async () => {
  await open();
  const speaker = await new Speaker(await connect(house, await house.device('meter-1'), 'meter-1'), 'meter-1').listen();
  await speaker.say({ word: 'hello', maxPacket: 4_096 });
  await operations().runRenewal({ device: 'meter-1' });
  const { renewal } = await speaker.next('offer');
  await speaker.say({ word: 'csr', renewal, csr: (await newRequest('meter-1')).csr });
  await speaker.next('cert');
  await speaker.say({ word: 'csr', renewal, csr: (await newRequest('meter-1')).csr });
  await expect.poll(reasons).toEqual([['02', 'superseded']]);
  await speaker.client.endAsync(true);
});

it('is told when it hears again, also after a restart, and issues all the while', async () => {
  await open();
  ca.hearsNothing = true;
  const serial = await revoked('meter-1');
  await house.log.until('alert.raised', { 'event.reason': 'revocation_untold' });
  await renewed(house, await house.device('meter-2'), 'meter-2');
  expect(await openAlerts()).not.toContain('authority_down');
  await house.restart();
  expect(await openAlerts()).toContain('revocation_untold');
  expect(reasons()).toEqual([]);
  ca.hearsNothing = false;
  await house.log.until('alert.cleared', { 'event.reason': 'revocation_untold' });
  expect(ca.revoked.get(serial)?.reason).toBe('keyCompromise');
  expect(await house.gateway.operations.listAlerts({ open: true, kind: 'revocation_untold' })).toEqual([]);
});

it('is told while it answers requests with what was not asked for', async () => {
  await open();
  await house.device('meter-1');
  await house.device('meter-2');
  ca.fault = 'another key';
  await expect(operations().issueDevice({ id: 'meter-2' })).rejects.toThrow();
  const [certificate] = await certificatesOf('meter-1');
  await operations().revokeCertificate({ id: certificate?.fingerprint ?? '', reason: 'keyCompromise' });
  await expect.poll(reasons).toEqual([['01', 'keyCompromise']]);
  expect(house.log.count('revocation.untold')).toBe(0);
});

it('holds up no revocation by one that it refuses', async () => {
  await open();
  ca.refuses = '01';
  const refused = await revoked('meter-1');
  const other = await revoked('meter-2');
  await house.log.until('alert.raised', { 'event.reason': 'revocation_untold' });
  await expect.poll(() => [...ca.revoked.keys()]).toEqual([other]);
  ca.refuses = null;
  await house.log.until('alert.cleared', { 'event.reason': 'revocation_untold' });
  expect([...ca.revoked.keys()]).toEqual([other, refused]);
});

it('is told of nothing where it takes no word, and nothing waits for it', async () => {
  await open(false);
  await revoked('meter-1');
  expect(await house.gateway.operations.listAlerts({ open: true, kind: 'revocation_untold' })).toEqual([]);
  expect(house.log.count('effect.failed')).toBe(0);
});

it('is told after a restore of what was revoked after the backup, and not told before the home was lost', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'nolapse-outside-'));
  const [backup, lines, home] = ['backup', 'issued.jsonl', 'restored'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  ca = new OutsideCa({ takesWord: true });
  const issuedFile = `issued: { file: ${lines} }`;
  house = await openHouse({ yaml: `${yaml}${issuedFile}`, throughAuthority: () => ca.authority });
  const copyLedger = (input: { readonly file: string }) => operations().copyLedger(input);
  ca.hearsNothing = true;
  const known = await house.device('meter-1');
  await backUp({ home: house.home, file: backup, replace: true, copyLedger });
  await operations().revokeCertificate({ id: known.certificate.fingerprint, reason: 'superseded' });
  const serial = await revoked('meter-2');
  await house.restart(async () => {
    const places = { crlShardBase: 'http://localhost/crl/', isElsewhere: true };
    await restoreHome({ home, file: backup, issued: [lines], ...places });
    for (const name of ['nolapse.db', 'nolapse.db-wal']) rmSync(join(house.home, name), { force: true });
    writeFileSync(join(house.home, 'nolapse.db'), readFileSync(join(home, 'nolapse.db')), { mode: 0o600 });
    ca.hearsNothing = false;
  });
  await expect.poll(reasons).toEqual([
    [serial, 'keyCompromise'],
    ['01', 'superseded'],
  ]);
  rmSync(folder, { recursive: true, force: true });
});
