// The shell client is cut off at every message and every rename and run again: it completes its renewal with the key and the bytes it had kept.
import { spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Operations } from '../../src/app/operations.ts';
import { publishBytes } from '../../src/domain/packet.ts';
import { inTurns, operationsOf } from './device-program.ts';
import { type GatewayProcess, startProcess } from './gateway-process.ts';
import { missing } from './missing.ts';

const script = resolve('examples/shell/renew.sh');
const clients = ['mosquitto_pub', 'mosquitto_sub'];
const standIns = [...clients, 'mv'];

describe.skipIf(missing(...clients, 'openssl'))('the shell client, cut off', () => {
  let gateway: GatewayProcess;
  let operations: Operations;
  let bin: string;

  beforeAll(async () => {
    gateway = await startProcess('');
    operations = await operationsOf(gateway);
    bin = join(gateway.place.folder, 'bin');
    mkdirSync(bin);
    const path = (process.env['PATH'] ?? '').split(delimiter);
    for (const name of standIns) {
      const real = path.map((folder) => join(folder, name)).find((file) => existsSync(file));
      const standIn = resolve(import.meta.dirname, 'cut-off.mjs');
      writeFileSync(join(bin, name), `#!/bin/sh\nexec "${process.execPath}" "${standIn}" "${real}" "$@"\n`);
      chmodSync(join(bin, name), 0o755);
    }
  });
  afterAll(() => gateway?.remove());

  const folderOf = (id: string): string => join(gateway.place.folder, id);
  const countOf = (id: string): string => join(gateway.place.folder, `${id}.count`);

  /** A device that was seen once and whose renewal is due, with its files in PEM. */
  async function dueDevice(id: string): Promise<void> {
    await operations.addDevice({ id, owner: 'tests' });
    const issued = await operations.issueDevice({ id });
    mkdirSync(folderOf(id));
    const files = { [`${id}.crt`]: issued.certificatePem, [`${id}.key`]: issued.keyPem, 'ca.crt': issued.rootPem };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folderOf(id), name), text, { mode: 0o600 });
    const pair = ['--cert', `${id}.crt`, '--key', `${id}.key`, '--cafile', 'ca.crt'];
    const message = ['-i', id, '-t', `devices/${id}/reading`, '-m', '42', '-q', '1'];
    const child = spawn('mosquitto_pub', ['-h', 'localhost', '-p', String(gateway.mqttPort), ...pair, ...message], {
      cwd: folderOf(id),
    });
    await new Promise((done) => child.once('close', done));
    await operations.runRenewal({ device: id });
  }

  /** Runs the script in a process group of its own; null when it was killed. */
  function renew(id: string, cutAfter: number): Promise<{ code: number | null; said: string }> {
    const env = {
      ...process.env,
      PATH: `${bin}${delimiter}${process.env['PATH']}`,
      CUT_AFTER: String(cutAfter),
      CUT_COUNT: countOf(id),
    };
    writeFileSync(countOf(id), '');
    const args = [script, 'localhost', String(gateway.mqttPort), id, folderOf(id), '8'];
    const child = spawn('sh', args, { env, detached: true, stdio: ['ignore', 'pipe', 'pipe'], timeout: 60_000 });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (data: Buffer) => {
        said += data.toString();
      });
    }
    return new Promise((settle, reject) => {
      child.once('error', reject);
      child.once('close', (code) => settle({ code, said }));
    });
  }

  async function expectRenewed(id: string): Promise<void> {
    const [renewal] = await operations.listRenewals({ device: id });
    expect(renewal?.state).toBe('activated');
    const certificate = new X509Certificate(readFileSync(join(folderOf(id), `${id}.crt`)));
    expect(certificate.fingerprint256.replaceAll(':', '').toLowerCase()).toBe(renewal?.newFingerprint);
    const left = readdirSync(folderOf(id)).sort();
    expect(left).toEqual(['ca.crt', `${id}.crt`, `${id}.crt.old`, `${id}.key`, `${id}.key.old`]);
  }

  it('completes after being cut off at any message and any rename', async () => {
    await dueDevice('s-0');
    const whole = await renew('s-0', 0);
    expect(whole.code, whole.said).toBe(0);
    await expectRenewed('s-0');
    const heard = readFileSync(`${countOf('s-0')}.heard`, 'utf8')
      .trimEnd()
      .split('\n');
    const packets = heard.map((line) => {
      const topic = line.slice(0, line.indexOf(' '));
      return { word: topic.split('/').at(-1), bytes: publishBytes(topic, line.length - topic.length - 1) };
    });
    expect(packets.filter(({ word }) => word === 'part')).toHaveLength(3);
    expect(packets.filter(({ bytes }) => bytes > 512)).toEqual([]);
    const messages = statSync(countOf('s-0')).size;
    expect(messages).toBeGreaterThanOrEqual(10);
    const numbers = Array.from({ length: messages }, (_, at) => at + 1);
    let cuts = 0;
    await inTurns(numbers, 6, async (number) => {
      const id = `s-${number}`;
      await dueDevice(id);
      const cut = await renew(id, number);
      // How often an offer is repeated is a matter of time: a run may have had a message less than the first.
      if (cut.code === 0) expect(statSync(countOf(id)).size).toBeLessThan(number);
      else expect(cut.code, `${number}: ${cut.said}`).toBeNull();
      cuts += cut.code === null ? 1 : 0;
      if (cut.code === 0) return expectRenewed(id);
      const after = await renew(id, 0);
      expect(after.code, `${number}: ${cut.said}${after.said}`).toBe(0);
      await expectRenewed(id);
    });
    expect(cuts).toBeGreaterThanOrEqual(10);
  }, 300_000);
});
