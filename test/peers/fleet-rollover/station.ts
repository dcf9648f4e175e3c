// A broker whose CAs live for minutes: the built program with other profiles beside it, in a process of its own on ports that stay the
// same, killed and started again as the story has it.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { Operations } from '../../../src/app/operator/operate.ts';
import type { TrustView } from '../../../src/app/views/trust.ts';
import type { RootState } from '../../../src/domain/root-slots.ts';
import { connectOperations } from '../../../src/http/control-client.ts';
import { tester } from '../../fakes/tester.ts';
import { freePort } from '../../scenarios/free-port.ts';
import { Recorder } from '../../scenarios/recorder.ts';

const repository = resolve(import.meta.dirname, '../../..');

/** The program as it is installed, with CAs and a server's certificate that live so long. */
function makeProgram(folder: string, lives: Readonly<Record<'root' | 'issuing' | 'server', string>>): string {
  for (const part of ['dist', 'certs']) cpSync(join(repository, part), join(folder, part), { recursive: true });
  for (const file of ['package.json', 'docs']) symlinkSync(join(repository, file), join(folder, file));
  symlinkSync(join(repository, 'node_modules'), join(folder, 'node_modules'));
  for (const [name, lifetime] of Object.entries(lives)) {
    const file = join(folder, 'certs', `${name}.yaml`);
    const text = readFileSync(file, 'utf8');
    const short = text.replace(/^lifetime: .*$/m, `lifetime: ${lifetime}`).replace(/^backdate: .*$/m, 'backdate: 5m');
    writeFileSync(file, short);
  }
  return join(folder, 'dist', 'main.js');
}

export interface Told {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

type Verb = 'prepare' | 'distribute' | 'activate' | 'retire' | 'abort';

const doneBy: Readonly<Record<Verb, string>> = {
  prepare: 'trust.prepared',
  distribute: 'trust.distributed',
  activate: 'trust.activated',
  retire: 'trust.retired',
  abort: 'trust.aborted',
};

export class Station {
  readonly folder = mkdtempSync(join(tmpdir(), 'nolapse-fleet-'));
  readonly home = join(this.folder, 'home');
  readonly log = new Recorder();
  readonly ports: { readonly mqtt: number; readonly next: number; readonly control: number };
  readonly #program: string;
  #child: ChildProcess | null = null;

  private constructor(ports: Station['ports'], lives: Parameters<typeof makeProgram>[1]) {
    this.ports = ports;
    const installed = join(this.folder, 'installed');
    mkdirSync(installed);
    this.#program = makeProgram(installed, lives);
  }

  static async open(lives: Parameters<typeof makeProgram>[1], yaml: string): Promise<Station> {
    const ports = { mqtt: await freePort(), next: await freePort(), control: await freePort() };
    const station = new Station(ports, lives);
    mkdirSync(station.home, { mode: 0o700 });
    const listen = `mqtt: { host: 127.0.0.1, port: ${ports.mqtt}, nextPort: ${ports.next} }\nhttp: { port: 0 }\n`;
    writeFileSync(join(station.home, 'nolapse.yaml'), `${listen}issued: { file: ../issued.jsonl }\n${yaml}`);
    await station.start();
    return station;
  }

  async start(): Promise<void> {
    const since = this.log.lines.length;
    const child = spawn(process.execPath, [this.#program, 'start', '--home', this.home], {
      cwd: this.folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    const logFile = join(this.folder, 'broker.log');
    if (child.stdout) {
      createInterface({ input: child.stdout }).on('line', (line) => {
        appendFileSync(logFile, `${line}\n`);
        this.log.write(line);
      });
    }
    child.stderr?.pipe(process.stderr);
    const gone = once(child, 'exit').then(([code]) => {
      throw new Error(`the broker ended with ${code}: ${this.log.lines.slice(-5).map(({ message }) => message)}`);
    });
    gone.catch(() => undefined);
    await Promise.race([this.log.until('gateway.started', {}, since), gone]);
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await once(child, 'close');
  }

  async close(): Promise<void> {
    await this.end('SIGKILL');
    if (process.env['KEEP']) console.info(this.folder);
    else rmSync(this.folder, { recursive: true, force: true });
  }

  /** Over its control socket. */
  async operations(): Promise<Operations> {
    const operations = await connectOperations(this.home, tester);
    if (!operations) throw new Error('the broker does not answer');
    return operations;
  }

  /** Runs a command, in a process of its own. */
  async tell(...args: readonly string[]): Promise<Told> {
    const child = spawn(process.execPath, [this.#program, ...args, '--home', this.home], { cwd: this.folder });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (data: Buffer) => {
      stdout += data.toString();
    });
    child.stderr.on('data', (data: Buffer) => {
      stderr += data.toString();
    });
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, stdout, stderr };
  }

  /** The same, which must succeed. */
  async ask(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.tell(...args);
    if (code !== 0) throw new Error(`nolapse ${args.join(' ')}: exit code ${code}: ${stderr}${stdout}`);
    return stdout;
  }

  async trust(): Promise<TrustView> {
    return JSON.parse((await this.tell('trust', 'status', '-o', 'json')).stdout) as TrustView;
  }

  async root(number: number): Promise<RootState | null> {
    return (await this.trust()).roots.slots.find((slot) => slot.number === number)?.state ?? null;
  }

  async isDistributed(number: number): Promise<boolean> {
    return (await this.trust()).roots.slots.some((slot) => slot.number === number && slot.distributedAt !== null);
  }

  rootStep(verb: Verb, ...options: readonly string[]): Promise<Told> {
    return this.step(verb, 'root', ...options);
  }

  /** Asks for a step and releases it, as two people would. @returns what the release printed. */
  async step(verb: Verb, ca: 'root' | 'issuing', ...options: readonly string[]): Promise<Told> {
    const asked = await this.tell('trust', verb, ca, ...options);
    const [, release] = /^ {2}nolapse (trust release .*)$/m.exec(asked.stdout) ?? [];
    if (release === undefined) return asked;
    return this.tell(...release.split(' '), ...options);
  }

  /** The same, with the broker killed the moment that it tells of the step; and once more, where nothing had come of it by then. */
  async killedAt(verb: Verb, isDone: () => Promise<boolean>, ...options: readonly string[]): Promise<void> {
    const since = this.log.lines.length;
    const told = this.log.until(doneBy[verb], {}, since).then(() => this.end('SIGKILL'));
    const stepped = this.rootStep(verb, ...options);
    await Promise.race([told, stepped.then(({ code, stderr }) => refuse(code, stderr, this.#isGone))]);
    await told;
    await stepped;
    await this.start();
    if (!(await isDone())) {
      const { code, stderr } = await this.rootStep(verb, ...options);
      if (code !== 0) throw new Error(`${verb}: ${stderr}`);
    }
  }

  get #isGone(): boolean {
    return this.#child?.signalCode !== null || this.#child?.exitCode !== null;
  }

  /** Who has not proved the root that is being distributed or retired. */
  async unproved(): Promise<string[]> {
    const { stdout } = await this.tell('trust', 'unproved', 'root', '-o', 'json');
    const { principals } = JSON.parse(stdout) as { principals: readonly { id: string }[] };
    return principals.map(({ id }) => id).sort();
  }

  /** Puts the home of a backup in the place of the home, while the broker is stopped. */
  async restore(file: string): Promise<void> {
    await this.end('SIGTERM');
    const config = readFileSync(join(this.home, 'nolapse.yaml'));
    const old = join(this.folder, `home-${Date.now()}`);
    renameSync(this.home, old);
    await this.ask('restore', file, '--issued', join(this.folder, 'issued.jsonl'));
    if (!existsSync(join(this.home, 'nolapse.yaml'))) writeFileSync(join(this.home, 'nolapse.yaml'), config);
    await this.start();
  }
}

/** The step was refused, and not cut off. */
function refuse(code: number | null, stderr: string, isGone: boolean): Promise<never> | undefined {
  if (code === 0 || isGone) return new Promise<never>(() => undefined);
  throw new Error(`the step was refused: ${stderr}`);
}
