// nolapse start: a gateway that comes up, answers the command line over its socket, and goes when told to.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Workplace } from './harness.ts';

type Line = Record<string, unknown>;

const anyPorts = { NOLAPSE_MQTT_PORT: '0', NOLAPSE_HTTP_PORT: '0' };

let place: Workplace;
let gateway: ChildProcess | undefined;

beforeEach(() => {
  place = new Workplace();
});
afterEach(() => {
  gateway?.kill('SIGKILL');
  gateway = undefined;
  place.remove();
});

/** Starts it and waits until it says that it listens. */
async function start(
  env: Record<string, string> = {},
): Promise<{ process: ChildProcess; started: Line; lines: Line[] }> {
  const child = place.spawn(['start', '--home', place.home], { env: { ...anyPorts, ...env } });
  gateway = child;
  const lines: Line[] = [];
  const { stdout } = child;
  if (!stdout) throw new Error('no standard output');
  const started = await new Promise<Line>((resolve, reject) => {
    createInterface({ input: stdout }).on('line', (text) => {
      const line = JSON.parse(text) as Line;
      lines.push(line);
      if (line['event.action'] === 'gateway.started') resolve(line);
    });
    child.once('exit', (code) => reject(new Error(`it ended with ${code}`)));
  });
  return { process: child, started, lines };
}

async function ended(child: ChildProcess): Promise<number | null> {
  const [code] = (await once(child, 'exit')) as [number | null];
  return code;
}

describe('nolapse start', () => {
  it('makes its home when there is none, tells its ports in one line, and serves', async () => {
    const { started, lines } = await start();
    expect(lines.filter((line) => line['event.action'] === 'gateway.started')).toHaveLength(1);
    expect(started['nolapse.port.mqtt']).toBeGreaterThan(0);
    const answer = await fetch(`http://127.0.0.1:${started['nolapse.port.http']}/healthz`);
    expect(answer.status).toBe(200);
    expect(existsSync(join(place.home, 'nolapse.db'))).toBe(true);
  });

  it('is asked over its socket while it runs, by the same commands', async () => {
    const { lines } = await start();
    await place.ask('device', 'add', 'live-1', '--owner', 'o');
    expect(await place.ask('device', 'list')).toMatchObject([{ id: 'live-1' }]);
    expect(lines.map((line) => line['event.action'])).toContain('device.added');
    const bad = await place.run(['device', 'add', '../x', '--owner', 'o', '--home', place.home]);
    expect(bad).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(/^nolapse: .*\n$/) });
    expect(await place.ask('init')).toMatchObject({ made: false });
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('stops in order on %s', async (signal) => {
    const { process: child, lines } = await start();
    child.kill(signal);
    expect(await ended(child)).toBe(0);
    expect(lines.at(-1)).toMatchObject({ 'event.action': 'gateway.stopped' });
    expect(existsSync(join(place.home, 'control.sock'))).toBe(false);
  });

  it('comes up again after it was killed', async () => {
    const { process: child } = await start();
    child.kill('SIGKILL');
    await ended(child);
    expect(existsSync(join(place.home, 'control.sock'))).toBe(true);
    await start();
    expect(await place.ask('device', 'list')).toEqual([]);
  });

  it('does not run twice on one home', async () => {
    await start();
    const second = await place.run(['start', '--home', place.home], { env: anyPorts });
    expect(second.code).toBe(2);
    expect(second.stderr).toMatch(/^nolapse: .*in use.*\n$/);
  });

  it('says that its port is taken', async () => {
    const { started } = await start();
    const taken = String(started['nolapse.port.mqtt']);
    const other = await place.run(['start', '--home', join(place.folder, 'other')], {
      env: { ...anyPorts, NOLAPSE_MQTT_PORT: taken },
    });
    expect(other.code).toBe(2);
    expect(other.stderr).toContain(`EADDRINUSE: address already in use 127.0.0.1:${taken}`);
  });

  it('encrypts the keys of the home it makes, and never tells the passphrase', async () => {
    const { process: child, lines } = await start({ NOLAPSE_PASSPHRASE: 'correct horse' });
    expect(JSON.stringify(lines)).not.toContain('correct horse');
    expect(readFileSync(join(place.home, 'pki', 'issuing.key'), 'utf8')).toContain('ENCRYPTED PRIVATE KEY');
    child.kill('SIGTERM');
    await ended(child);
  });
});
