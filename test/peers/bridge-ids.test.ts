// A site whose gateway and whose device have colons and an @ in their ids: bridged by an unmodified mosquitto, renewed through it,
// and the bridge's certificate replaced by its script.
import { execFile, execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { escapeName } from '../../src/domain/escape.ts';
import { pemToDer } from '../../src/pki/pem.ts';
import { BridgedDevice } from './bridged-device.ts';
import { missing } from './missing.ts';
import { freePort, Mosquitto } from './mosquitto-process.ts';
import { type GatewayProcess, startProcess } from './nolapse-process.ts';

const bridge = 'gw:north@site';
const id = '00:1A:2b:3c:4d:5e';
const yaml =
  'classes: { default: { lifetime: 1h, renewAt: 66%, overlap: 2s, grace: 1h }, bridge: { lifetime: 1h, renewAt: 66%, overlap: 10m, grace: 1h } }';

let gateway: GatewayProcess;
let mosquitto: Mosquitto;
let device: BridgedDevice;
let site: string;

beforeAll(async () => {
  gateway = await startProcess(yaml);
  const { place } = gateway;
  site = join(place.folder, 'site');
  await place.ask('device', 'add', bridge, '--owner', 'tests', '--kind', 'gateway', '--class', 'bridge');
  await place.ask('device', 'add', id, '--owner', 'tests');
  const terms = ['--device', id, '--modes', 'csr', '--until', '90d', '--daily', '100'];
  await place.ask('delegation', 'add', bridge, ...terms);
  for (const each of [bridge, id]) await place.ask('device', 'issue', each, '--out', site);
  const stem = join(site, escapeName(bridge));
  writeFileSync(`${stem}.pem`, readFileSync(`${stem}.key`, 'utf8') + readFileSync(`${stem}.crt`, 'utf8'), {
    mode: 0o600,
  });
  const files = ['--cafile', join(site, 'ca.crt'), '--certfile', `${stem}.pem`];
  const address = ['--address', `localhost:${gateway.mqttPort}`, '--home', place.home];
  const made = await place.run(['gateway', 'bridge-config', bridge, ...files, ...address]);
  expect(made).toMatchObject({ code: 0, stderr: '' });
  const port = await freePort();
  const user = process.getuid?.() === 0 ? 'user root\n' : '';
  const listener = `log_dest stderr\nlog_type all\nlistener ${port} 127.0.0.1\nallow_anonymous true\n`;
  writeFileSync(join(site, 'mosquitto.conf'), user + listener + made.stdout);
  const [der] = pemToDer(readFileSync(join(site, `${escapeName(id)}.crt`), 'utf8'), 'CERTIFICATE') ?? [];
  if (!der) throw new Error('no certificate');
  const keyPem = readFileSync(join(site, `${escapeName(id)}.key`), 'utf8');
  device = new BridgedDevice(id, { port, password: 'unused' }, { der, keyPem });
  mosquitto = new Mosquitto(join(site, 'mosquitto.conf'));
  await mosquitto.start();
  await gateway.log.until('admission.admitted', { 'nolapse.client_id': bridge });
  await mosquitto.until(/Received SUBACK from local\.gw:north@site/);
});
afterAll(async () => {
  await device?.disconnect();
  await mosquitto?.stop();
  await gateway?.remove();
});

describe.skipIf(missing('mosquitto', 'mosquitto_pub', 'mosquitto_sub', 'openssl'))(
  'a site with colons in its ids',
  () => {
    it('has its device renewed through mosquitto', async () => {
      await device.connect();
      await device.hello();
      await gateway.log.until('certificate.activated', { 'nolapse.principal': id, 'nolapse.gateway': bridge });
      const { id: renewal } = (await gateway.place.ask('renewal', 'run', id)) as { id: string };
      await device.offered(renewal);
      await device.request(renewal);
      const offer = await device.ready();
      await device.get(offer);
      await device.receive(offer);
      await device.install(renewal);
      await device.hello();
      await gateway.log.until('renewal.activated', { 'nolapse.principal': id, 'nolapse.gateway': bridge });
      await device.done(renewal);
    });

    it('has its bridge renewed by the script', async () => {
      await gateway.place.ask('renewal', 'run', bridge);
      const args = [resolve('examples/bridge/renew.sh'), 'localhost', String(gateway.mqttPort), bridge, site];
      await promisify(execFile)('sh', args);
      await gateway.log.until('renewal.activated', { 'nolapse.principal': bridge });
      const pem = readFileSync(join(site, `${escapeName(bridge)}.pem`), 'utf8');
      expect(execFileSync('openssl', ['x509', '-noout', '-subject'], { input: pem }).toString()).toContain(bridge);
      expect(readdirSync(site).filter((file) => /[:@]|\.next\./.test(file))).toEqual([]);
    });
  },
);
