// Which revocations an authority elsewhere is owed word of, in which order it is told, and that no other authority is.
import { afterEach, expect, it } from 'vitest';
import { Outbox } from '../../src/app/upkeep/outbox.ts';
import type { RevocationReason } from '../../src/domain/certificate.ts';
import { fingerprintOf } from '../../src/pki/fingerprint.ts';
import { OutsideCa } from '../fakes/outside-ca.ts';
import { operationsIn } from '../fakes/tester.ts';
import { day, OtherCa } from '../pki/made.ts';
import { integerOf, oddCa, oddCertificate } from '../pki/odd.ts';
import { type Assembled, assembled } from './assembled.ts';

let home: Assembled;
let ca: OutsideCa;
const told: string[] = [];
afterEach(() => home.close());

/** A home on which nothing that is owed is carried out by itself, unless it is to be. */
async function open({ atOnce = false } = {}): Promise<void> {
  ca = new OutsideCa({ takesWord: true });
  told.length = 0;
  home = await assembled({ throughAuthority: () => ca.authority, tell: ({ action }) => void told.push(action) });
  if (!atOnce) await home.outbox.close();
}

const operations = () => operationsIn(home.app);
const owed = async () =>
  (await home.app.store.read.queuedEffects('revoke', home.app.clock.now(), 10)).map(({ effect }) => effect);

async function issued(id: string): Promise<string> {
  await operations().addDevice({ id, owner: 'tests' });
  await operations().issueDevice({ id });
  return (await operations().showDevice({ id })).certificates[0]?.fingerprint ?? '';
}

const revoke = (id: string, reason: RevocationReason, more: { dryRun?: boolean } = {}) =>
  operations().revokeCertificate({ id, reason, ...more });

/** Carries out what is owed. */
async function carryOut(authority = ca.authority): Promise<void> {
  const outbox = new Outbox({ ...home.app, authority });
  outbox.poke();
  await outbox.idle();
  await outbox.close();
}

it('owes word of a revocation once, and none of one that is only tried', async () => {
  await open();
  const fingerprint = await issued('pump-1');
  await revoke(fingerprint, 'keyCompromise', { dryRun: true });
  expect(await owed()).toEqual([]);
  await revoke(fingerprint, 'keyCompromise');
  await revoke(fingerprint, 'keyCompromise');
  expect(await owed()).toEqual([{ kind: 'revoke', fingerprint, isUrgent: true }]);
  await carryOut();
  expect(ca.told).toHaveLength(1);
  expect(await owed()).toEqual([]);
});

it('tells right after the commit, without waiting to be asked', async () => {
  await open({ atOnce: true });
  await revoke(await issued('pump-1'), 'superseded');
  await expect.poll(() => ca.told.length).toBe(1);
});

it('tells of what is urgent before what was only replaced', async () => {
  await open();
  for (const id of ['pump-1', 'pump-2', 'pump-3']) {
    await revoke(await issued(id), id === 'pump-3' ? 'keyCompromise' : 'superseded');
  }
  await carryOut();
  expect(ca.told.map(({ serial }) => serial)).toEqual(['03', '01', '02']);
});

it('tells no other authority, although its issuer has the same name and it counts from 1 too', async () => {
  await open();
  await revoke(await issued('pump-1'), 'keyCompromise');
  const other = new OutsideCa({ takesWord: true });
  await carryOut(other.authority);
  expect(other.told).toEqual([]);
  expect(told).toContain('revocation.foreign');
  expect(await owed()).toEqual([]);
});

it('tells what a former issuer of the authority has issued', async () => {
  await open();
  const fingerprint = await issued('pump-1');
  ca.rollOver();
  await revoke(fingerprint, 'keyCompromise');
  await carryOut();
  expect([...ca.revoked.keys()]).toEqual(['01']);
});

it('keeps what is owed for an authority that takes no word at the moment', async () => {
  await open();
  const fingerprint = await issued('pump-1');
  await revoke(fingerprint, 'keyCompromise');
  const { revoke: _, ...silent } = ca.authority;
  await carryOut(silent);
  expect(await owed()).toHaveLength(1);
  await carryOut();
  expect(ca.told).toHaveLength(1);
});

async function adopt(der: Uint8Array, device: string): Promise<void> {
  await operations().addDevice({ id: device, owner: 'tests' });
  const row = { file: 'a.crt', block: 1, certificate: Buffer.from(der).toString('base64'), device };
  expect(await operations().importCertificates({ text: JSON.stringify(row) })).toMatchObject({ imported: 1 });
}

it('tells of an adopted certificate of the authority whose encoding no new certificate may have', async () => {
  await open();
  const oldCa = oddCa();
  const issuer = { chain: [oldCa], notAfter: Date.now() + day } as const;
  const authority = { ...ca.authority, trust: () => ({ issuers: [issuer], roots: [oldCa] }) as const } as const;
  Object.assign(home.app, { authority });
  const { der } = oddCertificate('pump-1', { serial: integerOf(0xff) });
  await adopt(der, 'pump-1');
  await revoke(fingerprintOf(der), 'keyCompromise');
  await carryOut(authority);
  expect(ca.told.map(({ certificate }) => fingerprintOf(certificate))).toEqual([fingerprintOf(der)]);
  expect(told).not.toContain('revocation.foreign');
});

it('owes no word of a certificate that another CA has issued', async () => {
  await open();
  const now = Date.now();
  const other = new OtherCa('Somebody', now + 90 * day);
  const { der } = other.issue('pump-1', { notBefore: now - day, notAfter: now + 30 * day });
  await adopt(der, 'pump-1');
  await revoke(fingerprintOf(der), 'keyCompromise');
  expect((await operations().showCertificate({ id: fingerprintOf(der) })).certificate.state).toBe('revoked');
  expect(await owed()).toEqual([]);
});
