// What becomes of a broker, and of a command, whose output goes nowhere: it costs lines, and never the service.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type DeadEnd, deadEnds } from './dead-ends.ts';
import { Workplace } from './harness.ts';
import { anyPorts } from './nolapse-process.ts';

const patience = { timeout: 60_000, interval: 100 };

let place: Workplace;
let end: DeadEnd | undefined;
let child: ChildProcess | undefined;

beforeEach(() => {
  place = new Workplace();
});
afterEach(async () => {
  if (child && child.exitCode === null && child.signalCode === null) {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  child = undefined;
  end?.close();
  end = undefined;
  place.remove();
});

async function freePort(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return String(port);
}

function start(stdout: number | 'pipe', httpPort: string): ChildProcess {
  const env = { ...anyPorts, NOLAPSE_HTTP_PORT: httpPort };
  child = place.spawn(['start', '--home', place.home], { env, stdio: ['ignore', stdout, 'inherit'] });
  return child;
}

async function stop(): Promise<{ code: number | null; signal: string | null }> {
  if (!child) throw new Error('nothing runs');
  child.kill('SIGTERM');
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  return { code, signal };
}

async function isUp(httpPort: string): Promise<void> {
  await vi.waitFor(
    async () => expect((await fetch(`http://127.0.0.1:${httpPort}/healthz`)).status).toBe(200),
    patience,
  );
}

async function gauge(httpPort: string, name: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${httpPort}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
}

describe('a broker whose log goes into', () => {
  it.each(Object.keys(deadEnds))('%s starts, serves, alerts and stops in order', async (kind) => {
    const httpPort = await freePort();
    end = deadEnds[kind]?.(place.folder);
    start(end?.descriptor ?? -1, httpPort);
    await isUp(httpPort);
    await place.ask('device', 'add', 'pump-1', '--owner', 'water');
    await place.ask('device', 'issue', 'pump-1', '--out', 'credentials');
    const open = await vi.waitFor(async () => {
      const { stdout } = await place.run(['alert', 'list', '--open', '--home', place.home, '-o', 'json']);
      const list = JSON.parse(stdout) as unknown[];
      expect(list).toHaveLength(1);
      return list;
    }, patience);
    expect(open).toMatchObject([{ kind: 'log_unwritable', subject: 'log', severity: 'warning' }]);
    expect(await gauge(httpPort, 'nolapse_log_writable')).toBe(0);
    expect((await fetch(`http://127.0.0.1:${httpPort}/healthz`)).status).toBe(200);
    expect(await stop()).toEqual({ code: 0, signal: null });
  });

  it('a pipe whose reader goes while it runs serves on, and keeps what must be on record', async () => {
    const httpPort = await freePort();
    const running = start('pipe', httpPort);
    await isUp(httpPort);
    running.stdout?.destroy();
    await place.ask('device', 'add', 'pump-1', '--owner', 'water');
    await vi.waitFor(async () => expect(await gauge(httpPort, 'nolapse_log_writable')).toBe(0), patience);
    expect(await place.ask('device', 'list')).toMatchObject([{ id: 'pump-1' }]);
    expect(await stop()).toEqual({ code: 0, signal: null });
    expect(await place.ask('device', 'list')).toMatchObject([{ id: 'pump-1' }]);
  });

  it('a pipe that is read again tells what was held, in order', async () => {
    const httpPort = await freePort();
    const running = start('pipe', httpPort);
    await isUp(httpPort);
    await place.ask('device', 'add', 'pump-1', '--owner', 'water');
    let text = '';
    running.stdout?.on('data', (data: Buffer) => {
      text += data.toString();
    });
    expect(await stop()).toEqual({ code: 0, signal: null });
    const actions = text
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as Record<string, unknown>)['event.action']);
    // Commands are taken a moment before the start is told.
    expect(actions).toContain('gateway.started');
    const told = actions.filter((action) => action === 'device.added' || action === 'gateway.stopped');
    expect(told).toEqual(['device.added', 'gateway.stopped']);
  });
});

describe('a start that fails', () => {
  it.each(Object.keys(deadEnds))('ends with 2 where its words go into %s', async (kind) => {
    end = deadEnds[kind]?.(place.folder);
    child = place.spawn(['start', '--home', place.home], {
      env: { NOLAPSE_MQTT_PORT: 'none' },
      stdio: ['ignore', end?.descriptor ?? -1, end?.descriptor ?? -1],
    });
    const [code] = (await once(child, 'exit')) as [number | null];
    expect(code).toBe(2);
  });
});

describe("a command's answer", () => {
  const run = async (args: readonly string[], kind: string): Promise<{ code: number | null; stderr: string }> => {
    end = deadEnds[kind]?.(place.folder);
    child = place.spawn([...args, '--home', place.home], { stdio: ['ignore', end?.descriptor ?? -1, 'pipe'] });
    let stderr = '';
    child.stderr?.on('data', (data: Buffer) => {
      stderr += data.toString();
    });
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, stderr };
  };

  beforeEach(async () => {
    await place.ask('init');
    await place.ask('device', 'add', 'pump-1', '--owner', 'water');
  });

  it.each([
    ['device list', 0],
    ['finding list --fresh', 1],
    ['evidence --framework nist-csf-2.0 --from 2026-01-01 --to 2026-02-01', 1],
    ['--help', 0],
  ] as const)('%s: a reader who has gone changes nothing, and is not told of', async (line, code) => {
    expect(await run(line.split(' '), 'a pipe whose reader has gone')).toEqual({
      code,
      stderr: expect.not.stringContaining('EPIPE'),
    });
  });

  it('is an error where the disk is full', async () => {
    const { code, stderr } = await run(['device', 'list'], 'a full disk');
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(/^nolapse: ENOSPC.*\n$/) });
  });
});
