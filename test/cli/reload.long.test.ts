// nolapse reload with policies that leave a certificate too little time: shown, refused, and carried out once somebody insists with a reason.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connectAsync } from 'mqtt';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Recorder } from '../scenarios/recorder.ts';
import { type Outcome, Workplace } from './harness.ts';
import { end, type Running, startNolapse } from './nolapse-process.ts';

let place: Workplace;
let log: Recorder;
let gateway: Running;

const configure = (renewAt: string): void =>
  writeFileSync(
    join(place.home, 'nolapse.yaml'),
    `classes:\n  default: { lifetime: 90d, renewAt: ${renewAt}, spread: 0%, retryMax: 10% }\n`,
  );

/** A broker with one device that has been seen in use. */
beforeEach(async () => {
  place = new Workplace();
  log = new Recorder();
  mkdirSync(place.home, { mode: 0o700 });
  configure('50%');
  gateway = await startNolapse(place, log);
  await place.ask('device', 'add', 'm-1', '--owner', 'ana');
  await place.ask('device', 'issue', 'm-1', '--out', join(place.folder, 'm-1'));
  const read = (name: string): string => readFileSync(join(place.folder, 'm-1', name), 'utf8');
  const client = await connectAsync({
    protocol: 'mqtts',
    host: 'localhost',
    port: gateway.mqttPort,
    clientId: 'm-1',
    cert: read('m-1.crt'),
    key: read('m-1.key'),
    ca: read('ca.crt'),
    reconnectPeriod: 0,
  });
  await client.endAsync();
  configure('99%');
}, 120_000);
afterEach(async () => {
  await end(gateway, 'SIGKILL');
  place.remove();
});

const reload = (...args: readonly string[]): Promise<Outcome> => place.run(['reload', ...args, '--home', place.home]);

it('shows them with exit code 1, refuses them with 2, and takes them with a reason that is kept', {
  timeout: 240_000,
}, async () => {
  const shown = await reload('--dry-run');
  expect([shown.code, shown.stderr]).toEqual([1, '']);
  expect(shown.stdout).toMatch(
    /^renewals a day: less than 1 before, less than 1 with it; the rate limits allow 8640000$/m,
  );
  expect(shown.stdout).toMatch(/^too little time: 1 certificate$/m);
  expect(shown.stdout).toMatch(
    /^ {2}1 certificate: less time is left .*; the first is that of m-1 \(ana\), which ends \S+Z$/m,
  );
  expect(shown.stdout).toMatch(/^not applied\. To apply it anyway: `nolapse reload --force --reason TEXT`$/m);

  const refused = await reload();
  expect([refused.code, refused.stdout]).toEqual([2, '']);
  expect(refused.stderr).toMatch(
    /^nolapse: refused: 1 certificate would have too little time to be replaced; the first is .*$/m,
  );
  expect(refused.stderr).toMatch(/^nolapse: To apply it anyway: `nolapse reload --force --reason TEXT`$/m);
  expect(await log.until('policy.refused')).toMatchObject({ 'event.reason': 'too_little_time', 'nolapse.short': 1 });

  for (const args of [['--force'], ['--force', '--reason', ' ']]) {
    const unreasoned = await reload(...args);
    expect([unreasoned.code, unreasoned.stdout]).toEqual([2, '']);
    expect(unreasoned.stderr).toContain('reason: --force needs one');
  }
  expect(log.count('policy.reloaded')).toBe(0);
  expect(log.count('decision.forced')).toBe(0);

  const forced = await reload('--force', '--reason', 'the fleet is replaced next week');
  expect([forced.code, forced.stderr]).toEqual([0, '']);
  const line = await log.until('decision.forced');
  const actor = String(line['nolapse.by']);
  expect(actor).not.toBe('');
  expect(line).toMatchObject({ 'nolapse.short': 1 });
  const said = `${actor} insists on the changed policies`;
  expect(line.message).toMatch(/Reason: the fleet is replaced next week$/);
  expect(line.message).toContain(said);
  await log.until('policy.reloaded');
  expect(log.count('policy.reloaded')).toBe(1);

  const { stdout } = await place.run([
    ...['evidence', '--home', place.home, '--framework', 'nist-csf-2.0', '--control', 'PR.AA-05'],
    ...['--from', '2026-01-01', '--to', '2999-01-01'],
  ]);
  const records = stdout
    .trimEnd()
    .split('\n')
    .map((text) => JSON.parse(text) as { action?: string; detail?: string });
  const kept = records.filter(({ action }) => action === 'decision.forced').map(({ detail }) => detail);
  expect(kept).toEqual([line.message]);
});
