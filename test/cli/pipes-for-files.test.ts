// A pipe that nobody writes into, in the place of a file that the broker reads: it is a fault, and nobody waits for it.
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { accessOf } from '../../src/remote/exchange.ts';
import { readSecret } from '../../src/remote/secret.ts';
import { Recorder } from '../scenarios/recorder.ts';
import { Workplace } from './harness.ts';
import { end, type Running, startNolapse } from './nolapse-process.ts';

let place: Workplace;
let gateway: Running | undefined;
beforeEach(() => {
  place = new Workplace();
});
afterEach(async () => {
  if (gateway) await end(gateway, 'SIGKILL');
  gateway = undefined;
  place.remove();
});

function pipeAt(path: string): string {
  rmSync(path, { force: true });
  const { status, stderr } = spawnSync('mkfifo', [path], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return path;
}

it('the configuration, read anew by a running broker', async () => {
  const config = join(place.folder, 'gateway.yaml');
  writeFileSync(config, '{}\n');
  const log = new Recorder();
  gateway = await startNolapse(place, log, { NOLAPSE_MQTT_PORT: '0', NOLAPSE_HTTP_PORT: '0', NOLAPSE_CONFIG: config });
  pipeAt(config);
  gateway.child.kill('SIGHUP');
  const { message } = await log.until('policy.refused');
  expect(message).toContain('not a file');
  expect((await fetch(`http://127.0.0.1:${gateway.httpPort}/healthz`)).status).toBe(200);
});

it('a key or certificate of the PKI, looked at by a running broker and by a start', async () => {
  const log = new Recorder();
  gateway = await startNolapse(place, log);
  const key = join(place.home, 'pki', 'issuing.key');
  renameSync(key, `${key}.kept`);
  pipeAt(key);
  await end(gateway);
  const again = await place.run(['start', '--home', place.home]);
  expect(again).toMatchObject({ code: 2, stderr: expect.stringContaining(`${key} cannot be read`) });
});

it.each(['--config', 'anchors'])('what a start is to read: %s', async (what) => {
  const pipe = pipeAt(join(place.folder, 'pipe'));
  const config = join(place.folder, 'gateway.yaml');
  writeFileSync(config, `bootstrap: { anchors: [${pipe}] }\n`);
  const args = ['start', '--home', place.home, '--config', what === '--config' ? pipe : config];
  const { code, stderr } = await place.run(args);
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('not a file') });
});

it('the files of a sink or source, however often they are read', async () => {
  const pipe = pipeAt(join(place.folder, 'pipe'));
  const approach = { tokenFile: null, authorization: 'Bearer', caFile: pipe };
  for (let time = 0; time < 8; time += 1) {
    expect(await accessOf(approach)).toEqual({ fault: `${pipe} is not a file` });
    expect(await readSecret(pipe)).toEqual({ fault: `${pipe} is not a file` });
  }
});

it('leaves a command that reads standard input as it was', async () => {
  await place.ask('init');
  const child = place.spawn(['device', 'import', '-', '--format', 'csv', '--home', place.home]);
  child.stdin?.end('id,owner\npump-1,water\n');
  const [code] = (await once(child, 'close')) as [number | null];
  expect(code).toBe(0);
});
