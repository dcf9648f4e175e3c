// Each step of an issuing CA, by the command and on a home at rest, killed with SIGKILL at every moment at which something becomes durable:
// it is as it was or done, the same command brings it to its end, and nothing is left over.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { TrustView } from '../../src/app/views/trust.ts';
import { signedByRoot } from '../pki/issuing.ts';

/** More moments than any step has. */
const momentsMax = 40;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nolapse-trust-kill-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function run(home: string, command: readonly string[], killAt = 0) {
  const killer = new URL('killed-at.mjs', import.meta.url).pathname;
  const given = [...(killAt > 0 ? ['--import', killer] : []), 'dist/main.js', ...command, '--home', home];
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, given, {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], KILL_AT_MOMENT: String(killAt) },
  });
  return { status, signal, stdout, stderr };
}

function done(home: string, ...command: string[]): string {
  const { status, stdout, stderr } = run(home, command);
  expect(status, `${command.join(' ')}: ${stderr}`).toBe(0);
  return stdout;
}

/** Which issuing CAs there are and where they stand, and the files of the PKI. */
function standing(home: string): { slots: string[]; files: string[] } {
  // It exits with 1 where something is to be done.
  const { issuing } = JSON.parse(run(home, ['trust', 'status', '-o', 'json']).stdout) as TrustView;
  const all = [...issuing.slots, ...issuing.ended];
  return {
    slots: all.map(({ number, state, certificate }) => `${number} ${state} ${certificate ? 'whole' : 'asked'}`),
    files: readdirSync(join(home, 'pki')).toSorted(),
  };
}

const request = (): string => join(folder, 'request.csr');
const certificate = (): string => join(folder, 'issuing.crt');

/** By step: what comes before it, and the command. */
interface Step {
  readonly before: (home: string) => void;
  readonly command: () => string[];
  /** Is another certificate of the server's to be served then? */
  readonly serves?: true;
}

const steps: Readonly<Record<string, Step>> = {
  'prepared with the key of the root': {
    before: () => undefined,
    command: () => ['trust', 'prepare', 'issuing'],
  },
  'prepared as a request': {
    before: () => undefined,
    command: () => ['trust', 'prepare', 'issuing', '--request', request()],
  },
  installed: {
    before: (home) => {
      done(home, 'trust', 'prepare', 'issuing', '--request', request());
      const [, base64 = ''] = /REQUEST-----([^-]*)-----/.exec(readFileSync(request(), 'utf8')) ?? [];
      const signed = signedByRoot(join(home, 'pki'), base64, { notAfter: Math.floor(Date.now() / 1e3) * 1e3 + 864e8 });
      writeFileSync(certificate(), signed);
    },
    command: () => ['trust', 'install', certificate()],
  },
  activated: {
    before: (home) => void done(home, 'trust', 'prepare', 'issuing'),
    command: () => ['trust', 'activate', 'issuing'],
    serves: true,
  },
  aborted: {
    before: (home) => void done(home, 'trust', 'prepare', 'issuing'),
    command: () => ['trust', 'abort', 'issuing'],
  },
  retired: {
    before: (home) => {
      done(home, 'trust', 'prepare', 'issuing');
      done(home, 'trust', 'activate', 'issuing');
    },
    command: () => ['trust', 'retire', 'issuing', '1'],
  },
};

it.each(Object.entries(steps))(
  'an issuing CA that is %s survives a kill at each moment',
  { timeout: 600_000 },
  (_, step) => {
    const begun = join(folder, 'begun');
    done(begun, 'init');
    step.before(begun);
    const before = standing(begun);
    const clean = join(folder, 'clean');
    const again = (home: string): void => cpSync(begun, home, { recursive: true });
    again(clean);
    rmSync(request(), { force: true });
    done(clean, ...step.command());
    const after = standing(clean);
    expect(after).not.toEqual(before);

    let killed = 0;
    for (let moment = 1; moment <= momentsMax; moment += 1) {
      const home = join(folder, `killed-${moment}`);
      again(home);
      rmSync(request(), { force: true });
      const { signal, status, stderr } = run(home, step.command(), moment);
      if (signal === null) {
        expect(status, stderr).toBe(0);
        break;
      }
      killed += 1;
      const { slots } = standing(home);
      expect([before.slots, after.slots]).toContainEqual(slots);
      const isDone = slots.join() === after.slots.join();
      rmSync(request(), { force: true });
      const more = run(home, step.command());
      // What is done already is refused, or is the same once more.
      expect(more.status === 0 || isDone, more.stderr).toBe(true);
      expect(standing(home), `moment ${moment}`).toEqual(after);
      if (!step.serves) continue;
      // What the next start does, too.
      done(home, 'init');
      const checks = JSON.parse(run(home, ['doctor', '-o', 'json']).stdout) as { subject: string; level: string }[];
      expect(checks.find(({ subject }) => subject === 'server chain')).toMatchObject({ level: 'ok' });
    }
    expect(killed).toBeGreaterThan(2);
    expect(killed).toBeLessThan(momentsMax);
  },
);
