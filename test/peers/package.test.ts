// A device that slept through a whole rollover of the root: its certificate has ended, and no port shows a chain to the root that it trusts.
// It gets a package, and its clock says 1970. The device is the one of examples/c, with mbedTLS.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { freePort } from '../scenarios/free-port.ts';
import { cAbsent, makeC } from './c-build.ts';
import { DeviceProgram, exits, runProgram } from './device-program.ts';
import { type GatewayProcess, startProcess } from './nolapse-process.ts';

/** A clock that begins at TEST_CLOCK. */
const clock = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
time_t time(time_t *into) {
  static time_t (*real)(time_t *), first;
  if (!real) { real = (time_t (*)(time_t *))dlsym(RTLD_NEXT, "time"); first = real(0); }
  time_t now = atoll(getenv("TEST_CLOCK")) + real(0) - first;
  if (into) *into = now;
  return now;
}
`;

/** mbedTLS as it is built without MBEDTLS_HAVE_TIME_DATE, for devices without a clock: it looks at no dates. */
const undated = `
int __wrap_mbedtls_x509_time_is_past(const void *end) { (void)end; return 0; }
int __wrap_mbedtls_x509_time_is_future(const void *begin) { (void)begin; return 0; }
`;
const wrapped = '-Wl,--wrap=mbedtls_x509_time_is_past,--wrap=mbedtls_x509_time_is_future';

const yaml = (nextPort: number): string =>
  [
    `mqtt: { port: 0, nextPort: ${nextPort} }`,
    'trust: { approval: { root: none } }',
    'sweep: { interval: 200ms }',
    'classes:',
    '  default: { lifetime: 1h, renewAt: 90%, overlap: 10m, grace: 10m, keyModes: [recertify, csr] }',
    '  brief: { lifetime: 5s, renewAt: 90%, overlap: 1s, grace: 1s, keyModes: [recertify, csr] }',
  ].join('\n');

let gateway: GatewayProcess;
let nextPort: number;
let preload: string;

beforeAll(async () => {
  if (cAbsent) return;
  nextPort = await freePort();
  gateway = await startProcess(yaml(nextPort).replace(/^mqtt.*\n/, ''), { NOLAPSE_MQTT_NEXTPORT: String(nextPort) });
  const { folder } = gateway.place;
  preload = join(folder, 'clock.so');
  compile('clock.c', clock, '-shared', '-fPIC', '-o', preload, '-ldl');
  const object = join(folder, 'undated.o');
  compile('undated.c', undated, '-c', '-o', object);
  makeC(join(folder, 'dated'), ['all']);
  makeC(join(folder, 'undated'), ['all'], `MORE=${object} ${wrapped}`);
});
afterAll(() => gateway?.remove());

function compile(name: string, source: string, ...words: readonly string[]): void {
  const file = join(gateway.place.folder, name);
  writeFileSync(file, source);
  const { status, stderr } = spawnSync('gcc', [file, ...words], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
}

const ask = (...words: string[]): Promise<unknown> => gateway.place.ask(...words);

/** Runs the device, as it is built in one way, on this folder with this clock, in Unix seconds. */
function run(built: 'dated' | 'undated', folder: string, port: number, seconds: number) {
  const args = ['localhost', String(port), 'pump-1', folder, '--tries', '1', '--wait', '5', '--answer', '5'];
  const env = { ...process.env, LD_PRELOAD: preload, TEST_CLOCK: String(seconds) };
  return runProgram(join(gateway.place.folder, built, 'renew'), args, env);
}

it.skipIf(cAbsent)(
  'comes back with a package, and renews, though its clock says 1970',
  async () => {
    const device = await DeviceProgram.make(gateway, 'pump-1', { class: 'brief' });
    await device.beSeen();
    await gateway.log.until('certificate.expired', { 'nolapse.principal': 'pump-1' });
    const { folder } = gateway.place;
    await ask('trust', 'prepare', 'root');
    await ask('backup', join(folder, 'backup'));
    await ask('backup', join(folder, 'backup'), '--verify');
    await ask('trust', 'distribute', 'root');
    writeFileSync(join(folder, 'rest'), 'pump-1\n');
    await ask('trust', 'activate', 'root', '--accept', join(folder, 'rest'));
    await ask('trust', 'retire', 'root', '--accept', join(folder, 'rest'));
    // As it was: neither port leads to the root that it trusts.
    const port = gateway.mqttPort;
    const now = Math.floor(Date.now() / 1_000);
    for (const each of [port, nextPort]) {
      expect((await run('dated', device.folder, each, now)).code).toBe(exits.tryAgain);
    }

    await ask('device', 'set', 'pump-1', '--class', 'default');
    const card = join(folder, 'card');
    await ask('device', 'package', 'pump-1', '--out', card);
    const der = join(card, 'der');
    const [first = 0] = readFileSync(join(card, 'ports'), 'utf8').trim().split('\n').map(Number);
    expect([first, nextPort]).toContain(nextPort);
    // A stack that looks at dates takes nothing before its clock is set from the package; one that does not needs no clock.
    const dated = await run('dated', der, port, 60);
    expect(dated.code, dated.said).toBe(exits.tryAgain);
    const clockless = await run('undated', der, port, 60);
    expect(clockless.code, clockless.said).toBe(exits.nothingOwed);
    const set = await run('dated', der, nextPort, Number(readFileSync(join(card, 'time'), 'utf8')));
    expect(set.code, set.said).toBe(exits.nothingOwed);
    await ask('renewal', 'run', 'pump-1');
    const renewed = await run('undated', der, port, 60);
    expect(renewed.code, renewed.said).toBe(exits.renewed);
  },
  120_000,
);
