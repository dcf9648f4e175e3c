// Both ports of a running broker show what the slots of roots say, from the preparation of a next root to the end of the former one, with
// real TLS and under live connections.
import { once } from 'node:events';
import { copyFileSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { MqttClient } from 'mqtt';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { IssuedView } from '../../src/app/views/devices.ts';
import { readCertificates } from '../../src/authority/key-pair.ts';
import { afterRootStep } from '../../src/domain/root-slots.ts';
import { isSignedBy } from '../../src/pki/chain.ts';
import { pemToDer } from '../../src/pki/pem.ts';
import type { KeptRoot } from '../../src/ports/root-slots.ts';
import { openSqlite } from '../../src/store/sqlite/sqlite.ts';
import { freePort } from './free-port.ts';
import { connackOf, connect, type House, openHouse } from './harness.ts';
import { hintedNames } from './overheard.ts';
import { takeRootSteps } from './take-root-step.ts';

const classes = 'classes: { default: { lifetime: 1h, renewAt: 66%, overlap: 10m, grace: 1h } }\n';
const atOnce = `${classes}trust: { approval: { root: none } }\n`;

let nextPort: number;
let house: House;
let dev: IssuedView;
const clients: MqttClient[] = [];

beforeEach(async () => {
  nextPort = await freePort();
  house = await openHouse({
    yaml: atOnce,
    mqtt: `port: 0, nextPort: ${nextPort}`,
  });
  dev = await house.device('dev-1');
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.endAsync(true);
  await house.close();
});

const prepare = () =>
  house.gateway.operations.prepareRoot({ preparation: 'here', passphrase: 'a passphrase of its own' });
const pem = (number: number): string =>
  readFileSync(join(house.home, 'pki', number === 1 ? 'root.crt' : `root-${number}.crt`), 'utf8');
const bare = () => ({ certificatePem: dev.certificatePem, keyPem: dev.keyPem });
const portOf = (port: 'first' | 'second'): number => (port === 'first' ? house.gateway.ports.mqtt : nextPort);

/** Who a device that trusts these roots alone is answered by: the CONNACK's code; null: it does not verify the broker. */
const code = (port: 'first' | 'second', ...roots: number[]) =>
  connackOf(house, bare(), 'dev-1', { port: portOf(port), ca: roots.map(pem), rejectUnauthorized: true });

async function stays(port: 'first' | 'second', suffix: string): Promise<MqttClient> {
  const options = { port: portOf(port), ca: [1, 2].map(pem), rejectUnauthorized: true };
  const client = await connect(house, bare(), `dev-1:${suffix}`, options);
  clients.push(client);
  return client;
}

const slots = () => house.store.read.rootSlots();

/** The slots as a step leaves them. */
async function put(...slots: KeptRoot[]): Promise<void> {
  await house.store.transact(async (tx) => {
    for (const slot of slots) await tx.putRootSlot(slot);
  });
}

const take = (step: Parameters<typeof afterRootStep>[1]): Promise<void> => takeRootSteps(house, step);

/** The numbers of the roots that the ports show: to whoever trusts one alone. */
async function shows(): Promise<Record<'first' | 'second', number[]>> {
  const found = { first: [] as number[], second: [] as number[] };
  for (const port of ['first', 'second'] as const) {
    for (const { number } of await house.store.read.rootSlots()) {
      if ((await code(port, number)) === 0) found[port].push(number);
    }
  }
  return found;
}

describe('the second port', () => {
  it('is closed before there was a next root, and opens by itself when one is prepared, and at each start', async () => {
    expect(await shows()).toEqual({ first: [1], second: [] });
    expect(house.gateway.served.second).toBeNull();
    await prepare();
    expect(await shows()).toEqual({ first: [1], second: [2] });
    await house.restart();
    expect(await shows()).toEqual({ first: [1], second: [2] });
    expect(house.gateway.served).toMatchObject({ first: { root: 1 }, second: { root: 2 }, fault: null });
  });

  it('that cannot be had keeps nobody from the first, and is had once it is free', async () => {
    const other = createServer().listen(nextPort, '127.0.0.1');
    await once(other, 'listening');
    await prepare();
    expect(house.gateway.served.fault).toMatch(/^mqtt\.nextPort cannot be had: .*EADDRINUSE/);
    await expect(house.gateway.served.follow()).rejects.toMatchObject({ code: 'port_unavailable' });
    await house.restart();
    expect(house.log.count('sweep.failed')).toBeGreaterThan(1);
    expect(await code('first', 1)).toBe(0);
    other.close();
    await once(other, 'close');
    await house.gateway.served.follow();
    expect(house.gateway.served.fault).toBeNull();
    expect(await shows()).toEqual({ first: [1], second: [2] });
  });

  it('of a root that was given up after it was distributed stays until the last has left it', async () => {
    await prepare();
    await take('distribute');
    expect(await code('second', 1, 2)).toBe(0);
    await take('abort');
    await house.restart();
    expect(house.gateway.served).toMatchObject({ first: { root: 1 }, second: { root: 2 } });
    expect(await code('second', 2)).toBe(0);
    expect(await code('first', 1)).toBe(0);
    await house.log.until('server.chain_shown', { 'nolapse.root': 1 });
    expect(await shows()).toEqual({ first: [1], second: [1] });
  });
});

/** What `doctor` says of the chains on the ports, and of the names in them. */
async function said(): Promise<string[]> {
  const checks = await house.gateway.operations.doctor();
  return checks
    .filter(({ subject }) => subject.startsWith('server chain') || subject === 'server names')
    .map(({ level, subject, detail }) => `${level} ${subject}: ${detail}`);
}

describe('a start', () => {
  const pki = (name: string): string => join(house.home, 'pki', name);

  it('follows a step that was cut off before the ports did, and makes a pair anew that was torn', async () => {
    await prepare();
    await take('distribute');
    await take('activate');
    const [one, two] = await slots();
    // What is durable when the process dies after the step, and in the middle of writing a pair.
    await put({ ...(one as KeptRoot), state: 'retired', endedAt: Date.now() });
    await house.restart(() => rmSync(pki('server.crt')));
    expect(await shows()).toEqual({ first: [2], second: [2] });
    await put({ ...(two as KeptRoot), state: 'former' });
    await put({ ...(one as KeptRoot), state: 'current' });
    await house.restart(() => writeFileSync(pki('server-2.key'), 'torn'));
    expect(await shows()).toEqual({ first: [2], second: [1] });
  });

  it('shows the chain of a root whose issuing key is not in the home, as long as its certificate lasts', async () => {
    await prepare();
    const before = readFileSync(pki('server-2.crt'), 'utf8');
    await house.restart(() => renameSync(pki('issuing-2.key'), join(house.home, 'elsewhere.key')));
    expect(await shows()).toEqual({ first: [1], second: [2] });
    expect(readFileSync(pki('server-2.crt'), 'utf8')).toBe(before);
    // Without a certificate of that issuing CA there is nothing to be shown, and the first port is served.
    await house.restart(() => copyFileSync(pki('server.crt'), pki('server-2.crt')));
    expect(await shows()).toEqual({ first: [1], second: [] });
    expect(house.gateway.served.fault).toMatch(/issuing-2\.key is missing$/);
    expect((await said())[1]).toMatch(
      /^error server chain of mqtt\.nextPort: root 2 is meant, and is not served: .*issuing-2\.key is missing$/,
    );
  });
});

describe('doctor', () => {
  it('says of each port which chain is served, and which is meant', async () => {
    const first = 'ok server chain: issuing CA 1 below root 1 is served, as is meant';
    expect(await said()).toEqual([first]);
    await prepare();
    const second = 'server chain of mqtt.nextPort';
    expect(await said()).toEqual([first, `ok ${second}: issuing CA 2 below root 2 is served, as is meant`]);
    // A step in the ledger that the ports have not followed yet.
    const [one, two] = afterRootStep(afterRootStep(await slots(), 'distribute', 1), 'activate', 2);
    await put(one as KeptRoot, two as KeptRoot);
    await put({ ...(one as KeptRoot), state: 'retired', endedAt: Date.now() });
    expect((await said())[0]).toBe(
      'error server chain: issuing CA 1 below root 1 is served, and issuing CA 2 below root 2 is meant: it is replaced at the next heartbeat or start',
    );
    await house.gateway.served.follow();
    expect(await said()).toEqual([
      'ok server chain: issuing CA 2 below root 2 is served, as is meant',
      `ok ${second}: issuing CA 2 below root 2 is served, as is meant`,
    ]);
  });

  it('says what keeps the second port from being served, and that devices look elsewhere for it', async () => {
    await prepare();
    const other = createServer();
    await house.restart(async () => void (await once(other.listen(nextPort, '127.0.0.1'), 'listening')));
    expect((await said())[1]).toMatch(
      /^error server chain of mqtt\.nextPort: root 2 is meant, and is not served: mqtt\.nextPort cannot be had: .*EADDRINUSE/,
    );
    other.close();
    await once(other, 'close');
    await house.gateway.served.follow();
    const told = nextPort;
    nextPort = await freePort();
    await house.restart(() => {
      const file = join(house.home, 'nolapse.yaml');
      const text = readFileSync(file, 'utf8').replace(`nextPort: ${told}`, `nextPort: ${nextPort}`);
      writeFileSync(file, text);
    });
    expect((await said())[2]).toBe(
      `error server chain of mqtt.nextPort: root 2 was prepared for port ${told}, and mqtt.nextPort is ${nextPort}: devices look for it at ${told}`,
    );
  });

  it('warns of names with which some TLS stacks cannot read the chain', async () => {
    await house.close();
    const names = [`${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(60)}`];
    house = await openHouse({ yaml: `${atOnce}server: { names: ${JSON.stringify(names)} }\n` });
    expect((await said())[1]).toMatch(
      /^warning server names: server\.names make the Certificate message 10\d\d bytes long/,
    );
  });
});

describe('a whole rollover', () => {
  it('drops no connection, and shows the new chain to those that begin afterwards', async () => {
    await prepare();
    await take('distribute');
    const held = [await stays('first', 'a'), await stays('second', 'b')];
    let closed = 0;
    for (const client of held) client.on('close', () => (closed += 1));
    await take('activate');
    expect(await shows()).toEqual({ first: [1], second: [2] });
    held.push(await stays('first', 'c'), await stays('second', 'd'));
    await take('retire');
    expect(await shows()).toEqual({ first: [2], second: [2] });
    // Who came before still counts under the root that it came under.
    expect(house.gateway.nextPort.sessionsUnder(1)).toBe(2);
    held.push(await stays('first', 'e'));
    expect(house.gateway.nextPort.sessionsUnder(1)).toBe(2);
    expect(house.gateway.nextPort.sessionsUnder(2)).toBe(3);
    expect(await house.log.until('admission.admitted', { 'nolapse.client_id': 'dev-1:e' })).toMatchObject({
      'nolapse.root': 2,
    });
    for (const client of held) await client.publishAsync('devices/dev-1/x', 'still here', { qos: 1 });
    expect(closed).toBe(0);
    // The second is free for the next.
    await prepare();
    expect(await shows()).toEqual({ first: [2], second: [3] });
    expect(closed).toBe(0);
  });

  it('hints at the CAs of both roots while certificates of both are in use', async () => {
    const subjectOf = (name: string): Buffer =>
      Buffer.from(readCertificates(join(house.home, 'pki'), name as 'root.crt').facts.subject);
    const all = ['root.crt', 'issuing.crt', 'root-2.crt', 'issuing-2.crt'];
    const hinted = async (port: 'first' | 'second'): Promise<string[]> => {
      const names = await hintedNames(portOf(port));
      return all.filter((each) => names.some((name) => name.equals(subjectOf(each))));
    };
    await prepare();
    await take('distribute');
    // Nobody has a certificate of a root that is not current yet.
    expect([await hinted('first'), await hinted('second')]).toEqual([all.slice(0, 2), all.slice(0, 2)]);
    await take('activate');
    expect([await hinted('first'), await hinted('second')]).toEqual([all, all]);
    const { certificatePem } = await house.device('dev-2');
    const [leaf, issuing] = pemToDer(certificatePem, 'CERTIFICATE') ?? [];
    expect(issuing).toEqual(readCertificates(join(house.home, 'pki'), 'issuing-2.crt').ders[0]);
    expect(leaf && issuing && isSignedBy(leaf, issuing)).toBe(true);
    await take('retire');
    expect([await hinted('first'), await hinted('second')]).toEqual([all, all]);
    expect(await code('second', 2)).toBe(0);
  });

  it('moves the first port by itself when the former root ends', async () => {
    await prepare();
    await take('distribute');
    await take('activate');
    const endsAt = Date.now() + 8_000;
    await house.restart(() => {
      const ledger = openSqlite(join(house.home, 'nolapse.db'));
      ledger.prepare('UPDATE root_slot SET not_after = ? WHERE number = 1').run(endsAt);
      ledger.close();
    });
    const held = [await stays('first', 'a'), await stays('second', 'b')];
    expect(await shows()).toEqual({ first: [1], second: [2] });
    const shown = { 'nolapse.root': 2, 'nolapse.port': 'first' };
    await house.log.until('server.chain_shown', shown);
    // At the next beat, not when the certificates are looked at.
    expect(Date.now() - endsAt).toBeLessThan(15_000);
    expect(await shows()).toEqual({ first: [2], second: [2] });
    for (const client of held) await client.publishAsync('devices/dev-1/x', 'still here', { qos: 1 });
    await house.restart();
    expect(await shows()).toEqual({ first: [2], second: [2] });
  });
});
