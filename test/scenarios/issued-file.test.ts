// A home restored from a backup and the file of issued certificates: what was issued after the backup is admitted, what was revoked after
// it stays refused and is in the CRL, and a file that is forged, cut off or has gaps is refused. A file that cannot be written stops nothing.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { backUp } from '../../src/home/backup.ts';
import { restoreHome } from '../../src/home/restore.ts';
import { readCrl } from '../../src/pki/crl.ts';
import { pemToDer } from '../../src/pki/pem.ts';
import { type Credentials, connackOf, type House, openHouse } from './harness.ts';

let house: House;
let folder: string;
let backup: string;
let issued: string;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'nolapse-issued-'));
  backup = join(folder, 'backup');
  issued = join(folder, 'disk', 'issued.jsonl');
  mkdirSync(join(folder, 'disk'));
  house = await openHouse({ yaml: `issued: { file: ${issued} }` });
});
afterEach(async () => {
  await house.close();
  rmSync(folder, { recursive: true, force: true });
});

const operations = () => house.gateway.operations;
const bare = ({ certificatePem, keyPem }: Credentials): Credentials => ({ certificatePem, keyPem });
const copyLedger = (input: { readonly file: string }) => operations().copyLedger(input);
const make = () => backUp({ home: house.home, file: backup, replace: true, copyLedger });
const lines = () => readFileSync(issued, 'utf8').split('\n').filter(Boolean);
const standing = () => operations().listAlerts({ kind: 'issued_unwritable', open: true });

async function restore(more: { readonly withGaps?: boolean; readonly from?: string } = {}) {
  const { withGaps = false, from = issued } = more;
  const crlShardBase = 'http://localhost/crl/';
  let view: Awaited<ReturnType<typeof restoreHome>> | null = null;
  const home = join(folder, 'restored');
  try {
    view = await restoreHome({ home, file: backup, issued: [from], withGaps, crlShardBase, isElsewhere: false });
  } catch (error) {
    expect(readdirSync(home)).toEqual([]);
    throw error;
  }
  return { home, view };
}

/** Goes on with the restored home in place of the one that was lost. */
async function goOn(): Promise<void> {
  await house.restart(async () => {
    const { home } = await restore();
    for (const name of ['nolapse.db', 'nolapse.db-wal']) rmSync(join(house.home, name), { force: true });
    writeFileSync(join(house.home, 'nolapse.db'), readFileSync(join(home, 'nolapse.db')), { mode: 0o600 });
  });
}

async function revokedSerials(): Promise<string[]> {
  const { file } = await operations().crl();
  const issuing = pemToDer(readFileSync(join(house.home, 'pki', 'issuing.crt'), 'utf8'), 'CERTIFICATE')?.[0];
  return readCrl(readFileSync(file), issuing ?? new Uint8Array()).revoked.map(({ serial }) => serial);
}

it('admits what was issued after the backup, and never again what was revoked, retired or quarantined after it', async () => {
  const kept = bare(await house.device('kept'));
  const stolen = await house.device('stolen');
  const held = bare(await house.device('held'));
  const gone = bare(await house.device('gone'));
  for (const [each, id] of [
    [kept, 'kept'],
    [bare(stolen), 'stolen'],
    [held, 'held'],
  ] as const)
    expect(await connackOf(house, each, id)).toBe(0);
  await make();
  const newer = bare(await operations().issueDevice({ id: 'kept' }));
  const late = bare(await house.device('late'));
  const both = await house.device('both');
  expect(await connackOf(house, newer, 'kept')).toBe(0);
  await operations().revokeCertificate({ id: stolen.certificate.serial, reason: 'keyCompromise' });
  await operations().revokeCertificate({ id: both.certificate.serial, reason: 'keyCompromise' });
  await operations().quarantineDevice({ id: 'held' });
  await operations().decommissionDevice({ id: 'gone' });
  await goOn();
  expect(await connackOf(house, newer, 'kept')).toBe(0);
  expect(await connackOf(house, late, 'late')).toBe(0);
  for (const [each, id] of [
    [bare(stolen), 'stolen'],
    [bare(both), 'both'],
    [held, 'held'],
    [gone, 'gone'],
  ] as const)
    expect(await connackOf(house, each, id), id).toBe(5);
  const serials = [stolen, both].map(({ certificate }) => certificate.serial);
  await expect.poll(revokedSerials).toEqual(expect.arrayContaining(serials));
  const shown = await operations().showDevice({ id: 'kept' });
  expect(shown.certificates.map(({ state }) => state)).toEqual(['active', 'superseded']);
  expect(shown.certificates[0]?.renewAt ?? shown.renewals[0]).toBeTruthy();
});

it('has each certificate on its disk, readable by its owner alone, before anybody has it', async () => {
  const { certificate } = await house.device('first');
  expect(statSync(issued).mode & 0o777).toBe(0o600);
  const [line] = lines().map((each) => JSON.parse(each) as { change: string; certificate: { fingerprint: string } });
  expect(line).toMatchObject({
    change: 'issued',
    certificate: { fingerprint: certificate.fingerprint, principal: 'first', der: expect.any(String) },
    principal: { id: 'first' },
  });
  // Moved away, as a rotation does, it is begun anew.
  rmSync(issued);
  await house.device('second');
  expect(lines()).toHaveLength(1);
});

it('refuses a file in which something is missing, forged or of another ledger', async () => {
  await house.device('first');
  await make();
  for (const id of ['second', 'third', 'fourth']) await house.device(id);
  await house.restart();
  const text = readFileSync(issued, 'utf8');
  const all = lines();
  const place = join(folder, 'changed');
  const write = (each: readonly string[]) => writeFileSync(place, each.map((line) => `${line}\n`).join(''));
  const refused = expect.objectContaining({ code: 'issued_incomplete' });
  for (const change of [
    () => write(all.filter((_line, at) => at !== 2)),
    () => write(all.map((line, at) => (at === 2 ? line.replace('"third"', '"tenth"') : line))),
    () => write(all.map((line, at) => (at === all.length - 1 ? line.replace('issued', 'active') : line))),
    () => writeFileSync(place, text.slice(0, -40)),
    () => write(all.slice(2)),
    () => write(['{"n":1}', 'nonsense']),
  ]) {
    change();
    await expect(restore({ from: place })).rejects.toEqual(refused);
  }
  // A line that a crash cut off is written again after it.
  write([...all.slice(0, 2), all[2]?.slice(0, 50) ?? '', ...all.slice(2)]);
  const { home, view } = await restore({ from: place });
  expect(view?.applied).toMatchObject({ certificates: 3, faults: [] });
  rmSync(home, { recursive: true });
  write(all.filter((_line, at) => at !== 2));
  expect((await restore({ from: place, withGaps: true })).view?.applied).toMatchObject({ certificates: 2 });
});

it('goes on issuing while its disk takes nothing, alerts of it, and then records what it missed', async () => {
  rmSync(join(folder, 'disk'), { recursive: true });
  const missed = bare(await house.device('missed'));
  expect(await connackOf(house, missed, 'missed')).toBe(0);
  await expect.poll(standing).toMatchObject([{ severity: 'warning', detail: expect.stringContaining('ENOENT') }]);
  mkdirSync(join(folder, 'disk'));
  await expect.poll(standing).toEqual([]);
  expect(lines().map((line) => JSON.parse(line).certificate.principal)).toContain('missed');
});
