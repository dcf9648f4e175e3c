// A site's broker is an unmodified mosquitto, bridged as `nolapse gateway bridge-config` says and guarded as examples/bridge does.
// Devices that talk to it and to nobody else are renewed from beginning to end, whatever breaks in between, and so is the bridge.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fingerprintOf } from '../../src/pki/fingerprint.ts';
import { derToPem, pemToDer } from '../../src/pki/pem.ts';
import { newRequest } from '../scenarios/harness.ts';
import { BridgedDevice } from './bridged-device.ts';
import { Link } from './link.ts';
import { freePort, Mosquitto, pathWithBrokers } from './mosquitto-process.ts';
import { type GatewayProcess, startProcess } from './nolapse-process.ts';

const examples = resolve('examples/bridge');
const password = 'correct-horse';
const yaml = `
classes:
  default: { lifetime: 1h, renewAt: 66%, overlap: 2s, grace: 1h, requireDeviceProof: true }
  calm: { lifetime: 1h, renewAt: 66%, overlap: 10m, grace: 1h, requireDeviceProof: true }
  bridge: { lifetime: 1h, renewAt: 66%, overlap: 12s, grace: 1h, requireDeviceProof: true }
`;

let gateway: GatewayProcess;
let link: Link;
let mosquitto: Mosquitto;
let port: number;
let site: string;
let meter: BridgedDevice;

const pemOf = (id: string): string => join(site, `${id}.pem`);

/** The bridge's files, the site's configuration from the examples, and users named like their devices. */
async function buildSite(users: readonly string[]): Promise<void> {
  // A blank in every path: the section for mosquitto has to bear it.
  site = join(gateway.place.folder, 'site north');
  await gateway.place.ask('device', 'issue', 'gw-1', '--out', site);
  const pair = ['key', 'crt'].map((ending) => readFileSync(join(site, `gw-1.${ending}`), 'utf8'));
  writeFileSync(pemOf('gw-1'), pair.join(''), { mode: 0o600 });
  copyFileSync(join(examples, 'acl'), join(site, 'acl'));
  writeFileSync(join(site, 'passwords'), '', { mode: 0o600 });
  for (const user of users) {
    const args = ['-b', join(site, 'passwords'), user, password];
    execFileSync('mosquitto_passwd', args, { env: { ...process.env, PATH: pathWithBrokers } });
  }
  const files = ['--cafile', join(site, 'ca.crt'), '--certfile', pemOf('gw-1')];
  const address = ['--address', `localhost:${link.port}`, '--home', gateway.place.home];
  const made = await gateway.place.run(['gateway', 'bridge-config', 'gw-1', ...files, ...address]);
  expect(made).toMatchObject({ code: 0, stderr: '' });
  const example = readFileSync(join(examples, 'site.conf'), 'utf8');
  const here = example
    .replace('listener 1883', `listener ${port} 127.0.0.1`)
    .replaceAll('/etc/mosquitto/nolapse', site);
  mkdirSync(join(site, 'data'));
  const kept = `persistence true\npersistence_location ${join(site, 'data')}/\n`;
  const log = 'log_dest stderr\nlog_type all\n';
  // Mosquitto gives up root for a user that may not read this folder.
  const user = process.getuid?.() === 0 ? 'user root\n' : '';
  writeFileSync(join(site, 'mosquitto.conf'), user + kept + log + here + made.stdout);
}

/** A device behind the site's broker, with its first certificate. */
async function commission(id: string): Promise<BridgedDevice> {
  await gateway.place.ask('device', 'issue', id, '--out', site);
  const [der] = pemToDer(readFileSync(join(site, `${id}.crt`), 'utf8'), 'CERTIFICATE') ?? [];
  if (!der) throw new Error('no certificate');
  const keyPem = readFileSync(join(site, `${id}.key`), 'utf8');
  return new BridgedDevice(id, { port, password }, { der, keyPem });
}

beforeAll(async () => {
  gateway = await startProcess(yaml);
  link = await Link.open(() => gateway.mqttPort);
  port = await freePort();
  const { place } = gateway;
  await place.ask('device', 'add', 'gw-1', '--owner', 'tests', '--kind', 'gateway', '--class', 'bridge');
  await place.ask('device', 'add', 'meter-1', '--owner', 'tests', '--site', 'north');
  await place.ask('device', 'add', 'meter-3', '--owner', 'tests', '--site', 'north', '--class', 'calm');
  await place.ask('device', 'add', 'meter-2', '--owner', 'tests', '--site', 'south');
  const terms = ['--modes', 'csr', '--until', '90d', '--daily', '100'];
  await place.ask('delegation', 'add', 'gw-1', '--site', 'north', ...terms);
  await buildSite(['meter-1', 'meter-2', 'meter-3']);
  meter = await commission('meter-1');
  mosquitto = new Mosquitto(join(site, 'mosquitto.conf'));
  await mosquitto.start();
  await gateway.log.until('admission.admitted', { 'nolapse.client_id': 'gw-1' });
  await mosquitto.until(/Received SUBACK from local\.gw-1/);
});
afterAll(async () => {
  await meter?.disconnect();
  await mosquitto?.stop();
  await link?.close();
  await gateway?.remove();
});

/** What the log tells of a principal from now on. */
function hereafter(id: string): (action: string, more?: object) => Promise<unknown> {
  const since = gateway.log.lines.length;
  return (action, more = {}) => gateway.log.until(action, { 'nolapse.principal': id, ...more }, since);
}

/** @returns the id of a renewal that is due now. */
async function makeDue(id: string): Promise<string> {
  return ((await gateway.place.ask('renewal', 'run', id)) as { id: string }).id;
}

/** The device's new certificate comes into use, by its word and its proof, and the old one retires. */
async function activate(renewal: string): Promise<void> {
  const told = hereafter('meter-1');
  await meter.hello();
  await told('renewal.activated', { 'tls.client.hash.sha256': meter.fingerprint });
  await meter.done(renewal);
  await told('renewal.retired');
}

/** What is answered to it is lost on the way, and the link with it. */
async function whileLosing(say: () => Promise<void>): Promise<void> {
  const lost = link.lose();
  await say();
  await lost;
  link.cut();
  link.mend();
}

/** What it says meets a broken link, and waits at the site. */
async function whileCut(say: () => Promise<void>): Promise<void> {
  link.cut();
  await say();
  link.mend();
}

interface Script {
  readonly child: ChildProcess;
  readonly lines: readonly string[];
  /** Resolves with its exit code once all it wrote has been read. */
  readonly ended: Promise<number | null>;
  /** Resolves once it wrote a line that begins so. */
  wrote(start: string): Promise<void>;
}

/** Starts the renewal script for the bridge, in a process group of its own. */
function renewBridge(at = gateway.mqttPort, ...command: readonly string[]): Script {
  const args = ['localhost', String(at), 'gw-1', site, ...command];
  const child = spawn(join(examples, 'renew.sh'), args, { detached: true, stdio: ['ignore', 'pipe', 'inherit'] });
  const lines: string[] = [];
  const reader = createInterface({ input: child.stdout });
  reader.on('line', (text) => lines.push(text));
  const ended = once(child, 'close').then(([code]) => code as number | null);
  const wrote = async (start: string): Promise<void> => {
    while (!lines.some((text) => text.startsWith(start))) {
      const next = await Promise.race([once(reader, 'line'), ended]);
      if (!Array.isArray(next)) throw new Error(`it ended with ${next} after ${JSON.stringify(lines)}`);
    }
  };
  return { child, lines, ended, wrote };
}

function fingerprintIn(pair: string): string {
  return fingerprintOf(new X509Certificate(readFileSync(pemOf(pair))).raw);
}

/** Publishes at nolapse itself with this pair of the bridge's. @returns the exit code of mosquitto_pub. */
async function publishWith(pair: string, topic: string, message: string): Promise<unknown> {
  const files = ['--cafile', join(site, 'ca.crt'), '--cert', pemOf(pair), '--key', pemOf(pair)];
  const address = ['-h', 'localhost', '-p', String(gateway.mqttPort), '-i', 'gw-1:probe'];
  const args = [...address, ...files, '-t', topic, '-m', message, '-q', '1'];
  const [code] = await once(spawn('mosquitto_pub', args, { stdio: 'ignore' }), 'exit');
  return code;
}

describe('a device behind an unmodified mosquitto', () => {
  it('has its first certificate activated by its word and its proof', async () => {
    const told = hereafter('meter-1');
    await meter.connect();
    await meter.hello();
    await told('certificate.activated');
  });

  it('is renewed from beginning to end, in packets it can hold', async () => {
    const told = hereafter('meter-1');
    const renewal = await makeDue('meter-1');
    await meter.offered(renewal);
    await meter.request(renewal);
    const offer = await meter.ready();
    await meter.get(offer);
    await meter.receive(offer);
    await meter.install(renewal);
    await told('renewal.installed');
    await activate(renewal);
    expect(meter.largestPublish).toBeGreaterThan(128);
    expect(meter.largestPublish).toBeLessThanOrEqual(256);
  });

  it('says each thing once, though the link is cut at every message, and is heard when it is mended', async () => {
    const told = hereafter('meter-1');
    link.cut();
    const renewal = await makeDue('meter-1');
    await told('renewal.due');
    link.mend();
    await meter.offered(renewal);
    await whileCut(() => meter.request(renewal));
    const offer = await meter.ready();
    await whileCut(() => meter.get(offer));
    await meter.receive(offer);
    await whileCut(() => meter.install(renewal));
    await told('renewal.installed');
    link.cut();
    const activated = activate(renewal);
    link.mend();
    await activated;
  });

  it('hears each thing, though every offer, every part and the end were lost on the way to it', async () => {
    const other = await commission('meter-3');
    await other.connect();
    const told = hereafter('meter-3');
    await other.hello();
    await told('certificate.activated');
    const lost = link.lose();
    const renewal = await makeDue('meter-3');
    await lost;
    link.cut();
    link.mend();
    await other.offered(renewal);
    await whileLosing(() => other.request(renewal));
    const offer = await other.ready();
    const der = new Uint8Array(offer.size);
    let parts = 0;
    for (let filled = 0; filled < offer.size; parts += 1) {
      const from = filled;
      await whileLosing(() => other.get(offer, from, 100));
      while (filled === from) {
        const { offset, bytes } = await other.part(renewal);
        // A part before it may have come twice.
        if (offset !== from) continue;
        der.set(bytes, offset);
        filled += bytes.length;
      }
    }
    expect(parts).toBeGreaterThan(2);
    other.take(der, offer.sha256);
    await whileLosing(() => other.install(renewal));
    await told('renewal.installed');
    await whileLosing(() => other.hello());
    await told('renewal.activated', { 'tls.client.hash.sha256': other.fingerprint });
    // It says hello until it is told, as the protocol has it.
    const done = other.done(renewal);
    const again = setInterval(() => void other.hello(), 1_000);
    await done.finally(() => clearInterval(again));
    await other.disconnect();
  });

  it('says a thing once, though both brokers are restarted, and is heard when they are back', async () => {
    const renewal = await makeDue('meter-1');
    await meter.offered(renewal);
    expect(await gateway.stop()).toBe(0);
    await meter.request(renewal);
    await meter.disconnect();
    await mosquitto.stop();
    await mosquitto.start();
    const told = hereafter('meter-1');
    await gateway.start();
    await told('renewal.requested');
    await meter.connect();
    await meter.hello();
    const offer = await meter.ready();
    await meter.get(offer);
    await meter.receive(offer);
    await meter.install(renewal);
    await activate(renewal);
  });

  it('cannot speak for another, nor for the gateway, on its own broker', async () => {
    const since = mosquitto.lines.length;
    for (const topic of ['$enroll/1/gw-1/csr', '$enroll/1/meter-2/hello', '$enroll/1/meter-1/offer']) {
      await meter.speaker.client.publishAsync(topic, '{}', { qos: 1 });
      const denied = new RegExp(`Denied PUBLISH from meter-1 .*'${topic.replaceAll('$', '\\$')}'`);
      await mosquitto.until(denied, since);
    }
  });

  it('is not heard when it is of another site', async () => {
    const stranger = new BridgedDevice('meter-2', { port, password }, { der: new Uint8Array(), keyPem: '' });
    const told = hereafter('meter-2');
    await stranger.connect();
    await stranger.speaker.say({ word: 'hello' });
    await told('delegation.refused', { 'event.reason': 'not_delegated', 'nolapse.gateway': 'gw-1' });
    await stranger.disconnect();
  });
});

describe('the bridge itself', () => {
  it('is left as it is by its script while nothing is due', async () => {
    const { child, lines, ended } = renewBridge();
    expect(await ended).toBe(0);
    expect(lines).toEqual(['nothing is due']);
    expect(() => process.kill(-(child.pid ?? 0), 0)).toThrow(/ESRCH/);
  });

  it('is not renewed for somebody who has its topics and not its key', async () => {
    const told = hereafter('gw-1');
    const renewal = await makeDue('gw-1');
    const csr = derToPem((await newRequest('gw-1')).csr, 'CERTIFICATE REQUEST');
    expect(await publishWith('gw-1', '$enroll/1/gw-1/csr', JSON.stringify({ renewal, csr }))).toBe(0);
    await told('enrollment.refused', { 'event.reason': 'proof_required' });
    expect(await gateway.place.ask('renewal', 'show', renewal)).toMatchObject({ renewal: { newFingerprint: null } });
  });

  it('is renewed by its script, which is killed twice on the way', async () => {
    const told = hereafter('gw-1');
    copyFileSync(pemOf('gw-1'), pemOf('old'));
    // It hangs at its third connection, then at its fourth.
    for (const [connections, step] of [
      [2, '1'],
      [3, '2'],
    ] as const) {
      const way = await Link.open(() => gateway.mqttPort, connections);
      const { child, ended, wrote } = renewBridge(way.port);
      await wrote(step);
      if (child.pid === undefined) throw new Error('it did not start');
      process.kill(-child.pid, 'SIGKILL');
      await ended;
      await way.close();
    }
    expect(readFileSync(pemOf('gw-1'))).toEqual(readFileSync(pemOf('old')));
    const last = renewBridge(gateway.mqttPort, 'sh', '-c', 'echo 4 told');
    expect(await last.ended).toBe(0);
    expect(last.lines.map((text) => text[0])).toEqual(['3', '4']);
    expect(readFileSync(pemOf('gw-1'))).not.toEqual(readFileSync(pemOf('old')));
    await told('renewal.activated', { 'tls.client.hash.sha256': fingerprintIn('gw-1') });
  });

  it('runs on with the new certificate once overlap has ended, without being told anything', async () => {
    const [before, now] = [fingerprintIn('old'), fingerprintIn('gw-1')];
    const bridge = { 'nolapse.principal': 'gw-1', 'nolapse.client_id': 'gw-1' };
    const ended = { 'event.reason': 'overlap_ended', 'tls.client.hash.sha256': before };
    await gateway.log.until('session.ended', { ...bridge, ...ended });
    await gateway.log.until('admission.admitted', { ...bridge, 'tls.client.hash.sha256': now });
    await meter.offered(await makeDue('meter-1'));
    expect(await publishWith('old', 'gateways/gw-1/probe', '1')).toBe(5);
    await gateway.log.until('admission.refused', { 'event.reason': 'retired', 'tls.client.hash.sha256': before });
  });

  it('is left with nothing of the script but the pair in use, for its owner alone', () => {
    const files = readdirSync(site).filter((file) => /gw-1\.|renewal/.test(file));
    expect(files.sort()).toEqual(['.gw-1.lock', 'gw-1.crt', 'gw-1.key', 'gw-1.pem']);
    expect(statSync(pemOf('gw-1')).mode & 0o077).toBe(0);
  });
});
