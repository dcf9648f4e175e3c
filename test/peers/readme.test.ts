// Runs what README.md tells the reader to run, in a copy of the repository, in its order, in one shell: each block fenced as
// `sh` is typed in as it stands. Blocks of another kind are not commands.
//
// The first block is the two commands for a fresh machine. Run here in full they would go in circles (npm test within
// npm test) and compile better-sqlite3 for minutes, so their halves are shown apart: `npm ci` by .ci/run, which begins with the second
// command to the letter on a clean checkout; what follows `npm ci` by the package's scripts, and the demo by itself for a while.
import { execFile, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const readme = readFileSync('README.md', 'utf8');
const scripts = (JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> }).scripts;
const blocks = [...readme.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, text = '']) => text);
const [fresh = '', ...session] = blocks;
const sessionMs = 300_000;

let copy: string;

/** What a checkout does not have: what was built or installed, and what runs left behind. */
const notInACheckout = new Set(['.git', 'node_modules', 'dist', 'dist-bench', 'coverage', 'nolapse-home']);

/** The repository as it lies here; node_modules is the one that is there. */
function copyRepository(): string {
  const folder = mkdtempSync(join(tmpdir(), 'nolapse-readme-'));
  for (const name of readdirSync('.')) {
    if (!notInACheckout.has(name)) cpSync(name, join(folder, name), { recursive: true });
  }
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'));
  return folder;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  return typeof address === 'object' && address ? address.port : 0;
}

function environment(more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(NOLAPSE_|npm_|VITEST)/i.test(name));
  return { ...Object.fromEntries(kept), ...more };
}

interface Outcome {
  readonly code: number | null;
  readonly output: string;
}

function shell(text: string, env: Readonly<Record<string, string>> = {}): Promise<Outcome> {
  const child = spawn('bash', ['-c', `set -e\n${text}`], { cwd: copy, env: environment(env), stdio: 'pipe' });
  child.stdin.end();
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data: Buffer) => {
      output += data.toString();
    });
  }
  return new Promise((settle, reject) => {
    child.once('error', reject);
    child.once('close', (code) => settle({ code, output }));
  });
}

beforeAll(async () => {
  copy = copyRepository();
  // What `npm ci` ends with, by the package's prepare script.
  await run('npm', ['run', 'prepare', '--silent'], { cwd: copy });
});
afterAll(() => rmSync(copy, { recursive: true, force: true }));

describe('the two commands for a fresh machine', () => {
  const commands = fresh.split('\n').map((line) => line.replace(/\s*#.*$/, ''));

  it('are the first thing on the page, and there are two', () => {
    expect(commands).toEqual(['npm ci && npm run demo', 'npm ci && npm test', '']);
    expect(readme.indexOf('```')).toBe(readme.indexOf(`\`\`\`sh\n${fresh}`));
    expect(Object.keys(scripts)).toEqual(expect.arrayContaining(['demo', 'test', 'prepare']));
  });

  it('include the one that .ci/run begins with', () => {
    const lines = readFileSync('.ci/run', 'utf8').split('\n');
    const first = lines.find((line) => /\bnpm\b/.test(line.replace(/#.*$/, '')));
    expect(first).toContain(commands[1]);
  });

  it('include a demo that renews certificates and ends well', async () => {
    const { code, output } = await shell('npm run demo -- --for 45s');
    expect(output).toContain('"renewal.activated"');
    expect(output).toContain('in the end');
    expect(code, output.slice(-2_000)).toBe(0);
  });
});

describe('the rest of the page', () => {
  it(
    'can be typed in from top to bottom',
    async () => {
      const ports = { 8883: await freePort(), 8880: await freePort() };
      // Two changes: ports of our own, for others may use the usual ones on this machine, and a shorter overlap to wait for.
      const typed = session.join('\n').replaceAll(/\b(8883|8880)\b/g, (port) => String(ports[port as '8883']));
      expect(typed).toContain('overlap: 3m');
      const text = typed.replace('overlap: 3m', 'overlap: 40s');
      const { code, output } = await shell(`${text}\necho "everything ran"; rm -rf "$try"`, {
        NOLAPSE_MQTT_PORT: String(ports[8883]),
        NOLAPSE_HTTP_PORT: String(ports[8880]),
      });
      expect(output).toContain('5 done');
      expect(output).toMatch(/meter-1 +superseded/);
      expect(output).toMatch(/meter-1 +retired/);
      expect(output).toContain('the old one is refused, as it should be');
      expect(output).toContain('renewal activated');
      expect(output.trimEnd()).toMatch(/everything ran$/);
      expect(code).toBe(0);
    },
    sessionMs,
  );

  it('says which port is taken, and waits for nothing then', async () => {
    const taken = createServer();
    await new Promise<void>((done) => taken.listen(0, '127.0.0.1', done));
    try {
      const address = taken.address();
      const port = String(typeof address === 'object' && address ? address.port : 0);
      const start = session.findIndex((text) => text.includes('main.js start'));
      const { code, output } = await shell(session.slice(0, start + 1).join('\n'), {
        NOLAPSE_MQTT_PORT: port,
        NOLAPSE_HTTP_PORT: String(await freePort()),
      });
      expect(output).toContain(`address already in use 127.0.0.1:${port}`);
      expect(output).not.toContain('listening: ');
      expect(code).not.toBe(0);
    } finally {
      await new Promise((done) => taken.close(done));
    }
  }, 60_000);

  it('names only npm scripts, commands and folders that are there', async () => {
    const named = [...readme.matchAll(/`npm (?:run )?([a-z:]+)`/g)].map(([, name = '']) => name);
    expect(named.length).toBeGreaterThan(3);
    expect(named.filter((name) => name !== 'ci' && !(name in scripts))).toEqual([]);
    const commands = new Set([...readme.matchAll(/`nolapse ([a-z]+(?: [a-z]+)?)/g)].map(([, words = '']) => words));
    for (const words of commands) {
      const { code, output } = await shell(`node dist/main.js ${words} --help`);
      expect(code, output).toBe(0);
      expect(output).toContain(`Usage: nolapse ${words}`);
    }
    const folders = [...readme.matchAll(/`((?:src|certs|examples|test)(?:\/[a-z./]+)?)`/g)].map(
      ([, path = '']) => path,
    );
    expect(folders.filter((path) => !existsSync(join(copy, path)))).toEqual([]);
  });
});
