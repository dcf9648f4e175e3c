// nolapse device add with an id that takes a client id somebody is connected under: refused with who that is, and carried out with a reason.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Recorder } from '../scenarios/recorder.ts';
import { type Outcome, Workplace } from './harness.ts';
import { end, type Running, startNolapse } from './nolapse-process.ts';

let place: Workplace;
let gateway: Running;
let client: MqttClient;
let options: IClientOptions;
const log = new Recorder();

beforeAll(async () => {
  place = new Workplace();
  mkdirSync(place.home, { mode: 0o700 });
  gateway = await startNolapse(place, log);
  await place.ask('device', 'add', 'm-1', '--owner', 'ana');
  await place.ask('device', 'issue', 'm-1', '--out', join(place.folder, 'm-1'));
  const read = (name: string): string => readFileSync(join(place.folder, 'm-1', name), 'utf8');
  const material = { cert: read('m-1.crt'), key: read('m-1.key'), ca: read('ca.crt') };
  options = { protocol: 'mqtts', host: 'localhost', port: gateway.mqttPort, reconnectPeriod: 0, ...material };
  client = await connectAsync({ ...options, clientId: 'm-1:pump' });
}, 120_000);
afterAll(async () => {
  await client.endAsync(true);
  await end(gateway, 'SIGKILL');
  place.remove();
});

const run = (...args: readonly string[]): Promise<Outcome> => place.run([...args, '--home', place.home]);

it('names who uses the client id, and ends that session only where somebody insists', {
  timeout: 240_000,
}, async () => {
  await expect
    .poll(async () => (await run('device', 'show', 'm-1')).stdout, { timeout: 60_000 })
    .toMatch(/^here +since /m);
  const add = (...more: string[]) => run('device', 'add', 'm-1:pump', '--owner', 'ben', ...more);
  const refused = await add();
  expect([refused.code, refused.stdout]).toEqual([2, '']);
  expect(refused.stderr.split('\n')).toEqual([
    expect.stringMatching(/^nolapse: refused: it takes 1 client id that another uses; the first is .*$/),
    'nolapse: m-1:pump of m-1, which is connected',
    'nolapse: To apply it anyway: `nolapse device add m-1:pump --force --reason TEXT`',
    '',
  ]);
  const file = join(place.folder, 'more.csv');
  writeFileSync(file, 'id,owner\nm-1:pump,ben\n');
  const ofFile = refused.stderr.replace('device add m-1:pump', 'device import FILE');
  expect(await run('device', 'import', file)).toMatchObject({ code: 2, stderr: ofFile });
  expect((await add('--force')).stderr).toContain('reason: --force needs one');
  expect(client.connected).toBe(true);
  const closed = new Promise<void>((resolve) => client.once('close', () => resolve()));
  const forced = await add('--force', '--reason', 'm-1 calls it m-1:p from now on', '--by', 'carla');
  const first = 'nolapse: no other device in the inventory has the owner "ben"\n';
  expect([forced.code, forced.stderr]).toEqual([0, first]);
  await closed;
  expect((await log.until('decision.forced'))['message']).toMatch(/^carla insists on the new id m-1:pump, although/);
  const shown = (await run('device', 'show', 'm-1:pump')).stdout;
  expect(shown).toMatch(/^here +never \(tracked since \d{4}-\d\d-\d\d\)$/m);
});

it('knows stored sessions on a home at rest, too', { timeout: 240_000 }, async () => {
  const kept = await connectAsync({ ...options, clientId: 'm-1:kept', clean: false });
  await kept.endAsync();
  await client.endAsync(true);
  await end(gateway, 'SIGTERM');
  const refused = await run('device', 'add', 'm-1:kept', '--owner', 'ben');
  expect([refused.code, refused.stderr.split('\n')[1]]).toEqual([
    2,
    'nolapse: m-1:kept of m-1, which has a stored session',
  ]);
  expect(await run('device', 'add', 'm-1:other', '--owner', 'ben')).toMatchObject({ code: 0 });
});
