// What the configuration file and the environment may say, and what is answered to what they may not.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigError, type ConfigFault } from '../../src/config/fault.ts';
import { type Config, loadConfig } from '../../src/config/index.ts';
import { configKeys } from '../../src/config/keys.ts';
import { defaultTemplates } from '../../src/domain/acl.ts';

let directory = '';
let counter = 0;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'nolapse-config-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

function fileOf(yaml: string | Uint8Array): string {
  counter += 1;
  const file = join(directory, `${counter}.yaml`);
  writeFileSync(file, yaml);
  return file;
}

function load(yaml: string, env: Record<string, string> = {}): Config {
  return loadConfig({ file: fileOf(yaml), env });
}

function faultsOf(yaml: string | Uint8Array, env: Record<string, string> = {}): readonly ConfigFault[] {
  try {
    loadConfig({ file: fileOf(yaml), env });
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
}

const pathsOf = (yaml: string, env: Record<string, string> = {}): string[] =>
  faultsOf(yaml, env).map((fault) => fault.path);

const days = (count: number): number => count * 86_400_000;
const durationOf = (ms: number) => ({ kind: 'duration', ms });

describe('defaults', () => {
  it('are those of the design when nothing is said', () => {
    const config = loadConfig({ env: {} });
    expect(config.mqtt).toEqual({ host: '127.0.0.1', port: 8883, nextPort: null });
    expect(config.trust.controlPort).toBeNull();
    expect(config.trust.approval).toEqual({ root: 'required', issuing: 'none' });
    expect(config).not.toHaveProperty('websocket');
    expect(config.http).toEqual({ host: '127.0.0.1', port: 8880, publicUrl: 'http://localhost:8880' });
    expect(config.server.names).toEqual(['localhost', '127.0.0.1']);
    expect(config.access.kinds).toEqual(defaultTemplates);
    expect(config.access.principals.size).toBe(0);
    expect(config.skewMs).toBe(300_000);
    expect(config.crl.validityMs).toBe(days(7));
    expect(config.sweep).toEqual({ intervalMs: 1_000, batch: 200 });
    expect(config.log.level).toBe('info');
    expect([...config.policies.keys()]).toEqual(['default']);
    expect(config.policies.get('default')?.medium.policy).toEqual({
      lifetimeMs: days(90),
      renewAt: { kind: 'share', share: 0.5 },
      spread: { kind: 'share', share: 0.02 },
      overlap: durationOf(days(7)),
      grace: durationOf(days(30)),
      retryFirst: { kind: 'share', share: 0.0002 },
      retryMax: { kind: 'share', share: 0.01 },
      backdate: durationOf(3_600_000),
      keyModes: ['csr', 'recertify'],
      keyAgeMaxMs: 730 * 86_400_000,
      requireDeviceProof: false,
      activateWithin: { kind: 'share', share: 0.02 },
      expiryWarning: { kind: 'share', share: 0.2 },
      expiryAlarm: { kind: 'share', share: 0.05 },
      overdueAfter: { kind: 'share', share: 0.1 },
      requestsMax: 10,
    });
  });

  it('hold for an empty file, a file of comments and sections without anything in them', () => {
    const defaults = loadConfig({ env: {} });
    for (const yaml of ['', '# nothing\n', 'mqtt:\nclasses:\nwebsocket:\n']) expect(load(yaml)).toEqual(defaults);
  });

  it('name every key with what it is when nobody sets it', () => {
    const known = new Map(configKeys.map((key) => [key.path.join('.'), key.default]));
    expect(known.get('mqtt.port')).toBe(8883);
    expect(known.get('classes.<name>.renewAt')).toBe('50%');
    expect(known.get('limits.handshake')).toBe('10s');
    expect(known.has('access.principals.<name>.publish')).toBe(true);
    expect(configKeys.length).toBe(known.size);
  });
});

describe('a file', () => {
  it('switches WebSockets on with a port alone', () => {
    expect(load('websocket: { port: 0 }').websocket).toEqual({ host: '127.0.0.1', port: 0, path: '/mqtt' });
  });

  it('names the ports of a next root and of a control, which are none of the others', () => {
    const { mqtt, trust } = load('mqtt: { nextPort: 8885 }\ntrust: { controlPort: 8886 }');
    expect([mqtt.nextPort, trust.controlPort]).toEqual([8885, 8886]);
    expect(() => load('mqtt: { nextPort: 0 }')).toThrow(/mqtt.nextPort: expected a whole number from 1 to 65535/);
    expect(() => load('mqtt: { nextPort: 8883 }')).toThrow(/mqtt.nextPort: 8883 is the port of mqtt too/);
    expect(() => load('trust: { controlPort: 8880 }')).toThrow(/http.port: 8880 is the port of trust.controlPort too/);
    expect(() => load('mqtt: { nextPort: 9 }\ntrust: { controlPort: 9 }')).toThrow(/trust.controlPort: 9 is the port/);
  });

  it('names the cohorts that go first, which are the whole fleet at most', () => {
    const { rollout } = load('rollout: { canaryShare: 40%, earlyShare: 60%, soak: 2h }');
    expect(rollout.shares).toEqual({ canary: 0.4, early: 0.6 });
    expect(rollout.rule).toEqual({ activatedShare: 0.95, soakMs: 7_200_000, failedShareMax: 0.05, failuresLeast: 3 });
    const apis = [
      ['host: 0.0.0.0, tls: none', /api.tls: none is for a loopback address alone/],
      ['tls: files, key: k.pem', /api.certificate: needed where tls is files/],
      ['key: k.pem', /api.key: counts only where tls is files/],
      ['port: 8880', /api.port: 8880 is the port of http too/],
      ['approval: three', /api.approval: expected one of one, two/],
    ] as const;
    for (const [text, fault] of apis) expect(() => load(`api: { ${text} }`)).toThrow(fault);
    expect(load('api: { host: "::1", tls: none }').api).toMatchObject({ tls: { kind: 'none' }, approval: null });
    expect(load('mqtt: {}').api).toBeUndefined();
    expect(() => load('rollout: { canaryShare: 40%, earlyShare: 61% }')).toThrow(
      /rollout.earlyShare: together with canaryShare it is more than 100%/,
    );
  });

  it('gives each class what default says, and default what is built in', () => {
    const { policies } = load(
      'classes:\n  default: { lifetime: 60d, grace: 10d }\n  meter: { lifetime: 30d, renewAt: 12d, overlap: 10% }\n',
    );
    expect(policies.get('meter')?.medium.policy).toMatchObject({
      lifetimeMs: days(30),
      renewAt: durationOf(days(12)),
      overlap: { kind: 'share', share: 0.1 },
      grace: durationOf(days(10)),
    });
    expect(policies.get('default')?.medium.policy).toMatchObject({
      lifetimeMs: days(60),
      overlap: durationOf(days(7)),
    });
  });

  it('may ask for lives of two minutes without saying more: built-in overlap and backdating give way', () => {
    const policy = load('classes: { default: { lifetime: 2m } }').policies.get('default')?.medium.policy;
    expect(policy).toMatchObject({ lifetimeMs: 120_000, overlap: durationOf(30_000), backdate: durationOf(6_000) });
  });

  it('takes a value from the class, the criticality, the class default, or what is built in, in this order', () => {
    const { policies } = load(
      [
        'classes:',
        '  default: { lifetime: 60d, renewAt: 60%, overlap: 5d, spread: 3% }',
        '  meter: { renewAt: 40% }',
        'criticalities:',
        '  critical: { renewAt: 50%, overlap: 10%, keyModes: [keygen, csr], requestsMax: 3, requireDeviceProof: true }',
        '  low: { expiryWarning: 8% }',
      ].join('\n'),
    );
    const critical = policies.get('meter')?.critical;
    expect(critical?.policy).toMatchObject({
      lifetimeMs: days(60),
      renewAt: { share: 0.4 },
      overlap: { share: 0.1 },
      spread: { share: 0.03 },
      expiryWarning: { share: 0.2 },
      keyModes: ['keygen', 'csr'],
      requestsMax: 3,
      requireDeviceProof: true,
    });
    const origin = (key: string) => critical?.origins.find((each) => each.key === key);
    expect(origin('renewAt')).toEqual({
      key: 'renewAt',
      text: '40%',
      rule: 'class',
      cutToMs: null,
      overruled: [
        { rule: 'criticality', text: '50%' },
        { rule: 'default', text: '60%' },
        { rule: 'built-in', text: '50%' },
      ],
    });
    expect(origin('overlap')).toMatchObject({
      rule: 'criticality',
      overruled: [{ rule: 'default' }, { rule: 'built-in' }],
    });
    expect(origin('spread')).toMatchObject({ rule: 'default' });
    expect(origin('keyModes')).toMatchObject({ rule: 'criticality', text: 'keygen, csr' });
    expect(origin('grace')).toEqual({ key: 'grace', text: '30d', rule: 'built-in', cutToMs: null, overruled: [] });
    expect(policies.get('default')?.critical.policy.renewAt).toEqual({ kind: 'share', share: 0.5 });
    expect(policies.get('default')?.low.policy).toMatchObject({
      renewAt: { share: 0.6 },
      expiryWarning: { share: 0.08 },
    });
    expect(policies.get('meter')?.medium.policy).toMatchObject({
      renewAt: { share: 0.4 },
      overlap: durationOf(days(5)),
    });
  });

  it('says where a built-in value gave way to a shorter life, and nothing of what somebody wrote', () => {
    const { policies } = load('criticalities: { high: { lifetime: 1d }, low: { lifetime: 1d, overlap: 12h } }');
    const cut = (of: 'high' | 'low' | 'medium') =>
      policies.get('default')?.[of].origins.flatMap(({ key, cutToMs }) => (cutToMs === null ? [] : [[key, cutToMs]]));
    expect(cut('high')).toEqual([['overlap', 21_600_000]]);
    expect(cut('low')).toEqual([]);
    expect(cut('medium')).toEqual([]);
  });

  it('replaces the access of a kind list by list, and of a principal as a whole', () => {
    const { access } = load(
      "access:\n  service: { subscribe: ['devices/#'] }\n  principals: { billing: { subscribe: ['devices/+/meter'] } }\n",
    );
    expect(access.kinds.service).toEqual({ publish: [], subscribe: ['devices/#'] });
    expect(access.principals.get('billing')).toEqual({ publish: [], subscribe: ['devices/+/meter'] });
  });

  it("lets lists of site gateways, and principals' own, name the level of delegated devices", () => {
    const lists = { publish: ['a/{delegated}/#'], subscribe: ['{delegated}/{id}', '$aws/things/{delegated}/#'] };
    const { access } = load(JSON.stringify({ access: { gateway: lists, principals: { 'gw-1': lists } } }));
    expect(access.kinds.gateway).toEqual(lists);
    expect(access.principals.get('gw-1')).toEqual(lists);
  });

  it('names its anchors relative to itself', () => {
    expect(load('bootstrap: { anchors: [old/ca.pem, /etc/ca.pem] }').bootstrap.anchors).toEqual([
      join(directory, 'old/ca.pem'),
      '/etc/ca.pem',
    ]);
  });

  it('derives the public address from the first server name, in brackets when it is IPv6', () => {
    expect(load("server: { names: ['::1'] }\nhttp: { port: 80 }").http.publicUrl).toBe('http://[::1]:80');
    expect(load('http: { publicUrl: https://pki.example.org/nolapse/ }').http.publicUrl).toBe(
      'https://pki.example.org/nolapse',
    );
  });
});

describe('the environment', () => {
  it('overrides the file, whatever the case of the variable', () => {
    const config = load('mqtt: { port: 1 }\nclasses: { Meter-2: { lifetime: 9d } }', {
      NOLAPSE_MQTT_PORT: '2',
      nolapse_http_host: '::',
      NOLAPSE_SERVER_NAMES: 'a.example, 10.0.0.1',
      NOLAPSE_CLASSES_DEFAULT_RENEWAT: '50%',
      NOLAPSE_CLASSES_METER_2_LIFETIME: '30d',
      NOLAPSE_LOG_LEVEL: 'debug',
      NOLAPSE_LIMITS_PACKETBYTESBEFORECONNECT: '512',
      NOLAPSE_WEBSOCKET_PORT: '0',
    });
    expect(config.mqtt.port).toBe(2);
    expect(config.http.host).toBe('::');
    expect(config.server.names).toEqual(['a.example', '10.0.0.1']);
    expect(config.policies.get('Meter-2')?.medium.policy).toMatchObject({
      lifetimeMs: days(30),
      renewAt: { kind: 'share', share: 0.5 },
    });
    expect(config.log.level).toBe('debug');
    expect(config.limits.packetBytesBeforeConnect).toBe(512);
    expect(config.websocket?.port).toBe(0);
  });

  it('says in which key modes a class is renewed, and answers yes or no', () => {
    const yaml = 'classes: { meter: { requireDeviceProof: true } }';
    const modes = { NOLAPSE_CLASSES_METER_KEYMODES: 'keygen, recertify', NOLAPSE_CLASSES_METER_KEYAGEMAX: '1y' };
    expect(load(yaml, modes).policies.get('meter')?.medium.policy).toMatchObject({
      keyModes: ['keygen', 'recertify'],
      keyAgeMaxMs: days(365),
      requireDeviceProof: true,
    });
    const proof = (text: string) =>
      load(yaml, { NOLAPSE_CLASSES_METER_REQUIREDEVICEPROOF: text }).policies.get('meter')?.medium.policy;
    expect(proof('false')?.requireDeviceProof).toBe(false);
    expect(proof('true')?.requireDeviceProof).toBe(true);
    for (const text of ['', 'no', '0', 'TRUE']) {
      expect(faultsOf(yaml, { NOLAPSE_CLASSES_METER_REQUIREDEVICEPROOF: text })).toEqual([
        {
          path: 'classes.meter.requireDeviceProof',
          message: 'expected true or false (from NOLAPSE_CLASSES_METER_REQUIREDEVICEPROOF)',
        },
      ]);
    }
  });

  it('means a principal as the file names it, and is refused where it could mean two', () => {
    const variable = { NOLAPSE_ACCESS_PRINCIPALS_00_1A_X_SUBSCRIBE: 'devices/#' };
    const lists = load("access: { principals: { '00:1A@x': {} } }", variable).access.principals;
    expect([...lists]).toEqual([['00:1A@x', { publish: [], subscribe: ['devices/#'] }]]);
    expect(faultsOf("access: { principals: { '00:1a:x': {}, '00_1a_x': {} } }", variable)).toEqual([
      {
        path: 'NOLAPSE_ACCESS_PRINCIPALS_00_1A_X_SUBSCRIBE',
        message: 'could mean several names that are in the file: write it there',
      },
    ]);
  });

  it('may hold the variables that are no keys, and nothing else of that name', () => {
    const env = { NOLAPSE_PASSPHRASE: 'x', NOLAPSE_PASSPHRASE_FILE: 'x', NOLAPSE_HOME: 'x', NOLAPSE_CONFIG: 'x' };
    expect(pathsOf('', { ...env, PATH: '/bin' })).toEqual([]);
    expect(pathsOf('', { ...env, NOLAPSE_MQTT: 'x', NOLAPSE_MQTT_PROT: '1', NOLAPSE_: '' })).toEqual([
      'NOLAPSE_MQTT',
      'NOLAPSE_MQTT_PROT',
      'NOLAPSE_',
    ]);
  });

  it('cannot reach the prototype of anything', () => {
    expect(pathsOf('', { NOLAPSE_CLASSES___PROTO___LIFETIME: '9d' })).toHaveLength(1);
    expect(Object.getOwnPropertyNames(Object.prototype)).not.toContain('lifetime');
  });

  it('is named in the faults of what it set', () => {
    expect(faultsOf('', { NOLAPSE_MQTT_PORT: '99999' })).toEqual([
      { path: 'mqtt.port', message: 'expected a whole number from 0 to 65535 (from NOLAPSE_MQTT_PORT)' },
    ]);
  });
});

describe('faults', () => {
  it.each([
    ['mqtt: { port: -1 }', 'mqtt.port'],
    ['mqtt: { port: 65536 }', 'mqtt.port'],
    ["mqtt: { port: '8883' }", 'mqtt.port'],
    ['mqtt: { port: 1.5 }', 'mqtt.port'],
    ["mqtt: { host: 'a b' }", 'mqtt.host'],
    ['mqtt: 7', 'mqtt'],
    ['mqtt: { prot: 1 }', 'mqtt.prot'],
    ['mtqq: {}', 'mtqq'],
    ['websocket: true', 'websocket'],
    ['websocket: { path: mqtt }', 'websocket.path'],
    ['http: { publicUrl: ftp://x }', 'http.publicUrl'],
    ["http: { publicUrl: 'http://x/?a=b' }", 'http.publicUrl'],
    ['server: { names: [] }', 'server.names'],
    ["server: { names: [a, 'b c'] }", 'server.names.1'],
    ['classes: []', 'classes'],
    ["classes: { '../x': {} }", 'classes.../x'],
    ['classes: { __proto__: {} }', 'classes.__proto__'],
    ['__proto__: { mqtt: {} }', '__proto__'],
    ['classes: { a: { lifetime: 90 } }', 'classes.a.lifetime'],
    ['classes: { a: { lifetime: 66% } }', 'classes.a.lifetime'],
    ['classes: { a: { lifetime: 4999ms } }', 'classes.a.lifetime'],
    ['classes: { a: { renewAt: 101% } }', 'classes.a.renewAt'],
    ['classes: { a: { renewAt: 100% } }', 'classes.a.renewAt'],
    ['classes: { a: { renewAt: 90d } }', 'classes.a.renewAt'],
    ['classes: { a: { renewAt: 10%, spread: 10% } }', 'classes.a.renewAt'],
    ['classes: { a: { lifetime: 1d, renewAt: 10%, spread: 1h, backdate: 12h } }', 'classes.a.renewAt'],
    ['classes: { a: { overlap: 91d } }', 'classes.a.overlap'],
    ['classes: { a: { backdate: 91d, renewAt: 99% } }', 'classes.a.backdate'],
    ['classes: { a: { grace: soon } }', 'classes.a.grace'],
    ['classes: { a: { requestsMax: 0 } }', 'classes.a.requestsMax'],
    ['classes: { a: { keyModes: csr } }', 'classes.a.keyModes'],
    ['classes: { a: { keyModes: [] } }', 'classes.a.keyModes'],
    ['classes: { a: { keyModes: [csr, rsa] } }', 'classes.a.keyModes.1'],
    ['classes: { a: { keyModes: [csr, csr] } }', 'classes.a.keyModes'],
    ['classes: { a: { keyAgeMax: 50% } }', 'classes.a.keyAgeMax'],
    ['classes: { a: { keyAgeMax: 31y } }', 'classes.a.keyAgeMax'],
    ['classes: { a: { requireDeviceProof: yes please } }', 'classes.a.requireDeviceProof'],
    ["classes: { a: { requireDeviceProof: 'true' } }", 'classes.a.requireDeviceProof'],
    ['classes: { a: { activateWithin: never } }', 'classes.a.activateWithin'],
    ['classes: { a: { expiryAlarm: 21% } }', 'classes.a.expiryAlarm'],
    ['classes: { a: { expiryWarning: 4% } }', 'classes.a.expiryAlarm'],
    ['classes: { a: { forever: true } }', 'classes.a.forever'],
    ['classes: { default: { overlap: 7d }, a: { lifetime: 1d } }', 'classes.a.overlap'],
    ['criticalities: 7', 'criticalities'],
    ['criticalities: { urgent: {} }', 'criticalities.urgent'],
    ['criticalities: { __proto__: {} }', 'criticalities.__proto__'],
    ['criticalities: { high: { renewAt: -1d } }', 'criticalities.high.renewAt'],
    ['criticalities: { high: { forever: true } }', 'criticalities.high.forever'],
    ['criticalities: { high: { overlap: 91d } }', 'criticalities.high.overlap'],
    ['classes: { a: { retryFirst: 10d, retryMax: 1d } }', 'classes.a.retryFirst'],
    ['classes: { a: { retryMax: 1m } }', 'classes.a.retryFirst'],
    ['criticalities: { high: { expiryAlarm: 30% } }', 'criticalities.high.expiryAlarm'],
    ['classes: { a: { overlap: 8d } }\ncriticalities: { high: { lifetime: 7d } }', 'classes.a.overlap'],
    ['skew: 2d', 'skew'],
    ["access: { device: { publish: ['a/#/b'] } }", 'access.device.publish.0'],
    ["access: { device: { subscribe: ['#'] } }", 'access.device.subscribe'],
    ["access: { service: { publish: ['$SYS/x'] } }", 'access.service.publish'],
    ["access: { gateway: { subscribe: ['$enroll/#'] } }", 'access.gateway.subscribe.0'],
    ["access: { device: { publish: ['$nolapse/alerts/x'] } }", 'access.device.publish'],
    ["access: { device: { publish: ['$SYS'] } }", 'access.device.publish'],
    ["access: { device: { subscribe: ['$SYS/#'] } }", 'access.device.subscribe'],
    ["access: { gateway: { subscribe: ['$nolapse/#'] } }", 'access.gateway.subscribe'],
    ["access: { service: { subscribe: ['$share/g/x'] } }", 'access.service.subscribe.0'],
    ["access: { service: { subscribe: ['$queue/x'] } }", 'access.service.subscribe.0'],
    ["access: { device: { publish: ['$x{id}/y'] } }", 'access.device.publish.0'],
    ["access: { device: { publish: ['$enr{id}/x'] } }", 'access.device.publish.0'],
    ["access: { device: { publish: ['$+/x'] } }", 'access.device.publish.0'],
    ["access: { principals: { 'a/b': {} } }", 'access.principals.a/b'],
    ["access: { principals: { 'a:': {} } }", 'access.principals.a:'],
    ["access: { device: { publish: ['devices/{delegated}/#'] } }", 'access.device.publish.0'],
    ["access: { device: { subscribe: ['devices/{delegated}/#'] } }", 'access.device.subscribe.0'],
    ["access: { service: { subscribe: ['devices/{delegated}/#'] } }", 'access.service.subscribe.0'],
    ["access: { gateway: { publish: ['a/x{delegated}/#'] } }", 'access.gateway.publish.0'],
    ["access: { gateway: { publish: ['a/{delegated}{id}'] } }", 'access.gateway.publish.0'],
    ["access: { gateway: { subscribe: ['a/{delegated}/{delegated}'] } }", 'access.gateway.subscribe.0'],
    ["access: { gateway: { subscribe: ['a/{Delegated}/#'] } }", 'access.gateway.subscribe.0'],
    ["access: { gateway: { subscribe: ['$a{delegated}/#'] } }", 'access.gateway.subscribe.0'],
    ["access: { gateway: { subscribe: ['$enroll/1/{delegated}/#'] } }", 'access.gateway.subscribe.0'],
    ["access: { gateway: { subscribe: ['$SYS/{delegated}/#'] } }", 'access.gateway.subscribe'],
    ["access: { principals: { gw-1: { publish: ['a/{delegated}x'] } } }", 'access.principals.gw-1.publish.0'],
    ['access: { robot: {} }', 'access.robot'],
    ['limits: { handshake: 10 }', 'limits.handshake'],
    ['limits: { keepalive: 65536s }', 'limits.keepalive'],
    ['limits: { packetBytes: 1024 }', 'limits.packetBytesBeforeConnect'],
    ['limits: { connections: 10 }', 'limits.connectionsPerAddress'],
    ['limits: { csrBytes: 1 }', 'limits.csrBytes'],
    ['bootstrap: { anchors: ca.pem }', 'bootstrap.anchors'],
    ['crl: { validity: 1s }', 'crl.validity'],
    ['sweep: { interval: 0s }', 'sweep.interval'],
    ['sweep: { batch: 0 }', 'sweep.batch'],
    ['log: { level: loud }', 'log.level'],
    ['http: { port: 8883 }', 'http.port'],
    ['mqtt: { nextPort: 8883 }', 'mqtt.nextPort'],
    ['mqtt: { nextPort: 0 }', 'mqtt.nextPort'],
    ['mqtt: { nextPort: 65536 }', 'mqtt.nextPort'],
    ['trust: { approval: { root: maybe } }', 'trust.approval.root'],
    ['trust: { root: { prepareAt: soon } }', 'trust.root.prepareAt'],
    ['trust: { root: { prepareAt: 101% } }', 'trust.root.prepareAt'],
    ['trust: { root: { warnAhead: never } }', 'trust.root.warnAhead'],
  ])('names the path of what is wrong in %s', (yaml, path) => {
    const paths = pathsOf(yaml);
    expect(paths).toContain(path);
    if (!yaml.includes('packetBytes: 1024')) expect(paths).toHaveLength(1);
  });

  it('are reported all together, each with its line, in the order of the file', () => {
    const faults = faultsOf(
      'mqtt:\n  port: x\nclasses:\n  a:\n    lifetime: 90d\n    overlap: 91d\n  b:\n    grace: 1\nskew: 5m\nmore: 1\n',
      { NOLAPSE_NONSENSE: '1' },
    );
    expect(faults.map(({ path, line }) => [path, line])).toEqual([
      ['mqtt.port', 2],
      ['classes.a.overlap', 6],
      ['classes.b.grace', 8],
      ['more', 10],
      ['NOLAPSE_NONSENSE', undefined],
    ]);
  });

  it('of policies name the combination they are in, and where each value comes from', () => {
    const yaml = [
      'classes:',
      '  default: { lifetime: 60d }',
      '  meter: { overlap: 10d }',
      '  pump: { lifetime: 1y, overlap: 2y, expiryWarning: 1% }',
      'criticalities:',
      '  high: { lifetime: 6d }',
      '  critical: { overlap: 70d }',
    ].join('\n');
    expect(faultsOf(yaml)).toEqual([
      {
        path: 'classes.meter.overlap',
        line: 3,
        message: '10d does not fit: it is longer than the lifetime, 6d (of criticality high), at criticality high',
      },
      { path: 'classes.pump.overlap', line: 4, message: '2y does not fit: it is longer than the lifetime, 365d' },
      {
        path: 'classes.pump.expiryAlarm',
        line: 4,
        message: '5%, the default, does not fit: it is longer than expiryWarning',
      },
      {
        path: 'criticalities.critical.overlap',
        line: 7,
        message: '70d does not fit: it is longer than the lifetime, 60d, in class default',
      },
    ]);
  });

  it('of a variable for a criticality name the variable', () => {
    expect(faultsOf('', { NOLAPSE_CRITICALITIES_HIGH_OVERLAP: '91d' })).toEqual([
      {
        path: 'criticalities.high.overlap',
        message:
          '91d does not fit: it is longer than the lifetime, 90d (the default), in class default (from NOLAPSE_CRITICALITIES_HIGH_OVERLAP)',
      },
    ]);
    expect(load('', { NOLAPSE_CRITICALITIES_LOW_RENEWAT: '70%' }).policies.get('default')?.low.policy.renewAt).toEqual({
      kind: 'share',
      share: 0.7,
    });
  });

  it('say which file and line they mean, one a line', () => {
    const file = fileOf('mqtt:\n  port: x\n');
    expect(() => loadConfig({ file, env: {} })).toThrow(`${file}:2: mqtt.port: expected a whole number`);
  });

  it('cover files that are no YAML, no map, not there, not text or too large', () => {
    expect(faultsOf('a: [1\nb: }')[0]?.line).toBeGreaterThan(0);
    expect(faultsOf('mqtt: {}\nmqtt: {}\n')).toMatchObject([{ line: 2 }]);
    expect(faultsOf('- 1\n')).toMatchObject([{ path: '', message: 'expected a map of keys' }]);
    expect(faultsOf(Buffer.from([0xff, 0xfe, 0x00]))).toMatchObject([{ message: 'cannot be read: not UTF-8' }]);
    expect(faultsOf('#'.repeat(1_048_577))).toHaveLength(1);
    expect(() => loadConfig({ file: join(directory, 'none.yaml'), env: {} })).toThrow(/none.yaml: .*no such file/);
  });

  it('cover aliases that unfold without end', () => {
    const levels = Array.from({ length: 9 }, (_, i) => `a${i + 1}: &a${i + 1} [${`*a${i},`.repeat(9)}]`);
    expect(faultsOf(`a0: &a0 [x]\n${levels.join('\n')}\n`).length).toBeGreaterThan(0);
  });
});

describe('the result', () => {
  it('is frozen all the way down', () => {
    const config = load("classes: { a: {} }\naccess: { principals: { p: { publish: ['x'] } } }");
    const frozen = (value: unknown): boolean =>
      typeof value !== 'object' || value === null || (Object.isFrozen(value) && Object.values(value).every(frozen));
    expect(frozen(config)).toBe(true);
    expect(frozen(config.policies.get('a')?.low)).toBe(true);
    expect(frozen(config.access.principals.get('p'))).toBe(true);
    expect(() => (config.policies as Map<string, unknown>).set('b', {})).toThrow(TypeError);
    expect(() => (config.policies as Map<string, unknown>).delete('default')).toThrow(TypeError);
    expect(config.policies.size).toBe(2);
  });
});
