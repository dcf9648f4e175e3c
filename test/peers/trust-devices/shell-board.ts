// A device whose firmware is the shell client, and the roots that it holds: openssl checks steps, and mosquitto is given one root at a time.
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { fingerprintOf } from '../../../src/pki/fingerprint.ts';
import type { Run } from '../device-program.ts';
import type { Birthplace, TrustDevice } from './bench.ts';

/** Programs of mosquitto that it needs. */
export const shellClients = ['mosquitto_pub', 'mosquitto_sub'];

/** Programs that count messages, renames and writes that are about to be renamed, and end the whole run after one of them. */
function standIns(folder: string): string {
  const bin = join(folder, 'bin');
  if (existsSync(bin)) return bin;
  mkdirSync(bin);
  const path = (process.env['PATH'] ?? '').split(delimiter);
  for (const name of [...shellClients, 'mv', 'sync']) {
    const real = path.map((each) => join(each, name)).find((file) => existsSync(file));
    const standIn = resolve(import.meta.dirname, '../cut-off.mjs');
    writeFileSync(join(bin, name), `#!/bin/sh\nexec "${process.execPath}" "${standIn}" "${real}" "$@"\n`);
    chmodSync(join(bin, name), 0o755);
  }
  return bin;
}

export class ShellBoard implements TrustDevice {
  readonly #bench: Birthplace;
  readonly id: string;
  readonly folder: string;

  private constructor(bench: Birthplace, id: string, folder: string) {
    this.#bench = bench;
    this.id = id;
    this.folder = folder;
  }

  static async make(bench: Birthplace, id: string, className: string): Promise<ShellBoard> {
    const { house } = bench;
    await house.gateway.operations.addDevice({ id, owner: 'tests', class: className });
    const issued = await house.gateway.operations.issueDevice({ id });
    // A blank in every path.
    const folder = join(house.home, 'some devices', id);
    mkdirSync(folder, { recursive: true });
    const files = { [`${id}.crt`]: issued.certificatePem, [`${id}.key`]: issued.keyPem, 'ca.crt': issued.rootPem };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text, { mode: 0o600 });
    return new ShellBoard(bench, id, folder);
  }

  run(env: NodeJS.ProcessEnv = process.env): Promise<Run> {
    return this.#script('trust.sh', env);
  }

  /** Has its certificate renewed, where that is due. */
  renew(): Promise<Run> {
    return this.#script('renew.sh', process.env);
  }

  #script(name: string, env: NodeJS.ProcessEnv): Promise<Run> {
    const { mqtt } = this.#bench.house.gateway.ports;
    const args = [resolve('examples/shell', name), 'localhost', String(mqtt), this.id, this.folder, '8'];
    const child = spawn('sh', args, {
      env: { ...env, LINGER: '3' },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 60_000,
    });
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

  async cut(at: number): Promise<Run | null> {
    const count = join(this.#bench.house.home, `${this.id}.count`);
    writeFileSync(count, '');
    const path = `${standIns(this.#bench.house.home)}${delimiter}${process.env['PATH']}`;
    const run = await this.run({ ...process.env, PATH: path, CUT_AFTER: String(at), CUT_COUNT: count });
    return run.code === null ? run : null;
  }

  #record(): string[][] {
    const file = join(this.folder, 'roots');
    if (existsSync(file))
      return readFileSync(file, 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => line.split(' '));
    const first = this.#digest(readFileSync(join(this.folder, 'ca.crt'), 'utf8'));
    const { mqtt } = this.#bench.house.gateway.ports;
    return [
      ['committed', String(mqtt), first],
      ['root', first, '0', '0', 'stays'],
    ];
  }

  #digest(pem: string): string {
    return fingerprintOf(Buffer.from(pem.replace(/-----[^-]+-----/g, ''), 'base64'));
  }

  /** As the record has it; the files of the roots must be those that it names. */
  held(): string[] {
    const roots = this.#record().filter(([word]) => word === 'root');
    for (const [, sha256 = ''] of roots) {
      const file = join(this.folder, `root-${sha256}.crt`);
      const pem = readFileSync(existsSync(file) ? file : join(this.folder, 'ca.crt'), 'utf8');
      if (this.#digest(pem) !== sha256) throw new Error(`root-${sha256}.crt is another root`);
    }
    return roots.map(([, sha256, , , standing]) => `${sha256}${standing === 'stays' ? '' : '-'}`);
  }

  committed() {
    const [, port, root = ''] = this.#record().find(([word]) => word === 'committed') ?? [];
    return { port: Number(port), root };
  }
}
