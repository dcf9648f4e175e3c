// A shell, mosquitto's clients and openssl carry one whole renewal through against a broker in its own process.
import { execFile, spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { copyFileSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { escapeName } from '../../src/domain/escape.ts';
import { missing } from './missing.ts';
import { type GatewayProcess, startProcess } from './nolapse-process.ts';

// With a colon and an @ in it: its files are named otherwise than itself.
const id = '00:1A:2b@north';
const file = escapeName(id);
const script = resolve('examples/shell/renew.sh');
// Nobody answers the renewal that follows, and nobody is to be alerted of that.
const classes =
  'classes: { default: { lifetime: 60s, renewAt: 10%, overlap: 8s, grace: 60s, overdueAfter: 60s, expiryWarning: 1s, expiryAlarm: 1s } }\ncrl: { interval: 1s }';
const run = promisify(execFile);

let gateway: GatewayProcess;
let folder: string;
let said: string;

beforeAll(async () => {
  gateway = await startProcess(classes);
  folder = join(gateway.place.folder, 'device');
  await gateway.place.ask('device', 'add', id, '--owner', 'tests');
  await gateway.place.ask('device', 'issue', id, '--out', folder);
});
afterAll(() => gateway?.remove());

/** Publishes with mosquitto_pub and this pair of files. @returns its exit code and what it said. */
function publish(pair: string): Promise<{ code: number | null; said: string }> {
  const files = ['--cafile', 'ca.crt', '--cert', `${pair}.crt`, '--key', `${pair}.key`];
  const message = ['-i', id, '-t', `devices/${id}/reading`, '-m', '42', '-q', '1'];
  const args = ['-h', 'localhost', '-p', String(gateway.mqttPort), ...files, ...message];
  return new Promise((settle, reject) => {
    const child = spawn('mosquitto_pub', args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (data: Buffer) => {
        text += data.toString();
      });
    }
    child.once('error', reject);
    child.once('close', (code) => settle({ code, said: text }));
  });
}

async function renewal(): Promise<{ id: string; state: string; lapsedAt: number | null }> {
  const list = (await gateway.place.ask('renewal', 'list', '--device', id)) as Awaited<ReturnType<typeof renewal>>[];
  const first = list.at(-1);
  if (!first) throw new Error('there is no renewal');
  return first;
}

describe.skipIf(missing('mosquitto_pub', 'mosquitto_sub', 'openssl'))('a device of shell and mosquitto', () => {
  it('is admitted with its first certificate, and refused without one or under another name', async () => {
    expect(await publish(file)).toEqual({ code: 0, said: '' });
    const stranger = ['-h', 'localhost', '-p', String(gateway.mqttPort), '--cafile', join(folder, 'ca.crt')];
    const message = ['-t', 't', '-m', 'm'];
    await expect(run('mosquitto_pub', [...stranger, ...message, '-i', id])).rejects.toThrow(/not authorised/i);
    const own = ['--cert', join(folder, `${file}.crt`), '--key', join(folder, `${file}.key`)];
    await expect(run('mosquitto_pub', [...stranger, ...own, ...message, '-i', 'meter-2'])).rejects.toThrow(
      /not authorised|identifier/i,
    );
  });

  it('says hello, takes the offer, requests, installs, acknowledges and reconnects', async () => {
    ({ stdout: said } = await run('sh', [script, 'localhost', String(gateway.mqttPort), id, folder]));
    expect(said.split('\n').map((line) => line[0])).toEqual(['1', '2', '3', '4', '5', undefined]);
    await gateway.log.until('renewal.confirmed');
    const steps = ['due', 'offered', 'requested', 'issued', 'delivered', 'installed', 'activated', 'confirmed'];
    const told = gateway.log.lines
      .map((line) => line['event.action'])
      .filter((action) => action?.startsWith('renewal.'))
      // An offer that falls due while the device asks for it comes twice.
      .filter((action, at, all) => action !== all[at - 1]);
    expect(told.slice(0, steps.length)).toEqual(steps.map((step) => `renewal.${step}`));
    expect((await renewal()).state).toBe('activated');
  });

  it('has both certificates admitted while they overlap', async () => {
    for (const ending of ['crt', 'key'])
      copyFileSync(join(folder, `${file}.${ending}.old`), join(folder, `old.${ending}`));
    const [old, current] = ['old.crt', `${file}.crt`].map(
      (name) => new X509Certificate(readFileSync(join(folder, name))),
    );
    expect(old?.fingerprint256).not.toBe(current?.fingerprint256);
    expect(old?.publicKey.equals(current?.publicKey ?? old.publicKey)).toBe(false);
    expect(await publish('old')).toEqual({ code: 0, said: '' });
    expect(await publish(file)).toEqual({ code: 0, said: '' });
  });

  it('has the old certificate refused once overlap has ended, and goes on with the new one', async () => {
    await gateway.log.until('renewal.retired');
    const refused = await publish('old');
    expect(refused.code).not.toBe(0);
    expect(refused.said).toMatch(/connection was refused/i);
    await gateway.log.until('alert.raised', { 'event.reason': 'retired_credential_in_use' });
    expect(gateway.log.count('admission.refused', { 'event.reason': 'retired' })).toBe(1);
    expect(gateway.log.count('alert.raised', { 'event.reason': 'retired_credential_in_use' })).toBe(1);
    expect(await publish(file)).toEqual({ code: 0, said: '' });
    expect(await renewal()).toMatchObject({ state: 'retired', lapsedAt: null });
  });

  it('finds the old certificate on the revocation list, and the new one good, with openssl', async () => {
    await gateway.log.until('crl.published', { 'nolapse.crl.entries': 1 });
    const response = await fetch(`http://127.0.0.1:${gateway.httpPort}/crl/issuing.crl`);
    writeFileSync(join(folder, 'issuing.crl'), new Uint8Array(await response.arrayBuffer()));
    await run('openssl', ['crl', '-inform', 'DER', '-in', 'issuing.crl', '-out', 'crl.pem'], { cwd: folder });
    const chain = ['-CAfile', 'ca.crt', '-untrusted', `${file}-chain.crt`, '-CRLfile', 'crl.pem', '-crl_check'];
    const verify = (name: string) =>
      run('openssl', ['verify', '-x509_strict', '-purpose', 'sslclient', ...chain, name], { cwd: folder });
    expect((await verify(`${file}.crt`)).stdout).toBe(`${file}.crt: OK\n`);
    await expect(verify('old.crt')).rejects.toThrow(/certificate revoked/);
  });

  it('leaves nothing of its work behind but the replaced pair', async () => {
    const made = ['issuing.crl', 'crl.pem', 'old.crt', 'old.key'];
    const files = readdirSync(folder).filter((name) => !made.includes(name));
    expect(files.sort()).toEqual(
      ['ca.crt', ...['-chain.crt', '.crt', '.crt.old', '.key', '.key.old'].map((ending) => file + ending)].sort(),
    );
    for (const key of files.filter((name) => name.includes('.key'))) {
      expect(statSync(join(folder, key)).mode & 0o077).toBe(0);
    }
    const doctor = async () => {
      const { code, stdout } = await gateway.place.run(['doctor', '--home', gateway.place.home, '-o', 'json']);
      const found = JSON.parse(stdout) as { level: string; subject: string; detail: string }[];
      return {
        code,
        found: found.filter(({ level }) => level !== 'ok').map(({ subject, detail }) => `${subject}: ${detail}`),
      };
    };
    // Somebody presented the old certificate: the doctor points to that and to nothing else, until somebody has seen to it.
    expect(await doctor()).toEqual({
      code: 1,
      found: [expect.stringMatching(/^alerts: open: 1 critical, 0 warning; /)],
    });
    await gateway.place.ask('alert', 'clear', 'retired_credential_in_use', id);
    expect(await doctor()).toEqual({ code: 0, found: [] });
    expect(await gateway.stop()).toBe(0);
  });
});
