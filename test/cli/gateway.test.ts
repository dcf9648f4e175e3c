// What the command line prints for a site's mosquitto, to the letter, and what it refuses to print.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bridgeConfig } from '../../src/app/operator/bridge-config.ts';
import { idOf } from '../domain/samples.ts';
import { type Outcome, Workplace } from './harness.ts';

const golden = `# What gw-1 is to nolapse, for mosquitto 2.0.9 or later. The same command makes it anew: nolapse gateway bridge-config gw-1
connection gw-1
address mqtt.example.net:18883
remote_clientid gw-1
bridge_protocol_version mqttv311
# Read anew at each connect: a replaced certificate needs no restart.
bridge_cafile /etc/mosquitto/nolapse/ca.crt
bridge_certfile /etc/mosquitto/nolapse/gw-1.pem
bridge_keyfile /etc/mosquitto/nolapse/gw-1.pem
# What is said while the link is down waits in mosquitto.
cleansession false
keepalive_interval 30
restart_timeout 2 15
# nolapse is no mosquitto: no private bridge protocol, no state topics, nothing retained, no unsubscribing in advance.
try_private false
notifications_local_only true
bridge_outgoing_retain false
bridge_attempt_unsubscribe false
# The same topics on both sides, each word in one direction only, so that nothing goes round in circles.
topic $enroll/1/+/hello out 1
topic $enroll/1/+/csr out 1
topic $enroll/1/+/get out 1
topic $enroll/1/+/ack out 1
topic $enroll/1/+/offer in 1
topic $enroll/1/+/part in 1
topic $enroll/1/+/cert in 1
topic $enroll/1/+/done in 1
topic $enroll/1/+/trust in 1
topic $enroll/1/+/error in 1
`;

let place: Workplace;
beforeAll(async () => {
  place = new Workplace();
  await place.ask('init');
  await place.ask('device', 'add', 'gw-1', '--owner', 'o', '--kind', 'gateway');
  await place.ask('device', 'add', 'pump-1', '--owner', 'o');
});
afterAll(() => place.remove());

function print(...args: readonly string[]): Promise<Outcome> {
  return place.run(['gateway', 'bridge-config', ...args, '--home', place.home]);
}

describe('nolapse gateway bridge-config', () => {
  it('prints the section for mosquitto.conf with the name and port others reach it by', async () => {
    const file = join(place.folder, 'named.yaml');
    writeFileSync(file, 'mqtt: { port: 18883 }\nserver: { names: [localhost, 127.0.0.1, mqtt.example.net] }\n');
    expect(await print('gw-1', '--config', file)).toEqual({ code: 0, stdout: golden, stderr: '' });
  });

  it('takes address and paths as they are, blanks within included', async () => {
    const paths = [
      '--cafile',
      '/srv/my site/ca.crt',
      '--certfile',
      '/srv/my site/gw.crt',
      '--keyfile',
      '/srv/#1/gw.key',
    ];
    const { stdout } = await print('gw-1', '--address', '127.0.0.1', ...paths);
    const lines = stdout.split('\n');
    expect(lines).toHaveLength(golden.split('\n').length);
    expect(lines).toEqual(
      expect.arrayContaining([
        'address 127.0.0.1:8883',
        'bridge_cafile /srv/my site/ca.crt',
        'bridge_certfile /srv/my site/gw.crt',
        'bridge_keyfile /srv/#1/gw.key',
      ]),
    );
  });

  it('adds the topics of telemetry that the access list has, where a delegation grants it', async () => {
    await place.ask('device', 'add', 'gw-3', '--owner', 'o', '--kind', 'gateway');
    const file = join(place.folder, 'lists.yaml');
    const lists =
      "publish: ['up/{delegated}/{id}', 'x/{delegated}/#'], subscribe: ['x/{delegated}/#', 'down/{delegated}']";
    writeFileSync(file, `access: { principals: { gw-3: { ${lists} } } }\n`);
    const topics = async (...more: string[]) => {
      const { stdout } = await print('gw-3', ...more);
      return stdout.split('\n').filter((line) => line.startsWith('topic ') && !line.includes('$enroll/'));
    };
    const grant = [
      'delegation',
      'add',
      'gw-3',
      '--device',
      'pump-1',
      '--modes',
      'csr',
      '--until',
      '1d',
      '--daily',
      '1',
    ];
    await place.ask(...grant);
    expect(await topics()).toEqual([]);
    const { id } = (await place.ask(...grant, '--telemetry')) as { id: string };
    expect(await topics()).toEqual(['topic devices/+/# both 1']);
    expect(await topics('--config', file)).toEqual([
      'topic up/+/gw-3 out 1',
      'topic x/+/# both 1',
      'topic down/+ in 1',
    ]);
    const { stdout } = await print('gw-3');
    expect(stdout).toMatch(/^try_private true$/m);
    expect(stdout).toMatch(/^bridge_outgoing_retain true$/m);
    writeFileSync(file, "access: { gateway: { publish: ['a b/{delegated}/#'] } }\n");
    expect(await print('gw-3', '--config', file)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('access: mosquitto takes no blank in a topic: "a b/+/#"'),
    });
    await place.ask('delegation', 'revoke', id);
    expect(await topics()).toEqual([]);
  });

  it('looks for the key where the certificate is, unless told otherwise', async () => {
    const args = ['gateway', 'bridge-config', 'gw-1', '--certfile', '/srv/gw.pem'];
    expect(await place.ask(...args)).toMatchObject({ certfile: '/srv/gw.pem', keyfile: '/srv/gw.pem' });
  });

  it('says when the server has no certificate for the name', async () => {
    const { code, stderr } = await print('gw-1', '--address', 'elsewhere.example.net:8883');
    expect(code).toBe(0);
    expect(stderr).toMatch(/^nolapse: elsewhere\.example\.net is none of server\.names.*\n$/);
  });

  it('names every fault at once', async () => {
    const { stderr } = await print('gw-1', '--address', 'a b', '--cafile', 'ca.crt', '--certfile', 'gw.pem');
    expect(stderr.trimEnd().split('\n')).toHaveLength(3);
  });

  it('is for gateways in the inventory alone', async () => {
    for (const [id, fault] of [
      ['pump-1', 'pump-1 is a device: only a gateway is bridged'],
      ['nobody', 'nobody is not in the inventory'],
      ['gw-1\ntopic # both 2', expect.stringContaining('not an id')],
    ] as const) {
      const { code, stdout, stderr } = await print(id);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr.replace(/^nolapse: |\n$/g, '')).toEqual(fault);
    }
    await place.ask('device', 'add', 'gw-2', '--owner', 'o', '--kind', 'gateway');
    await place.ask('device', 'decommission', 'gw-2');
    expect(await print('gw-2')).toMatchObject({ code: 2, stderr: 'nolapse: gw-2 is decommissioned\n' });
  });
});

describe('what goes into the section', () => {
  const sound = {
    id: idOf('gw-1'),
    address: 'localhost:8883',
    cafile: '/srv/ca.crt',
    certfile: '/srv/gw.crt',
    keyfile: '/srv/gw.key',
  };

  it.each([
    ['a second line', { cafile: '/srv/ca.crt\ntopic # both 2' }],
    ['a carriage return', { certfile: '/srv/gw.pem\rlog_type none' }],
    ['a blank at the end', { keyfile: '/srv/gw.key ' }],
    ['a relative path', { keyfile: 'gw.key' }],
    ['a path that is too long', { cafile: `/${'x'.repeat(5_000)}` }],
    ['two addresses', { address: 'localhost:8883 other:8883' }],
    ['port 0', { address: 'localhost:0' }],
    ['a port out of range', { address: 'localhost:65536' }],
    ['an IPv6 address, which mosquitto 2.0 cannot connect to', { address: '[::1]:8883' }],
    ['an address and a second line', { address: 'localhost:8883\ntopic # both 2' }],
    ['an address and a line end', { address: 'localhost:8883\n' }],
    ['no address', { address: '' }],
  ])('is never %s', (_what, change) => {
    const [name] = Object.keys(change);
    expect(bridgeConfig(sound)).toHaveProperty('section');
    expect(bridgeConfig({ ...sound, ...change })).toEqual({ faults: [expect.stringMatching(`^${name}: `)] });
  });
});
