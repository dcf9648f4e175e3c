// An unmodified mosquitto bridges a site as `nolapse gateway bridge-config` says: what its delegated devices say and are told is
// carried both ways, once and retained where it was, and nothing of a device that was not delegated with its telemetry.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../scenarios/recorder.ts';
import { Link } from './link.ts';
import { missing } from './missing.ts';
import { freePort, Mosquitto, pathWithBrokers } from './mosquitto-process.ts';
import { type GatewayProcess, startProcess } from './nolapse-process.ts';

const examples = resolve('examples/bridge');
const password = 'correct-horse';
const yaml = `
classes: { default: { lifetime: 1h, renewAt: 66%, overlap: 10m, grace: 1h } }
access: { principals: { backend: { publish: ['devices/#'], subscribe: ['devices/#'] } } }
`;
const meters = ['meter-1', 'meter-2', 'meter-3'] as const;

let gateway: GatewayProcess;
let link: Link;
let mosquitto: Mosquitto;
let site: string;
let delegation: string;
let backend: Party;
const parties = new Map<string, Party>();

/** A connection and what it hears, `topic payload` and whether it was marked retained. */
class Party {
  readonly heard: string[] = [];
  readonly client: MqttClient;
  readonly #waiting = new Set<() => void>();

  constructor(client: MqttClient) {
    this.client = client;
    client.on('error', () => undefined);
    client.on('message', (topic, payload, { retain }) => {
      this.heard.push(`${topic} ${payload}${retain ? ' retained' : ''}`);
      for (const look of [...this.#waiting]) look();
    });
  }

  static async open(options: IClientOptions, filter: string): Promise<Party> {
    const party = new Party(await connectAsync({ reconnectPeriod: 0, ...options }));
    await party.client.subscribeAsync(filter, { qos: 1 });
    return party;
  }

  say(topic: string, payload: string, retain = false): Promise<unknown> {
    return this.client.publishAsync(topic, payload, { qos: 1, retain });
  }

  hears(line: string): Promise<string> {
    return until(
      (wake) => {
        this.#waiting.add(wake);
        return () => this.#waiting.delete(wake);
      },
      () => this.heard.find((each) => each === line),
      () => `no "${line}" among ${JSON.stringify(this.heard)} in:\n${mosquitto.lines.slice(-40).join('\n')}`,
    );
  }
}

const meter = (id: string): Party => {
  const party = parties.get(id);
  if (!party) throw new Error(id);
  return party;
};

async function buildSite(port: number): Promise<void> {
  site = join(gateway.place.folder, 'site');
  for (const id of ['gw-1', 'backend']) await gateway.place.ask('device', 'issue', id, '--out', site);
  const pair = ['key', 'crt'].map((ending) => readFileSync(join(site, `gw-1.${ending}`), 'utf8'));
  writeFileSync(join(site, 'gw-1.pem'), pair.join(''), { mode: 0o600 });
  copyFileSync(join(examples, 'acl'), join(site, 'acl'));
  writeFileSync(join(site, 'passwords'), '', { mode: 0o600 });
  for (const user of meters) {
    const args = ['-b', join(site, 'passwords'), user, password];
    execFileSync('mosquitto_passwd', args, { env: { ...process.env, PATH: pathWithBrokers } });
  }
  const files = ['--cafile', join(site, 'ca.crt'), '--certfile', join(site, 'gw-1.pem')];
  const address = ['--address', `localhost:${link.port}`, '--home', gateway.place.home];
  const made = await gateway.place.run(['gateway', 'bridge-config', 'gw-1', ...files, ...address]);
  expect(made).toMatchObject({ code: 0, stderr: '' });
  expect(made.stdout).toContain('\ntopic devices/+/# both 1\n');
  const example = readFileSync(join(examples, 'site.conf'), 'utf8');
  const here = example
    .replace('listener 1883', `listener ${port} 127.0.0.1`)
    .replaceAll('/etc/mosquitto/nolapse', site);
  mkdirSync(join(site, 'data'));
  const kept = `persistence true\npersistence_location ${join(site, 'data')}/\n`;
  const user = process.getuid?.() === 0 ? 'user root\n' : '';
  const log = 'log_dest stderr\nlog_type all\n';
  writeFileSync(join(site, 'mosquitto.conf'), user + kept + log + here + made.stdout);
}

function openBackend(clientId: string): Promise<Party> {
  const read = (file: string) => readFileSync(join(site, file));
  const files = { ca: read('ca.crt'), cert: read('backend.crt'), key: read('backend.key') };
  const options = { protocol: 'mqtts', host: 'localhost', port: gateway.mqttPort, clientId, ...files } as const;
  return Party.open(options, 'devices/#');
}

const without = missing('mosquitto', 'mosquitto_passwd');
beforeAll(async () => {
  if (without) return;
  gateway = await startProcess(yaml);
  link = await Link.open(() => gateway.mqttPort);
  const { place } = gateway;
  await place.ask('device', 'add', 'gw-1', '--owner', 'tests', '--kind', 'gateway');
  await place.ask('device', 'add', 'backend', '--owner', 'tests', '--kind', 'service');
  for (const id of meters) await place.ask('device', 'add', id, '--owner', 'tests');
  const terms = ['--modes', 'csr', '--until', '90d', '--daily', '100'];
  const granting = ['delegation', 'add', 'gw-1', '--device', 'meter-1', ...terms, '--telemetry'];
  delegation = ((await place.ask(...granting)) as { id: string }).id;
  await place.ask('delegation', 'add', 'gw-1', '--device', 'meter-2', ...terms);
  const port = await freePort();
  await buildSite(port);
  mosquitto = new Mosquitto(join(site, 'mosquitto.conf'));
  await mosquitto.start();
  await gateway.log.until('admission.admitted', { 'nolapse.client_id': 'gw-1' });
  await mosquitto.until(/Received SUBACK from local\.gw-1/);
  for (const id of meters) {
    const options = { protocol: 'mqtt', host: '127.0.0.1', port, clientId: id, username: id, password } as const;
    parties.set(id, await Party.open(options, `devices/${id}/#`));
  }
  backend = await openBackend('backend');
});
afterAll(async () => {
  for (const { client } of [...parties.values(), ...(backend ? [backend] : [])]) await client.endAsync(true);
  await mosquitto?.stop();
  await link?.close();
  await gateway?.remove();
});

describe.skipIf(without)('telemetry over a mosquitto bridge', () => {
  it('goes up for the delegated device alone, once', async () => {
    for (const id of meters.toReversed()) await meter(id).say(`devices/${id}/reading`, '42');
    await backend.hears('devices/meter-1/reading 42');
    expect(backend.heard).toEqual(['devices/meter-1/reading 42']);
    for (const id of ['meter-2', 'meter-3']) {
      const refused = { 'nolapse.principal': 'gw-1', 'nolapse.topic': `devices/${id}/reading` };
      await gateway.log.until('access.denied', refused);
    }
  });

  it('comes down for the delegated device alone, once, and does not go round', async () => {
    for (const id of meters.toReversed()) await backend.say(`devices/${id}/command`, 'open');
    await meter('meter-1').hears('devices/meter-1/command open');
    // What meter-1 said itself comes from the site's broker, and not a second time from here.
    await meter('meter-1').say('devices/meter-1/reading', '43');
    await backend.hears('devices/meter-1/reading 43');
    await backend.say('devices/meter-1/command', 'shut');
    await meter('meter-1').hears('devices/meter-1/command shut');
    expect(meter('meter-1').heard).toEqual([
      'devices/meter-1/reading 42',
      'devices/meter-1/command open',
      'devices/meter-1/reading 43',
      'devices/meter-1/command shut',
    ]);
    for (const id of ['meter-2', 'meter-3']) expect(meter(id).heard).toEqual([`devices/${id}/reading 42`]);
    expect(backend.heard.filter((each) => each.startsWith('devices/meter-1/command'))).toHaveLength(2);
  });

  it('is retained above where the device had it retained', async () => {
    for (const id of meters.toReversed()) await meter(id).say(`devices/${id}/state`, 'on', true);
    await backend.hears('devices/meter-1/state on');
    const late = await openBackend('backend:late');
    await late.hears('devices/meter-1/state on retained');
    expect(late.heard).toEqual(['devices/meter-1/state on retained']);
    await late.client.endAsync(true);
  });

  it('waits on both sides while the link is down', async () => {
    link.cut();
    await meter('meter-1').say('devices/meter-1/reading', '44');
    await backend.say('devices/meter-1/command', 'later');
    await backend.say('devices/meter-2/command', 'never');
    link.mend();
    await backend.hears('devices/meter-1/reading 44');
    await meter('meter-1').hears('devices/meter-1/command later');
    expect(meter('meter-2').heard).not.toContain('devices/meter-2/command never');
  });

  it('ends with the delegation, and the bridge stays', async () => {
    await gateway.place.ask('delegation', 'revoke', delegation);
    const since = gateway.log.lines.length;
    await meter('meter-1').say('devices/meter-1/reading', '45');
    await gateway.log.until('access.denied', { 'nolapse.topic': 'devices/meter-1/reading' }, since);
    await backend.say('devices/meter-1/command', 'never');
    const terms = ['--modes', 'csr', '--until', '90d', '--daily', '100', '--telemetry'];
    await gateway.place.ask('delegation', 'add', 'gw-1', '--device', 'meter-1', ...terms);
    await backend.say('devices/meter-1/command', 'again');
    await meter('meter-1').hears('devices/meter-1/command again');
    await meter('meter-1').say('devices/meter-1/reading', '46');
    await backend.hears('devices/meter-1/reading 46');
    expect(backend.heard).not.toContain('devices/meter-1/reading 45');
    expect(meter('meter-1').heard).not.toContain('devices/meter-1/command never');
    expect(gateway.log.lines.slice(since).filter((line) => line['event.action'] === 'session.ended')).toEqual([]);
  });
});
