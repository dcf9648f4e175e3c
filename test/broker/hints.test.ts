// What TLS is told of the CAs: their names, for clients that choose their certificate by them, and nothing that it could verify a chain
// with. So it authorizes nobody, whatever is sent, and nothing here asks it.

import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { connect as connectTcp, createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { serverOptions } from '../../src/broker/door/tls-options.ts';
import { pemToDer } from '../../src/pki/pem.ts';
import { readCertificate } from '../../src/pki/x509.ts';
import { makeCa, makeLeaf, sentWith } from '../scenarios/ca.ts';
import type { Credentials } from '../scenarios/harness.ts';
import { bareLeaf } from './bare-leaf.ts';
import { connectPacket, House, packetsOf, until } from './harness.ts';
import { createTestAuthority } from './test-pki.ts';

describe('the names of CAs', () => {
  let house: House;
  beforeAll(async () => {
    house = await House.open();
  });
  afterAll(() => house.close());

  /** The bytes that the broker sends before TLS 1.2 is encrypted. */
  async function sentInTheClear(): Promise<Buffer> {
    const chunks: Buffer[] = [];
    const relay = createTcpServer((near) => {
      const far = connectTcp(house.port, '127.0.0.1');
      near.on('error', () => far.destroy()).pipe(far);
      far
        .on('error', () => near.destroy())
        .on('data', (chunk: Buffer) => chunks.push(chunk))
        .pipe(near);
    });
    await once(relay.listen(0, '127.0.0.1'), 'listening');
    const { port } = relay.address() as { port: number };
    const socket = await house.raw(null, { port, maxVersion: 'TLSv1.2' });
    socket.destroy();
    relay.close();
    return Buffer.concat(chunks);
  }

  it('stand in the CertificateRequest, also after the context was swapped', async () => {
    const subjectOf = (pem: string) =>
      Buffer.from(readCertificate(pemToDer(pem, 'CERTIFICATE')?.[0] ?? new Uint8Array()).subject);
    const name = subjectOf(house.authority.ca);
    // As an entry of the list (RFC 5246, 7.4.4); elsewhere no length of two bytes stands before a name.
    const listed = (sent: Buffer, what: Buffer) => sent.includes(Buffer.concat([Buffer.from([0, what.length]), what]));
    expect(listed(await sentInTheClear(), name)).toBe(true);
    const next = await createTestAuthority('Next CA');
    const { key, cert } = house.server;
    house.broker.setSecureContext({ key, cert, ca: [house.authority.ca, next.ca] });
    const sent = await sentInTheClear();
    expect(listed(sent, name)).toBe(true);
    expect(listed(sent, subjectOf(next.ca))).toBe(true);
    expect(() => house.broker.setSecureContext({ key, cert, ca: ['no certificate'] })).toThrow();
  });

  it('are all that is needed: a certificate that the ledger knows is admitted, and no other of the same CA', async () => {
    const known = await house.device('d1');
    const unknown = await house.authority.issue('d1');
    for (const [credential, code] of [
      [known, 0],
      [unknown, 5],
    ] as const) {
      const socket = await house.raw(credential);
      const packets = packetsOf(socket);
      socket.write(connectPacket('d1'));
      await until(() => packets.length > 0);
      expect(packets[0]).toMatchObject({ cmd: 'connack', returnCode: code });
      socket.destroy();
    }
  });
});

describe.each(['TLSv1.2', 'TLSv1.3'] as const)('TLS itself, over %s', (version) => {
  const root = makeCa('Root', null);
  const issuing = makeCa('Issuing', root);
  const [fakeRoot, own] = [makeCa('Root', null), makeCa('Issuing', null)];
  const fakeIssuing = makeCa('Issuing', fakeRoot);
  const attempts: readonly [string, () => Credentials][] = [
    ['a genuine certificate', () => makeLeaf('d1', issuing.issuer)],
    ['a genuine certificate with its chain', () => sentWith(makeLeaf('d1', issuing.issuer), issuing, root)],
    [
      'a forgery with a chain of the same names',
      () => sentWith(makeLeaf('d1', fakeIssuing.issuer), fakeIssuing, fakeRoot),
    ],
    ['a forgery whose issuer signs itself', () => sentWith(makeLeaf('d1', own.issuer), own)],
    ['a forgery without key identifiers', () => bareLeaf('Issuing', 'ec')],
    ['a forgery without key identifiers, signed with Ed25519', () => bareLeaf('Issuing', 'ed25519')],
    ['a certificate that is its own issuer under the name', () => bareLeaf('Root', 'ed25519', 'Root')],
  ];

  it.each(attempts)('completes the handshake, and does not authorize %s', async (_what, make) => {
    const server = makeLeaf('localhost', issuing.issuer);
    const material = { key: server.keyPem, cert: server.certificatePem, ca: [root.pem, issuing.pem] };
    const listener = createServer(serverOptions(material, 10_000)).listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const { port } = listener.address() as { port: number };
    const { certificatePem, keyPem } = make();
    const options = { port, host: '127.0.0.1', rejectUnauthorized: false, minVersion: version, maxVersion: version };
    const client = connect({ ...options, cert: certificatePem, key: keyPem });
    client.on('error', () => undefined);
    const [socket] = (await once(listener, 'secureConnection')) as [TLSSocket];
    expect(socket.getPeerX509Certificate()).toBeDefined();
    expect(socket.authorized).toBe(false);
    expect(socket.authorizationError).not.toBeNull();
    client.destroy();
    listener.close();
  });
});

it('is asked by no file of the broker whether somebody is authorized', () => {
  const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  const asks =
    /\.authorized\b|\.authorizationError\b|\bverifyError\b|\[['"]authoriz(?:ed|ationError)['"]|\{[^}]*\bauthoriz(?:ed|ationError)\b[^}]*\}\s*=/;
  expect(asks.test('if (socket.authorized) admit()')).toBe(true);
  expect(asks.test('const { authorized } = socket;')).toBe(true);
  expect(files.filter((name) => asks.test(readFileSync(join('src', name), 'utf8')))).toEqual([]);
});
