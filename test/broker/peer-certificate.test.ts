// How a client's certificate is read, with its chain and without: whichever is cheaper, what is judged is the same.
import { once } from 'node:events';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { serverOptions } from '../../src/broker/door/tls-options.ts';
import { presentedBy } from '../../src/broker/peer-certificate.ts';
import { pemToDer } from '../../src/pki/pem.ts';
import { makeCa, makeLeaf, sentWith } from '../scenarios/ca.ts';
import type { Credentials } from '../scenarios/harness.ts';

const root = makeCa('Root', null);
const issuing = makeCa('Issuing', root);
const own = makeLeaf('localhost', issuing.issuer);
const server = createServer(
  serverOptions({ key: own.keyPem, cert: own.certificatePem, ca: [root.pem, issuing.pem] }, 10_000),
);

beforeAll(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening');
});
afterAll(() => void server.close());

function ders(pem: string): Buffer[] {
  return (pemToDer(pem, 'CERTIFICATE') ?? []).map((der) => Buffer.from(der));
}

/** What the server reads of a client, and whether it read the chain for it. */
async function read({ certificatePem, keyPem }: Partial<Credentials>) {
  const { port } = server.address() as { port: number };
  const given = certificatePem && keyPem ? { cert: certificatePem, key: keyPem } : {};
  const client = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...given });
  client.on('error', () => undefined);
  const [socket] = (await once(server, 'secureConnection')) as [TLSSocket];
  const withChain = vi.spyOn(socket, 'getPeerX509Certificate');
  const { der, issuers } = presentedBy(socket);
  const tookChain = withChain.mock.calls.length > 0;
  const read = { der: der && Buffer.from(der), tookChain, issuers: issuers().map((each) => Buffer.from(each)) };
  client.destroy();
  return read;
}

it('reads the leaf without its chain where clients send chains, and the chain when it is asked for', async () => {
  const credentials = sentWith(makeLeaf('d1', issuing.issuer), issuing, root);
  const [leaf, ...above] = ders(credentials.certificatePem);
  const took: boolean[] = [];
  for (let i = 0; i < 40; i += 1) {
    const { der, issuers, tookChain } = await read(credentials);
    expect(der).toEqual(leaf);
    expect(issuers).toEqual(above);
    took.push(tookChain);
  }
  const looks = took.filter((each) => each).length;
  expect(looks).toBeGreaterThan(1);
  expect(looks).toBeLessThan(10);
});

it('reads it directly again once clients send their certificate alone', async () => {
  const credentials = makeLeaf('d2', issuing.issuer);
  const took: boolean[] = [];
  for (let i = 0; i < 40; i += 1) {
    const { der, issuers, tookChain } = await read(credentials);
    expect(der).toEqual(ders(credentials.certificatePem)[0]);
    expect(issuers).toEqual([]);
    took.push(tookChain);
  }
  expect(took.slice(-20)).toEqual(new Array(20).fill(true));
});

it('finds none where none was sent, whichever way it reads', async () => {
  for (let i = 0; i < 20; i += 1) await read(sentWith(makeLeaf('d1', issuing.issuer), issuing));
  for (let i = 0; i < 20; i += 1) expect(await read({})).toMatchObject({ der: null, issuers: [] });
});
