// A process that runs out of file descriptors: somebody is told before nobody can connect, and what keeps the broker going has its own.
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { connectAsync } from 'mqtt';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Recorder } from '../scenarios/recorder.ts';
import { Workplace } from './harness.ts';
import { anyPorts } from './nolapse-process.ts';

const limit = 320;
const patience = { timeout: 60_000, interval: 100 };

let place: Workplace;
let child: ChildProcess;
let log: Recorder;
const sockets: Socket[] = [];

beforeEach(() => {
  place = new Workplace();
  log = new Recorder();
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  child.kill('SIGKILL');
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  place.remove();
});

async function startWithFew(): Promise<{ mqttPort: number; httpPort: number }> {
  const [entry = '', ...args] = ['dist/main.js', 'start', '--home', place.home, '-o', 'json'];
  const line = `ulimit -n ${limit}; exec "$@"`;
  const env = { ...process.env, ...anyPorts };
  child = spawn('sh', ['-c', line, 'sh', process.execPath, entry, ...args], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (child.stdout) createInterface({ input: child.stdout }).on('line', (text) => log.write(text));
  const started = await log.until('gateway.started');
  return { mqttPort: Number(started['nolapse.port.mqtt']), httpPort: Number(started['nolapse.port.http']) };
}

/** Connections that say nothing. @returns how many of them there were that the broker has ended. */
async function crowd(port: number, count: number, localAddress = '127.0.0.1'): Promise<() => number> {
  let ended = 0;
  const opened = Array.from({ length: count }, async () => {
    const socket = connect({ port, host: '127.0.0.1', localAddress }).on('error', () => undefined);
    sockets.push(socket);
    socket.once('close', () => {
      ended += 1;
    });
    await once(socket, 'connect').catch(() => undefined);
  });
  await Promise.all(opened);
  return () => ended;
}

async function issue(): Promise<void> {
  await place.ask('device', 'add', 'pump-1', '--owner', 'water');
  await place.ask('device', 'issue', 'pump-1', '--out', 'credentials');
}

/** A connection of the device, from the address of this machine; it is admitted, or this rejects. */
async function visit(port: number): Promise<void> {
  const read = (name: string) => readFileSync(join(place.folder, 'credentials', name));
  const client = await connectAsync({
    protocol: 'mqtts',
    host: '127.0.0.1',
    port,
    clientId: 'pump-1',
    cert: read('pump-1.crt'),
    key: read('pump-1.key'),
    rejectUnauthorized: false,
    reconnectPeriod: 0,
  });
  await client.endAsync();
}

describe('a process that may open too few files', () => {
  it.each([
    [32, 'start'],
    [110, 'start'],
    [240, 'start'],
    [64, 'doctor'],
  ])('says so in one line, with what to do, and loads nothing: %d for %s', async (few, command) => {
    const line = `ulimit -n ${few}; exec "$@"`;
    const args = ['-c', line, 'sh', process.execPath, 'dist/main.js', command, '--home', place.home];
    const refused = spawn('sh', args, { stdio: ['ignore', 'pipe', 'pipe'] });
    child = refused;
    let said = '';
    for (const stream of [refused.stdout, refused.stderr]) stream.on('data', (data: Buffer) => (said += data));
    const [code] = (await once(refused, 'close')) as [number | null];
    expect({ code, said }).toEqual({
      code: 2,
      said: expect.stringMatching(/^nolapse: this process may have \d+ files .* raise the limit \(LimitNOFILE=.*\n$/),
    });
  });
});

async function openAlerts(): Promise<unknown[]> {
  const { stdout } = await place.run(['alert', 'list', '--open', '--home', place.home, '-o', 'json']);
  return JSON.parse(stdout) as unknown[];
}

it('refuses connections beyond what it can bear, says so, and works on', async () => {
  const { mqttPort, httpPort } = await startWithFew();
  await issue();
  await visit(mqttPort);
  const ended = await crowd(mqttPort, 2 * limit);
  await vi.waitFor(() => expect(ended()).toBeGreaterThan(limit), patience);
  await vi.waitFor(async () => {
    expect(await openAlerts()).toContainEqual(
      expect.objectContaining({ kind: 'descriptors_short', severity: 'critical' }),
    );
  }, patience);
  await log.until('connection.refused', { 'event.reason': 'descriptors' });
  const metrics = await (await fetch(`http://127.0.0.1:${httpPort}/metrics`)).text();
  expect(metrics).toMatch(/^nolapse_connections_refused_total\{reason="descriptors"\} [1-9]/m);
  // The ledger, the PKI's files and the control socket have theirs.
  await place.ask('device', 'add', 'pump-2', '--owner', 'water');
  await place.ask('device', 'issue', 'pump-2', '--out', 'credentials');
  const { stdout } = await place.run(['doctor', '--home', place.home, '-o', 'json']);
  expect(JSON.parse(stdout)).toContainEqual(expect.objectContaining({ level: 'critical', subject: 'descriptors' }));
  for (const socket of sockets.splice(0)) socket.destroy();
  const over = expect.not.arrayContaining([expect.objectContaining({ kind: 'descriptors_short' })]);
  await vi.waitFor(async () => expect(await openAlerts()).toEqual(over), patience);
});

it('leaves known devices room where strangers hold what they can, over MQTT and HTTP', async () => {
  const { mqttPort, httpPort } = await startWithFew();
  await issue();
  await visit(mqttPort);
  const refused = await crowd(mqttPort, limit, '127.0.0.2');
  for (const from of ['127.0.0.3', '127.0.0.4', '127.0.0.5', '127.0.0.6']) await crowd(httpPort, limit / 4, from);
  await vi.waitFor(() => expect(refused()).toBeGreaterThan(limit / 4), patience);
  for (let visits = 0; visits < 5; visits += 1) await visit(mqttPort);
  expect((await fetch(`http://127.0.0.1:${httpPort}/healthz`)).status).toBe(200);
  expect(log.count('connection.refused', { 'event.reason': 'descriptors' })).toBe(0);
  await log.until('connection.refused', { 'event.reason': 'connections_unknown_max' });
});
