// A device whose firmware is the shell client: its folder with its files in PEM, and runs of the script.
import { spawn } from 'node:child_process';
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect } from 'vitest';
import type { Operations } from '../../src/app/operator/operate.ts';
import type { Run } from './device-program.ts';
import type { GatewayProcess } from './nolapse-process.ts';

const script = resolve('examples/shell/renew.sh');
/** How long it waits for an answer. */
const patienceSeconds = 8;

export class ShellDevice {
  readonly #gateway: GatewayProcess;
  readonly #operations: Operations;
  readonly id: string;
  readonly folder: string;
  /** The certificate it left the factory with, in DER. */
  readonly first: Buffer;

  private constructor(gateway: GatewayProcess, operations: Operations, id: string, first: Buffer) {
    this.#gateway = gateway;
    this.#operations = operations;
    this.id = id;
    this.first = first;
    this.folder = join(gateway.place.folder, id);
  }

  /** A device that was seen once, by publishing a reading. */
  static async make(gateway: GatewayProcess, operations: Operations, id: string): Promise<ShellDevice> {
    await operations.addDevice({ id, owner: 'tests' });
    const issued = await operations.issueDevice({ id });
    const device = new ShellDevice(gateway, operations, id, new X509Certificate(issued.certificatePem).raw);
    mkdirSync(device.folder);
    const files = { [`${id}.crt`]: issued.certificatePem, [`${id}.key`]: issued.keyPem, 'ca.crt': issued.rootPem };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(device.folder, name), text, { mode: 0o600 });
    const pair = ['--cert', `${id}.crt`, '--key', `${id}.key`, '--cafile', 'ca.crt'];
    const message = ['-i', id, '-t', `devices/${id}/reading`, '-m', '42', '-q', '1'];
    const child = spawn('mosquitto_pub', ['-h', 'localhost', '-p', String(gateway.mqttPort), ...pair, ...message], {
      cwd: device.folder,
    });
    await new Promise((done) => child.once('close', done));
    return device;
  }

  /** Makes its renewal due. */
  async due(): Promise<this> {
    await this.#operations.runRenewal({ device: this.id });
    return this;
  }

  async renewal() {
    const [renewal] = await this.#operations.listRenewals({ device: this.id });
    return renewal;
  }

  /** Runs the script in a process group of its own; the code is null when it was killed. `port`: another way than the direct one. */
  run(env: NodeJS.ProcessEnv = process.env, port = this.#gateway.mqttPort): Promise<Run> {
    const args = [script, 'localhost', String(port), this.id, this.folder, String(patienceSeconds)];
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

  /** All keys in its files. */
  keys(): KeyObject[] {
    const folders = [this.folder, join(this.folder, 'renewal')].filter((folder) => existsSync(folder));
    const files = folders.flatMap((folder) =>
      readdirSync(folder).flatMap((name) => (/\.(key|pem)(\.old)?$/.test(name) ? [join(folder, name)] : [])),
    );
    return files.flatMap((file) => {
      const [pem] =
        /-----BEGIN (?:EC )?PRIVATE KEY-----[^-]+-----END (?:EC )?PRIVATE KEY-----/.exec(readFileSync(file, 'utf8')) ??
        [];
      return pem ? [createPrivateKey(pem)] : [];
    });
  }

  /** Its renewal is complete, its pair of files is the replacement, and of the work nothing is left. */
  async expectRenewed(said = ''): Promise<void> {
    const renewal = await this.renewal();
    expect(renewal?.state, said).toBe('activated');
    const certificate = new X509Certificate(readFileSync(join(this.folder, `${this.id}.crt`)));
    expect(certificate.fingerprint256.replaceAll(':', '').toLowerCase()).toBe(renewal?.newFingerprint);
    const endings = ['.crt', '.crt.old', '.key', '.key.old'].map((ending) => this.id + ending);
    expect(readdirSync(this.folder).sort()).toEqual(['ca.crt', ...endings].sort());
  }
}
