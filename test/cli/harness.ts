// Runs the built command line as a person would, in a folder of its own.
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { sharedProcess } from './shared-process.ts';

const entry = resolve(import.meta.dirname, '../../dist/main.js');
if (!existsSync(entry)) throw new Error('dist/main.js is missing: run `npm run build` before this test');

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** Pipes when nothing is said. */
  readonly stdio?: StdioOptions;
}

/** Our own environment without what configures nolapse, and with what the test says. */
function environment(env: RunOptions['env']): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !name.toUpperCase().startsWith('NOLAPSE_'));
  return { ...Object.fromEntries(kept), ...env };
}

/** Is this a command that leaves nothing behind in its process? */
function ends([command]: readonly string[]): boolean {
  return command !== 'start' && command !== 'demo';
}

export class Workplace {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'nolapse-cli-'));
  readonly home: string = join(this.folder, 'home');

  spawn(args: readonly string[], { env, stdio = 'pipe' }: RunOptions = {}): ChildProcess {
    return spawn(process.execPath, [entry, ...args], { cwd: this.folder, env: environment(env), stdio });
  }

  /** Runs a command in a process that others were run in before, unless what is asked for takes one of its own. */
  run(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    const { env = {}, input, stdio } = options;
    const isPlain =
      input === undefined && stdio === undefined && !Object.keys(env).some((name) => name.startsWith('NODE_'));
    if (!isPlain || sharedProcess.isBusy || !ends(args)) return this.launch(args, options);
    return sharedProcess.run({ args, cwd: this.folder, env: environment(env) });
  }

  /** Runs a command in a process of its own. */
  async launch(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    const child = this.spawn(args, options);
    let stdout = '';
    let stderr = '';
    child.stdout?.on('data', (data: Buffer) => {
      stdout += data.toString();
    });
    child.stderr?.on('data', (data: Buffer) => {
      stderr += data.toString();
    });
    child.stdin?.end(options.input ?? '');
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, stdout, stderr };
  }

  /** Runs a command on this workplace's home and reads its JSON answer; fails when its exit code is not 0. */
  async ask(...args: readonly string[]): Promise<unknown> {
    const { code, stdout, stderr } = await this.run([...args, '--home', this.home, '-o', 'json']);
    if (code !== 0) throw new Error(`exit code ${code}: ${stderr}`);
    return JSON.parse(stdout);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
