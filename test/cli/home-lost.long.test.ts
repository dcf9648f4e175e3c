// A home that is somebody else's at the moment, is open to others, or has lost a part: nothing is made up for what is missing,
// and who only reads changes nothing.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSqlite } from '../../src/store/sqlite/sqlite.ts';
import { Workplace } from './harness.ts';

let place: Workplace;
let pki: string;
let ledger: string;
beforeEach(() => {
  place = new Workplace();
  pki = join(place.home, 'pki');
  ledger = join(place.home, 'nolapse.db');
});
afterEach(() => place.remove());

const run = (...args: readonly string[]) => place.run([...args, '--home', place.home]);
const anyPorts = { NOLAPSE_MQTT_PORT: '0', NOLAPSE_HTTP_PORT: '0' };
const contentOf = (folder: string) =>
  readdirSync(folder)
    .sort()
    .map((name) => [name, readFileSync(join(folder, name), 'latin1')]);

describe('two at work on one home', () => {
  it('make nothing while another has its ledger', async () => {
    mkdirSync(place.home);
    const other = openSqlite(ledger);
    other.pragma('locking_mode = EXCLUSIVE');
    other.exec('CREATE TABLE t (x)');
    for (const command of ['init', 'start']) {
      const outcome = await place.run([command, '--home', place.home], { env: anyPorts });
      expect(outcome).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(/^nolapse: .*in use.*\n$/) });
    }
    expect(existsSync(pki)).toBe(false);
    other.close();
  });

  it('make one PKI between them, whose parts belong together', async () => {
    const outcomes = await Promise.all(Array.from({ length: 5 }, () => run('init')));
    const codes = outcomes.map(({ code }) => code);
    expect(codes).toContain(0);
    expect(codes.filter((code) => code !== 0 && code !== 2)).toEqual([]);
    for (const name of ['root', 'issuing', 'server']) {
      const certificate = new X509Certificate(readFileSync(join(pki, `${name}.crt`)));
      expect(certificate.checkPrivateKey(createPrivateKey(readFileSync(join(pki, `${name}.key`)))), name).toBe(true);
    }
    expect((await run('doctor')).code).toBe(0);
  });
});

describe('a home without its ledger', () => {
  it.each([
    ['lost', (path: string) => rmSync(path)],
    ['empty', (path: string) => writeFileSync(path, '')],
  ])('is not used, nor filled, when it is %s, unless somebody says so', async (_what, lose) => {
    await place.ask('init');
    await place.ask('device', 'add', 'pump-1', '--owner', 'o');
    const before = contentOf(pki);
    lose(ledger);
    for (const command of [['device', 'list'], ['init'], ['start'], ['doctor']]) {
      const { code, stdout, stderr } = await place.run([...command, '--home', place.home], { env: anyPorts });
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toMatch(/^nolapse: .*nolapse\.db is not: restore it.*--new-ledger\n$/);
      expect(existsSync(ledger) && statSync(ledger).size > 0).toBe(false);
    }
    const begun = await run('init', '--new-ledger');
    expect(begun).toMatchObject({ code: 0, stderr: '' });
    expect(await place.ask('device', 'list')).toEqual([]);
    expect(contentOf(pki)).toEqual(before);
    // Asked for again, it does no harm.
    await place.ask('device', 'add', 'pump-2', '--owner', 'o');
    expect(await run('init', '--new-ledger')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('made before'),
    });
    expect(await place.ask('device', 'list')).toMatchObject([{ id: 'pump-2' }]);
  });

  it('and without a PKI is no home, and does not become one by being looked at', async () => {
    mkdirSync(place.home);
    const { code, stderr } = await run('device', 'list');
    expect(code).toBe(2);
    expect(stderr).toContain(`${place.home} is not a home yet: nolapse init --home ${place.home}`);
    expect(readdirSync(place.home)).toEqual([]);
  });
});

describe('a home without its PKI', () => {
  it('gets no other one while its ledger knows certificates', async () => {
    await place.ask('init');
    rmSync(pki, { recursive: true });
    // Nobody depends on it yet.
    await place.ask('init');
    await place.ask('device', 'add', 'pump-1', '--owner', 'o');
    await place.ask('device', 'issue', 'pump-1', '--out', place.folder);
    rmSync(pki, { recursive: true });
    for (const command of ['init', 'start']) {
      const { code, stderr } = await place.run([command, '--home', place.home], { env: anyPorts });
      expect(code).toBe(2);
      expect(stderr).toMatch(/^nolapse: the ledger knows certificates, and .*no CA: restore it.*\n$/);
      expect(existsSync(pki)).toBe(false);
    }
  });
});

describe('who only reads', () => {
  it('leaves the server its key and certificate, whatever configuration it reads with', async () => {
    await place.ask('init');
    const before = contentOf(pki);
    const other = join(place.folder, 'other.yaml');
    writeFileSync(other, 'server: { names: [elsewhere.example.net] }\nhttp: { port: 9999 }\n');
    for (const command of [['device', 'list'], ['doctor'], ['crl']]) {
      expect((await run(...command, '--config', other)).code).toBe(0);
      expect(contentOf(pki)).toEqual(before);
    }
    expect((await run('init', '--config', other)).code).toBe(0);
    const server = new X509Certificate(readFileSync(join(pki, 'server.crt')));
    expect(server.subjectAltName).toBe('DNS:elsewhere.example.net');
  });

  it('is told of a server certificate that is gone, and does not make it', async () => {
    await place.ask('init');
    rmSync(join(pki, 'server.crt'));
    const { code, stdout } = await run('doctor');
    expect(code).toBe(1);
    expect(stdout).toMatch(/^critical +server certificate +/m);
    expect(existsSync(join(pki, 'server.crt'))).toBe(false);
  });
});

describe('a home that is there', () => {
  it('is closed to others, by those who make it', async () => {
    mkdirSync(place.home);
    chmodSync(place.home, 0o755);
    expect(await run('init')).toMatchObject({ code: 0, stderr: '' });
    expect(statSync(place.home).mode & 0o777).toBe(0o700);
  });
});

describe('bootstrap anchors', () => {
  it('that could introduce nobody are faults of the configuration, each with its key and file', async () => {
    await place.ask('init');
    await place.ask('device', 'add', 'pump-1', '--owner', 'o');
    await place.ask('device', 'issue', 'pump-1', '--out', place.folder);
    const der = new X509Certificate(readFileSync(join(pki, 'root.crt'))).raw;
    const files: Record<string, string | Buffer> = {
      'good.der': der,
      'good.pem': readFileSync(join(pki, 'root.crt')),
      'garbage.crt': 'certainly not a certificate',
      'torn.der': der.subarray(0, 100),
      'leaf.pem':
        readFileSync(join(place.folder, 'pump-1.crt'), 'utf8').split(/(?<=-----END CERTIFICATE-----\n)/)[0] ?? '',
      'key.pem': readFileSync(join(place.folder, 'pump-1.key')),
      'empty.pem': '',
    };
    for (const [name, content] of Object.entries(files)) writeFileSync(join(place.folder, name), content);
    const all = [...Object.keys(files), 'nowhere.pem', '.'];
    const file = join(place.folder, 'anchors.yaml');
    writeFileSync(file, `bootstrap: { anchors: [${all.join(', ')}] }\n`);
    for (const command of ['init', 'start']) {
      const { code, stderr } = await place.run([command, '--home', place.home, '--config', file], { env: anyPorts });
      expect(code).toBe(2);
      const faults = stderr.trimEnd().split('\n');
      expect(faults.map((line) => /^nolapse: bootstrap\.anchors\.(\d+): /.exec(line)?.[1])).toEqual(
        [2, 3, 4, 5, 6, 7, 8].map(String),
      );
      expect(faults[0]).toContain(join(place.folder, 'garbage.crt'));
      expect(faults[5]).toContain(`${join(place.folder, 'nowhere.pem')} cannot be read: ENOENT`);
    }
    writeFileSync(file, 'bootstrap: { anchors: [good.der, good.pem] }\n');
    expect((await run('init', '--config', file)).code).toBe(0);
  });
});
