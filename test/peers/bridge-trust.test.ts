// An unmodified mosquitto bridge follows the roots of the broker by its script: its own certificate proves the next root, the bridge is led to
// that root's port, and devices behind it take the step through it, as they are renewed through it.
import { execFileSync, spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bridgeConfig } from '../../src/app/operator/bridge-config.ts';
import { openStep, stepVerifies } from '../../src/pki/trust-step.ts';
import { idOf } from '../domain/samples.ts';
import { BridgedDevice } from './bridged-device.ts';
import type { Run } from './device-program.ts';
import { missing } from './missing.ts';
import { freePort, Mosquitto, pathWithBrokers } from './mosquitto-process.ts';
import { TrustBench } from './trust-devices/bench.ts';

const examples = resolve('examples/bridge');
const password = 'correct-horse';
const without = missing('mosquitto', 'mosquitto_passwd', 'mosquitto_pub', 'openssl');

let bench: TrustBench;
let mosquitto: Mosquitto;
let port: number;
let site: string;

/** The files of the bridge, with its section in a file of its own, as the example's page has it. */
async function buildSite(): Promise<void> {
  const { house } = bench;
  const { operations } = house.gateway;
  await operations.addDevice({ id: 'gw-1', owner: 'tests', kind: 'gateway' });
  await operations.addDevice({ id: 'meter-1', owner: 'tests', site: 'north' });
  await operations.addDelegation({ gateway: 'gw-1', site: 'north', modes: ['csr'], until: '90d', daily: 100 });
  const issued = await operations.issueDevice({ id: 'gw-1' });
  site = join(house.home, 'site north');
  mkdirSync(join(site, 'data'), { recursive: true });
  writeFileSync(join(site, 'gw-1.pem'), `${issued.keyPem}${issued.certificatePem}`, { mode: 0o600 });
  writeFileSync(join(site, 'ca.crt'), issued.rootPem);
  copyFileSync(join(examples, 'acl'), join(site, 'acl'));
  writeFileSync(join(site, 'passwords'), '', { mode: 0o600 });
  const path = { ...process.env, PATH: pathWithBrokers };
  execFileSync('mosquitto_passwd', ['-b', join(site, 'passwords'), 'meter-1', password], { env: path });
  const pem = join(site, 'gw-1.pem');
  const files = { cafile: join(site, 'ca.crt'), certfile: pem, keyfile: pem };
  const made = bridgeConfig({ id: idOf('gw-1'), address: `localhost:${house.gateway.ports.mqtt}`, ...files });
  if ('faults' in made) throw new Error(made.faults.join());
  mkdirSync(join(site, 'conf.d'));
  writeFileSync(join(site, 'nolapse.conf'), made.section);
  execFileSync('ln', ['-s', join(site, 'nolapse.conf'), join(site, 'conf.d', 'nolapse.conf')]);
  const here = readFileSync(join(examples, 'site.conf'), 'utf8')
    .replace('listener 1883', `listener ${port} 127.0.0.1`)
    .replaceAll('/etc/mosquitto/nolapse', site);
  const user = process.getuid?.() === 0 ? 'user root\n' : '';
  const kept = `persistence true\npersistence_location ${join(site, 'data')}/\nlog_dest stderr\nlog_type all\n`;
  writeFileSync(join(site, 'mosquitto.conf'), `${user}${kept}${here}include_dir ${join(site, 'conf.d')}\n`);
}

beforeEach(async () => {
  bench = await TrustBench.open();
  port = await freePort();
  await buildSite();
  mosquitto = new Mosquitto(join(site, 'mosquitto.conf'));
  await mosquitto.start();
  await bench.house.log.until('admission.admitted', { 'nolapse.client_id': 'gw-1' });
  await mosquitto.until(/Received SUBACK from local\.gw-1/);
});
afterEach(async () => {
  await mosquitto.stop();
  await bench.close();
});

interface Script {
  readonly ended: Promise<Run>;
  /** Resolves once it listens at the broker. */
  readonly listens: Promise<unknown>;
}

/** Runs the bridge's script; what restarts mosquitto here is a file that is touched. */
function follow(linger: number, restart: readonly string[] = ['touch', join(site, 'restart')]): Script {
  const since = bench.house.log.lines.length;
  const args = [join(examples, 'trust.sh'), 'localhost', String(bench.house.gateway.ports.mqtt), 'gw-1', site];
  const env = { ...process.env, LINGER: String(linger) };
  const child = spawn('sh', [...args, ...restart], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data: Buffer) => {
      said += data.toString();
    });
  }
  const ended = new Promise<Run>((settle, reject) => {
    child.once('error', reject);
    child.once('close', (code) => settle({ code, said }));
  });
  const listens = bench.house.log.until('admission.admitted', { 'nolapse.client_id': 'gw-1:trust-listen' }, since);
  return { ended, listens };
}

const addressOf = (): string | undefined =>
  /^address (.*)$/m.exec(readFileSync(join(site, 'nolapse.conf'), 'utf8'))?.[1];
const rootsIn = (file: string): number => readFileSync(join(site, file), 'utf8').split('BEGIN CERTIFICATE').length - 1;

describe.skipIf(without)('a mosquitto bridge', () => {
  it('proves the next root, and is led to its port with both roots', async () => {
    const { house, rollover } = bench;
    await rollover.open(2);
    // The bridge's own session is told as well, and nobody there answers: whoever listens on hears it when it is said again.
    await rollover.release('successor', 1);
    await house.log.until('trust.announced', { 'nolapse.principal': 'gw-1' });
    const run = await follow(25).ended;
    expect(run.code, run.said).toBe(0);
    expect(await house.store.read.trustRecord(idOf('gw-1'))).toMatchObject({
      stored: { root: 2, by: null },
      last: { root: 2 },
    });
    expect([addressOf(), rootsIn('ca.crt'), existsSync(join(site, 'restart'))]).toEqual([
      `localhost:${bench.port(2)}`,
      2,
      true,
    ]);
    const since = house.log.lines.length;
    await mosquitto.stop();
    await mosquitto.start();
    await house.log.until('admission.admitted', { 'nolapse.client_id': 'gw-1', 'nolapse.root': 2 }, since);
    expect(house.log.count('trust.reopened')).toBe(0);
    // And its certificate is renewed there.
    const renewed = spawn('sh', [join(examples, 'renew.sh'), 'localhost', '1', 'gw-1', site], { stdio: 'ignore' });
    expect(await new Promise((done) => renewed.once('close', done))).toBe(0);
  });

  it('stays where it is while the port shows a chain that it does not trust, and a restart that failed is tried again', async () => {
    const { house, rollover } = bench;
    const open = await rollover.open(2);
    const { port: next } = open;
    await rollover.open(3);
    await rollover.swap(3, next);
    const first = follow(25);
    await first.listens;
    await rollover.release('successor', 1);
    const refused = await first.ended;
    expect(refused.code, refused.said).toBe(1);
    await house.log.until('trust.failed', { 'event.reason': 'port_untrusted', 'nolapse.principal': 'gw-1' });
    expect([addressOf(), rootsIn('ca.crt'), existsSync(join(site, 'restart'))]).toEqual([
      `localhost:${house.gateway.ports.mqtt}`,
      2,
      false,
    ]);
    await rollover.swap(2, next);
    const second = follow(25, ['false']);
    await second.listens;
    bench.pass(2 * 3_600_000);
    expect((await second.ended).code).toBe(1);
    expect(addressOf()).toBe(`localhost:${next}`);
    const third = await follow(1).ended;
    expect(third.code, third.said).toBe(3);
    expect(existsSync(join(site, 'restart'))).toBe(true);
  });

  it('carries a step to the devices behind it, and what they say of it', async () => {
    const { house, rollover } = bench;
    const issued = await house.gateway.operations.issueDevice({ id: 'meter-1' });
    const device = new BridgedDevice('meter-1', { port, password }, { der: new Uint8Array(), keyPem: issued.keyPem });
    await device.connect();
    await device.speaker.say({ word: 'hello', maxPacket: 256 });
    await device.speaker.nothingDue();
    await rollover.open(2);
    const renewal = await rollover.release('successor', 1);
    const told = await device.speaker.next('trust');
    expect(told).toMatchObject({ renewal, port: bench.port(2) });
    await device.speaker.say({ word: 'get', renewal, offset: 0, length: told.size });
    const bytes = new Uint8Array(told.size);
    for (let filled = 0; filled < told.size; ) {
      const part = await device.speaker.next('part');
      bytes.set(part.bytes, part.offset);
      filled = part.offset + part.bytes.length;
    }
    const opened = openStep(bytes);
    expect(opened.ok && stepVerifies(opened, rollover.root(1).der)).toBe(true);
    await device.speaker.say({ word: 'ack', renewal, status: 'stored' });
    await house.log.until('trust.stored', { 'nolapse.principal': 'meter-1', 'nolapse.gateway': 'gw-1' });
    expect(await house.store.read.trustRecord(idOf('meter-1'))).toMatchObject({ stored: { root: 2, by: 'gw-1' } });
    expect(device.largestPublish).toBeLessThanOrEqual(256);
    await device.disconnect();
  });
});
