// nolapse start: a broker that comes up, answers the command line over its socket, and goes when told to.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Recorder } from '../scenarios/recorder.ts';
import { Workplace } from './harness.ts';
import { anyPorts, end, type Running, startNolapse } from './nolapse-process.ts';

let place: Workplace;
let log: Recorder;
let gateway: Running | undefined;

beforeEach(() => {
  place = new Workplace();
  log = new Recorder();
});
afterEach(async () => {
  if (gateway) await end(gateway, 'SIGKILL');
  gateway = undefined;
  place.remove();
});

async function start(env: Record<string, string> = {}): Promise<Running> {
  gateway = await startNolapse(place, log, { ...anyPorts, ...env });
  return gateway;
}

describe('nolapse start', () => {
  it('makes its home when there is none, tells its ports in one line, and serves', async () => {
    const { mqttPort, httpPort } = await start();
    expect(log.count('gateway.started')).toBe(1);
    expect(mqttPort).toBeGreaterThan(0);
    const answer = await fetch(`http://127.0.0.1:${httpPort}/healthz`);
    expect(answer.status).toBe(200);
    expect(existsSync(join(place.home, 'nolapse.db'))).toBe(true);
  });

  it('is asked over its socket while it runs, by the same commands', async () => {
    await start();
    await place.ask('device', 'add', 'live-1', '--owner', 'o');
    expect(await place.ask('device', 'list')).toMatchObject([{ id: 'live-1' }]);
    await log.until('device.added');
    expect(log.count('device.added')).toBe(1);
    const bad = await place.launch(['device', 'add', '../x', '--owner', 'o', '--home', place.home]);
    expect(bad).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(/^nolapse: .*\n$/) });
    expect(await place.ask('init')).toMatchObject({ made: false });
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('stops in order on %s', async (signal) => {
    expect(await end(await start(), signal)).toBe(0);
    expect(log.lines.at(-1)).toMatchObject({ 'event.action': 'gateway.stopped' });
    expect(existsSync(join(place.home, 'control.sock'))).toBe(false);
  });

  it('comes up again after it was killed', async () => {
    await end(await start(), 'SIGKILL');
    expect(existsSync(join(place.home, 'control.sock'))).toBe(true);
    await start();
    expect(await place.ask('device', 'list')).toEqual([]);
  });

  it('does not run twice on one home', async () => {
    await start();
    const second = await place.launch(['start', '--home', place.home], { env: anyPorts });
    expect(second.code).toBe(2);
    expect(second.stderr).toMatch(/^nolapse: .*in use.*\n$/);
  });

  it('says that its port is taken', async () => {
    const taken = String((await start()).mqttPort);
    const other = await place.launch(['start', '--home', join(place.folder, 'other')], {
      env: { ...anyPorts, NOLAPSE_MQTT_PORT: taken },
    });
    expect(other.code).toBe(2);
    expect(other.stderr).toContain(`EADDRINUSE: address already in use 127.0.0.1:${taken}`);
  });

  it('encrypts the keys of the home it makes, and never tells the passphrase', async () => {
    await end(await start({ NOLAPSE_PASSPHRASE: 'correct horse' }));
    expect(JSON.stringify(log.lines)).not.toContain('correct horse');
    expect(readFileSync(join(place.home, 'pki', 'issuing.key'), 'utf8')).toContain('ENCRYPTED PRIVATE KEY');
  });
});
