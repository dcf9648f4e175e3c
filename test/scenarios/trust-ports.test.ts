// A whole broker with a second root: its chain on a port of its own, what proves it, the control, and the broker's look at its own public
// address. Real TLS, and devices that verify.
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer, connect as tls } from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import type { IssuedView } from '../../src/app/views/devices.ts';
import { initPki } from '../../src/authority/init.ts';
import { readCertificates, readKeyFile } from '../../src/authority/key-pair.ts';
import { systemEntropy } from '../../src/home/options.ts';
import type { ServedChain } from '../../src/ports/next-port.ts';
import { openSqlite } from '../../src/store/sqlite/sqlite.ts';
import { createTestAuthority } from '../broker/test-pki.ts';
import { freePort } from './free-port.ts';
import { connackOf, connect, type House, openHouse } from './harness.ts';

let pki: string;
let root2: string;
let chain2: ServedChain;
let house: House;
let dev: IssuedView;
let ports: { next: number; control: number };

beforeAll(() => {
  pki = mkdtempSync(join(tmpdir(), 'nolapse-root-2-'));
  initPki(pki, { now: Date.now(), entropy: systemEntropy, names: ['localhost', '127.0.0.1'] });
  root2 = readFileSync(join(pki, 'root.crt'), 'utf8');
  chain2 = {
    root: 2,
    keyPem: readKeyFile(pki, 'server.key', undefined).export({ type: 'pkcs8', format: 'pem' }).toString(),
    certificatePem: readFileSync(join(pki, 'server.crt'), 'utf8'),
  };
});
afterAll(() => rmSync(pki, { recursive: true }));

beforeEach(async () => {
  ports = { next: await freePort(), control: await freePort() };
  house = await openHouse({
    yaml: [
      'classes: { default: { lifetime: 1h, renewAt: 66%, overlap: 10m, grace: 1h } }',
      `trust: { controlPort: ${ports.control} }`,
    ].join('\n'),
    mqtt: `port: 0, nextPort: ${ports.next}`,
  });
  dev = await house.device('dev-1');
});
afterEach(() => house.close());

/** A device that verifies the broker by these roots (PEM). */
const at = (port: number, ca: string | string[]) => ({ port, ca, rejectUnauthorized: true });
const withoutRoot = (): { certificatePem: string; keyPem: string } => ({
  certificatePem: dev.certificatePem,
  keyPem: dev.keyPem,
});

/** The row of a device in the ledger, which the broker has for itself while it runs. Afterwards it runs again, and serves as before. */
async function recordOf(id: string): Promise<unknown> {
  let row: unknown;
  const isServing = house.gateway.nextPort.root !== null;
  await house.restart(() => {
    const ledger = openSqlite(join(house.home, 'nolapse.db'));
    row = ledger.prepare('SELECT last_root, reopened_at, control FROM trust_record WHERE principal_id = ?').get(id);
    ledger.close();
  });
  if (isServing) await house.gateway.nextPort.serve(chain2);
  return row;
}

const rootDer = (): Uint8Array => readCertificates(join(house.home, 'pki'), 'root.crt').ders[0];

it('a device connects on both ports with both chains, proves the next root, and reopens the proof', async () => {
  await house.gateway.nextPort.serve(chain2);
  expect(house.gateway.nextPort.root).toBe(2);
  const both = [dev.rootPem, root2];
  const first = (ca: string | string[]) => connackOf(house, withoutRoot(), 'dev-1', at(house.gateway.ports.mqtt, ca));
  const next = (ca: string | string[]) => connackOf(house, withoutRoot(), 'dev-1', at(ports.next, ca));
  expect(await first(dev.rootPem)).toBe(0);
  expect(await recordOf('dev-1')).toBeUndefined();
  // With one root alone a device is served by that root's port, with both by either.
  expect([await next(dev.rootPem), await first(root2)]).toEqual([null, null]);
  expect(await recordOf('dev-1')).toBeUndefined();
  expect([await first(both), await next(both)]).toEqual([0, 0]);
  expect(await recordOf('dev-1')).toMatchObject({ last_root: 2, reopened_at: null });
  expect(await house.log.until('trust.proved')).toMatchObject({ 'nolapse.principal': 'dev-1', 'nolapse.root': 2 });
  expect(await next(root2)).toBe(0);
  expect(house.log.count('trust.proved')).toBe(1);
  expect(await first(both)).toBe(0);
  expect(await recordOf('dev-1')).toMatchObject({ last_root: 1, reopened_at: expect.any(Number) });
  expect(house.log.count('trust.reopened')).toBe(1);
  const roots = house.log.lines.filter((line) => line['event.action'] === 'admission.admitted');
  expect(roots.map((line) => line['nolapse.root'])).toEqual([1, 1, 2, 2, 1]);
});

it('nothing is proved by a handshake, a stranger, or a client id of another', async () => {
  await house.gateway.nextPort.serve(chain2);
  const stranger = await createTestAuthority('Nobody').then((authority) => authority.issue('dev-1'));
  const outsider = { certificatePem: stranger.cert, keyPem: stranger.key };
  const there = at(ports.next, root2);
  expect(await connackOf(house, outsider, 'dev-1', there)).toBe(5);
  expect(await connackOf(house, withoutRoot(), 'dev-2', there)).toBe(2);
  expect(await connackOf(house, null, 'dev-1', there)).toBe(5);

  const bare = tls({ host: 'localhost', port: ports.next, ca: root2, cert: dev.certificatePem, key: dev.keyPem });
  await once(bare, 'secureConnect');
  bare.end();
  await once(bare, 'close');
  expect(await recordOf('dev-1')).toBeUndefined();
  expect(house.log.count('trust.proved')).toBe(0);
});

it('the next port is closed without dropping who came over it, and opened anew', async () => {
  const { nextPort } = house.gateway;
  await nextPort.serve(chain2);
  const client = await connect(house, withoutRoot(), 'dev-1', at(ports.next, root2));
  expect([nextPort.sessionsUnder(1), nextPort.sessionsUnder(2)]).toEqual([0, 1]);
  nextPort.close();
  expect(nextPort.root).toBeNull();
  expect(await connackOf(house, withoutRoot(), 'dev-1:2', at(ports.next, root2))).toBeNull();
  await client.publishAsync('devices/dev-1/x', 'still here', { qos: 1 });
  await nextPort.serve(chain2);
  await nextPort.serve({ ...chain2, root: 3 });
  expect(nextPort.root).toBe(3);
  expect(await connackOf(house, withoutRoot(), 'dev-1:2', at(ports.next, root2))).toBe(0);
  expect(client.connected).toBe(true);
  await expect(nextPort.serve({ ...chain2, certificatePem: 'no PEM' })).rejects.toMatchObject({
    code: 'chain_unusable',
  });
  expect(nextPort.root).toBe(3);
  await client.endAsync();
});

it('a device that verifies nothing is found by the control, and one that does passes it unnoticed', async () => {
  const careless = { port: ports.control, rejectUnauthorized: false };
  const connack = (options: object) => connackOf(house, withoutRoot(), 'dev-1', options);
  expect(await connack({ port: house.gateway.ports.mqtt, ca: dev.rootPem, rejectUnauthorized: true })).toBe(0);
  expect(await connack(at(ports.control, [dev.rootPem, root2]))).toBeNull();
  expect(await house.log.until('connection.refused', { 'event.reason': 'control_untrusted' })).toMatchObject({
    'log.level': 'debug',
  });
  const kind = 'does_not_verify_server';
  expect(await house.gateway.operations.listFindings({ kind })).toEqual([]);
  expect(await connack(careless)).toBe(5);
  expect(await house.gateway.operations.listFindings({ kind })).toMatchObject([{ subject: 'dev-1' }]);
  expect(await recordOf('dev-1')).toMatchObject({ last_root: null, control: 'does_not_verify' });
  expect(house.log.count('trust.control_failed')).toBe(1);
  expect(house.log.count('admission.admitted')).toBe(1);
  // The chain is another one at each start.
  const shown = async (): Promise<string> => {
    const socket = tls({ host: 'localhost', port: ports.control, rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    const { fingerprint256 } = socket.getPeerCertificate();
    socket.destroy();
    return fingerprint256;
  };
  const before = await shown();
  await house.restart();
  expect(await shown()).not.toBe(before);
});

it('the broker sees at its own public address whether the next root is served there, and the present one not', async () => {
  const { nextPort } = house.gateway;
  const roots = { next: readCertificates(pki, 'root.crt').ders[0], present: rootDer() };
  expect(await nextPort.reach(roots)).toMatchObject({
    ok: false,
    fault: expect.stringMatching(/^localhost:\d+ .*ECONNREFUSED/),
  });
  await nextPort.serve(chain2);
  expect(await nextPort.reach(roots)).toEqual({ ok: true });
  expect(await nextPort.reach({ ...roots, host: '127.0.0.1' })).toEqual({ ok: true });
  // A name that the certificate does not have.
  expect(await nextPort.reach({ ...roots, host: '127.0.0.2' })).toMatchObject({
    ok: false,
    fault: expect.stringMatching(/next root/),
  });
  expect(await nextPort.reach({ next: roots.present, present: roots.next })).toMatchObject({ ok: false });
  expect(await nextPort.reach({ next: roots.next, present: roots.next })).toMatchObject({
    ok: false,
    fault: expect.stringMatching(/verified by the present root/),
  });
  nextPort.close();
  // Somebody else's port: it shows the present chain.
  const own = join(house.home, 'pki');
  const other = createTlsServer({
    key: readFileSync(join(own, 'server.key')),
    cert: readFileSync(join(own, 'server.crt')),
  }).listen(ports.next, '127.0.0.1');
  await once(other, 'listening');
  try {
    expect(await nextPort.reach(roots)).toMatchObject({
      ok: false,
      fault: expect.stringMatching(/not verified by the next root/),
    });
    await expect(nextPort.serve(chain2)).rejects.toMatchObject({ code: 'port_unavailable' });
  } finally {
    other.close();
  }
});

it('no cross and no root is shown on the next port', async () => {
  const { nextPort } = house.gateway;
  const present = readFileSync(join(house.home, 'pki', 'root.crt'), 'utf8');
  const issuing = readFileSync(join(house.home, 'pki', 'issuing.crt'), 'utf8');
  const [leaf = ''] = chain2.certificatePem.split(/(?<=-----END CERTIFICATE-----\n)/);
  for (const [more, fault] of [
    [chain2.certificatePem + issuing, /3 certificates/],
    [leaf + root2, /a root is in it/],
    [leaf + present, /a root is in it/],
  ] as const) {
    const serving = nextPort.serve({ ...chain2, certificatePem: more });
    await expect(serving).rejects.toMatchObject({ code: 'chain_unusable', message: expect.stringMatching(fault) });
  }
  expect(nextPort.root).toBeNull();
  await nextPort.serve(chain2);
});

it('without the key in the configuration there is no next port', async () => {
  await house.close();
  house = await openHouse();
  const { nextPort } = house.gateway;
  expect(nextPort.port).toBeNull();
  await expect(nextPort.serve(chain2)).rejects.toMatchObject({ code: 'no_next_port' });
  const { ders } = readCertificates(pki, 'root.crt');
  expect(await nextPort.reach({ next: ders[0], present: rootDer() })).toMatchObject({ ok: false });
});
