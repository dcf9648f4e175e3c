import { X509Certificate } from 'node:crypto';
// The inventory's sources, findings and the certificates of another CA, as a person handles them: what is printed, and the exit code.
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { certsOnly } from '../../src/pki/cms.ts';
import { derToPem } from '../../src/pki/pem.ts';
import { OtherCa } from '../pki/made.ts';
import { type Outcome, Workplace } from './harness.ts';

const hour = 3_600_000;
let place: Workplace;
const at = (name: string): string => join(place.folder, name);
const run = (...args: readonly string[]): Promise<Outcome> => place.run([...args, '--home', place.home]);

beforeAll(async () => {
  place = new Workplace();
  await place.ask('init');
  writeFileSync(
    join(place.home, 'nolapse.yaml'),
    `sources: { plant: { kind: file, path: ../plant.csv }, other: { kind: file, path: ../other.jsonl } }\n`,
  );
  writeFileSync(at('plant.csv'), 'id,owner,site,status\npump-1,water,north,\npump-2,water,north,active\n');
  writeFileSync(at('other.jsonl'), '{"id":"pump-9","owner":"power"}\n');
});
afterAll(() => place.remove());

describe('nolapse reconcile', () => {
  it('shows what would change and does nothing, exit code 1', async () => {
    expect(await run('reconcile', '--source', 'plant', '--dry-run')).toEqual({
      code: 1,
      stdout:
        '+ pump-1\n+ pump-2\nplant: 2 to add, 0 to change, 0 to decommission, 0 unchanged; nothing was done: a dry run\n',
      stderr: '',
    });
    expect(await place.ask('device', 'list')).toEqual([]);
  });

  it('does it, source by source, exit code 0; and then there is nothing to do', async () => {
    const { code, stdout } = await run('reconcile');
    expect(code).toBe(0);
    expect(stdout).toBe(
      `+ pump-1
+ pump-2
plant: 2 to add, 0 to change, 0 to decommission, 0 unchanged; done
+ pump-9
other: 1 to add, 0 to change, 0 to decommission, 0 unchanged; done
`,
    );
    expect(await place.ask('reconcile', '--source', 'plant')).toMatchObject([
      { source: 'plant', applied: true, counts: { added: 0, unchanged: 2 } },
    ]);
    expect(await place.ask('device', 'list', '--source', 'plant')).toMatchObject([{ id: 'pump-1' }, { id: 'pump-2' }]);
    expect((await run('device', 'show', 'pump-1')).stdout).toMatch(/^source +plant$/m);
  });

  it('says what a device was and is, and what is left alone', async () => {
    writeFileSync(
      at('plant.csv'),
      'id,owner,site,modes\npump-1,water,south,csr recertify\npump-2,water,north,\npump-9,water,,\n',
    );
    const { code, stdout } = await run('reconcile', '--source', 'plant');
    expect(code).toBe(1);
    expect(stdout).toBe(
      `~ pump-1  site: north -> south, modes: none -> csr,recertify
! pump-9  from source other, and in source plant too: left as it is
plant: 0 to add, 1 to change, 0 to decommission, 1 unchanged, 1 left alone; done
`,
    );
  });

  it('hands devices of one source over to another, which has to be named', async () => {
    expect(await run('reconcile', '--take-over-from', 'other')).toMatchObject({
      code: 2,
      stderr: 'nolapse: take-over-from: say with --source which source takes them over\n',
    });
    const shown = await run('reconcile', '--source', 'plant', '--take-over-from', 'other', '--dry-run');
    expect(shown).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/^~ pump-9 {2}source: other -> plant, owner: power -> water/m),
    });
  });

  it('is refused by the guard, exit code 1, until somebody accepts the loss', async () => {
    writeFileSync(at('plant.csv'), 'id,owner\npump-7,water\n');
    const refused = await run('reconcile', '--source', 'plant');
    expect(refused).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(
        /; refused: the source lacks 2 of 2 devices.*\. To apply it anyway: `nolapse reconcile --source plant --accept-loss/,
      ),
    });
    expect(await place.ask('device', 'list', '--status', 'decommissioned')).toEqual([]);
    expect((await run('source', 'list')).stdout).toMatch(
      /^plant +1h +(?:now|\S+ ago) +refused +the source lacks 2 of 2/m,
    );
    const accepted = await run('reconcile', '--source', 'plant', '--accept-loss');
    expect(accepted).toMatchObject({ code: 0, stdout: expect.stringMatching(/; done, although the source lacks/) });
    expect(await place.ask('device', 'list', '--status', 'decommissioned')).toHaveLength(2);
  });

  it('names every fault of a source, reads the others, and ends with exit code 2', async () => {
    writeFileSync(at('plant.csv'), 'id,owner\npump/7,water\npump-8,\n,water\n');
    writeFileSync(at('other.jsonl'), '{"id":"pump-9","owner":"power","site":"east"}\n');
    const { code, stdout, stderr } = await run('reconcile');
    expect(code).toBe(2);
    expect(stdout).toMatch(/^~ pump-9 {2}site: none -> east$/m);
    // Beside what was decided, which is logged.
    expect(stderr.split('\n').filter((line) => line.startsWith('nolapse: '))).toEqual([
      expect.stringMatching(/^nolapse: plant: line 2: id: not an id/),
      'nolapse: plant: line 4: id: missing',
    ]);
    expect(await run('reconcile', '--source', 'none')).toMatchObject({
      code: 2,
      stderr: 'nolapse: no source none is configured\n',
    });
  });
});

describe('nolapse finding list', () => {
  it('has nothing before anybody looked, and exit code 1 with what a fresh look finds', async () => {
    const fresh = await run('finding', 'list', '--fresh', '--kind', 'never_seen');
    expect(fresh.code).toBe(1);
    expect(fresh.stdout).toMatch(
      /^KIND +SUBJECT +SINCE +DETAIL\nnever_seen +pump-7 +\S+Z +no certificate was ever issued to it\n/,
    );
    expect((await run('finding', 'list', '--kind', 'shared_key')).code).toBe(0);
    expect(await run('finding', 'list', '--kind', 'ugly')).toMatchObject({ code: 2, stdout: '' });
  });
});

describe('nolapse cert import', () => {
  const ca = new OtherCa('Old Waterworks', Date.now() + 1_000 * hour);
  const inUse = { notBefore: Date.now() - hour, notAfter: Date.now() + 100 * hour };

  it('takes a folder of PEM and DER files, and leaves out what is none', async () => {
    const folder = at('certificates');
    mkdirSync(folder);
    await place.ask('device', 'add', 'meter-1', '--owner', 'o');
    await place.ask('device', 'add', 'meter-2', '--owner', 'o', '--cohort', 'canary');
    const [one, two] = [ca.issue('meter-1', inUse), ca.issue('meter-2', inUse)];
    writeFileSync(join(folder, 'meter-1.pem'), `meter 1\n${one.certificatePem}`);
    writeFileSync(join(folder, 'meter-2.der'), two.der);
    writeFileSync(join(folder, 'meter-1.key'), one.keyPem);
    const { code, stdout, stderr } = await run('cert', 'import', folder, '--kind', 'device');
    expect([code, stdout]).toEqual([0, '2 imported, 0 in the ledger already\n']);
    expect(stderr).toMatch(/^nolapse: 1 entries of .* are left out/);
    expect(await place.ask('cert', 'import', join(folder, 'meter-2.der'))).toEqual({ imported: 0, known: 1 });
    const [listed] = (await place.ask('cert', 'list', '--device', 'meter-2')) as { serial: string }[];
    expect(await place.ask('cert', 'list', '--state', 'revoked')).toEqual([]);
    expect(await place.ask('cert', 'list', '--state', 'active')).toContainEqual(listed);
    expect(await place.ask('cert', 'list', '--state', 'revoked', '--device', 'meter-2')).toEqual([]);
    expect((await run('cert', 'list', '--state', 'lost')).code).toBe(2);
    const shown = await run('cert', 'show', listed?.serial ?? '');
    expect(shown.stdout).toMatch(/^issued by +another CA$/m);
    expect((await run('device', 'show', 'meter-2')).stdout).toMatch(/^cohort +canary$/m);
  });

  it('takes what a PKCS#7 file holds, bare or in PEM, and says where one holds nothing', async () => {
    const folder = at('exported');
    mkdirSync(folder);
    for (const id of ['valve-1', 'valve-2', 'valve-3']) await place.ask('device', 'add', id, '--owner', 'o');
    const [one, two, three] = ['valve-1', 'valve-2', 'valve-3'].map((id) => ca.issue(id, inUse).der);
    writeFileSync(join(folder, 'a.p7b'), certsOnly([ca.der, one, two].filter((der) => der !== undefined)));
    writeFileSync(join(folder, 'b.pem'), derToPem(certsOnly([three].filter((der) => der !== undefined)), 'PKCS7'));
    expect(await place.ask('cert', 'import', folder)).toMatchObject({ imported: 3, known: 0 });
    writeFileSync(join(folder, 'c.p7b'), certsOnly([]));
    const refused = await run('cert', 'import', folder);
    expect([refused.code, refused.stderr]).toEqual([2, 'nolapse: c.p7b: it is a PKCS#7 file without a certificate\n']);
  });

  it('names every faulty file and takes none', async () => {
    const folder = at('mixed');
    mkdirSync(folder);
    await place.ask('device', 'add', 'meter-3', '--owner', 'o');
    const good = ca.issue('meter-3', inUse);
    writeFileSync(join(folder, 'a-good.pem'), good.certificatePem);
    writeFileSync(join(folder, 'b-key.pem'), `${good.certificatePem}${good.keyPem}`);
    writeFileSync(join(folder, 'c-nobody.crt'), ca.issue('meter-99', inUse).certificatePem);
    writeFileSync(join(folder, 'd-text.der'), 'hello');
    // The reading of it would never end.
    symlinkSync('/dev/zero', join(folder, 'e-device.pem'));
    const { code, stdout, stderr } = await run('cert', 'import', folder);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr.trim().split('\n')).toEqual([
      'nolapse: b-key.pem: it contains something that is not a PEM certificate: a key, or a broken block',
      'nolapse: c-nobody.crt: it names meter-99, which is not in the inventory',
      expect.stringMatching(/^nolapse: d-text\.der: it is no X\.509 certificate/),
      'nolapse: e-device.pem: it is not a file',
    ]);
    expect(await place.ask('cert', 'list', '--device', 'meter-3')).toEqual([]);
    expect(await run('cert', 'import', at('nowhere'))).toMatchObject({
      code: 2,
      stderr: `nolapse: ${at('nowhere')} cannot be read: ENOENT\n`,
    });
  });

  it('takes whose each certificate is from a map, and names what is wrong with that by its line', async () => {
    const folder = at('unnamed');
    mkdirSync(folder);
    for (const id of ['meter-10', 'meter-11']) await place.ask('device', 'add', id, '--owner', 'o');
    const [one, two] = [ca.issue('AWS IoT Certificate', inUse), ca.issue('Meter 11', inUse)];
    writeFileSync(join(folder, 'both.pem'), one.certificatePem + two.certificatePem);
    const fingerprint = new X509Certificate(one.der).fingerprint256;
    const map = at('map.csv');
    const importing = (rows: string) => {
      writeFileSync(map, rows);
      return run('cert', 'import', folder, '--map', map);
    };
    const bad = [
      'fingerprint,id',
      'abc,meter-10',
      `${fingerprint},meter-10`,
      `${fingerprint},meter-11`,
      `${fingerprint},meter 12`,
      ',meter-10',
    ];
    const refused = await importing(bad.join('\n'));
    expect(refused.code).toBe(2);
    expect(refused.stderr.trim().split('\n')).toEqual([
      expect.stringContaining('line 2: the fingerprint is no SHA-256'),
      expect.stringContaining('line 4: contradicts line 3: meter-10'),
      expect.stringContaining('line 5: "meter 12" is no id'),
      expect.stringContaining('line 6: neither a fingerprint nor a subject'),
    ]);
    expect((await importing('name,owner\na,b')).stderr).toContain('the header must have the column id');
    const unknown = await importing(`subject,id\n"O=Devices, CN=Meter 11",meter-11\nCN=nobody,meter-10`);
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).toContain(
      'both.pem, certificate 1: it names "AWS IoT Certificate", which is not a valid id: say whose it is with --map',
    );
    expect(unknown.stderr).toContain('line 3 of the map (meter-10) fits no certificate');
    const done = await importing(
      `fingerprint,subject,id\n${fingerprint},,meter-10\n,"O=Devices, CN=Meter 11",meter-11`,
    );
    expect(done).toMatchObject({ code: 0, stdout: '2 imported, 0 in the ledger already\n' });
    expect(await place.ask('cert', 'list', '--device', 'meter-11')).toHaveLength(1);
    // What the ledger knows by now is not given to another device.
    const moved = await importing(`fingerprint,id\n${fingerprint},meter-11\n`);
    expect(moved.code).toBe(2);
    expect(moved.stderr).toContain(
      'certificate 1: it is mapped by line 2 to meter-11, but the ledger has it as meter-10',
    );
  });

  it('counts the certificates of CAs it passes over, and names those that issued none of the others', async () => {
    await place.ask('device', 'add', 'meter-14', '--owner', 'o');
    const other = new OtherCa('Another', Date.now() + 1_000 * hour);
    const bundle = [ca.issue('meter-14', inUse).der, ca.der, other.der].map((der) => derToPem(der, 'CERTIFICATE'));
    writeFileSync(at('bundle.pem'), `${'-'.repeat(60)}\n${bundle.join('----- next -----\n')}`);
    const { code, stdout } = await run('cert', 'import', at('bundle.pem'));
    expect(code).toBe(0);
    expect(stdout.trim().split('\n')).toEqual([
      '1 imported, 0 in the ledger already, 2 of CAs passed over',
      "certificates of CAs that issued none of the others: 1; if one is a device's, name the device with --map",
      expect.stringMatching(
        /^passed over: bundle\.pem, certificate 3: "O=Another,CN=Another CA", a self-signed CA, SHA-256 /,
      ),
    ]);
    const { passedOver } = (await place.ask('cert', 'import', at('bundle.pem'))) as { passedOver: { count: number } };
    expect(passedOver.count).toBe(2);
  });

  it('takes no map for several certificates of one subject', async () => {
    const folder = at('alike');
    mkdirSync(folder);
    await place.ask('device', 'add', 'meter-12', '--owner', 'o');
    const alike = [ca.issue('Alike', inUse), ca.issue('Alike', inUse)];
    writeFileSync(join(folder, 'alike.pem'), alike.map(({ certificatePem }) => certificatePem).join(''));
    writeFileSync(at('alike.csv'), 'subject,id\nAlike,meter-12\n');
    const { code, stderr } = await run('cert', 'import', folder, '--map', at('alike.csv'), '--skip-faulty');
    expect([code, stderr]).toEqual([1, '']);
    expect(await place.ask('cert', 'list', '--device', 'meter-12')).toEqual([]);
  });

  it('takes the good ones of a bundle with --skip-faulty, lists the rest, and says 1', async () => {
    await place.ask('device', 'add', 'meter-13', '--owner', 'o');
    const good = ca.issue('meter-13', inUse);
    writeFileSync(at('mixed.pem'), good.keyPem + ca.issue('meter-98', inUse).certificatePem + good.certificatePem);
    const { code, stdout } = await run('cert', 'import', at('mixed.pem'), '--skip-faulty');
    expect(stdout.trim().split('\n')).toEqual([
      '1 imported, 0 in the ledger already, 2 left out',
      'left out: mixed.pem, certificate 1: it contains something that is not a PEM certificate: a key, or a broken block',
      'left out: mixed.pem, certificate 2: it names meter-98, which is not in the inventory',
    ]);
    expect(code).toBe(1);
    expect(await place.ask('cert', 'list', '--device', 'meter-13')).toHaveLength(1);
  });
});
