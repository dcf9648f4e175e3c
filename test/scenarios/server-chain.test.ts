// The chain the broker shows: short enough for one TLS record of 1 kB, or RSA throughout for clients that know nothing else.
import { once } from 'node:events';
import { type SecureContextOptions, connect as secure, type TLSSocket } from 'node:tls';
import type { IClientOptions } from 'mqtt';
import { afterEach, describe, expect, it } from 'vitest';
import { nameOf } from '../../src/pki/certificate.ts';
import { derNull, oid, sequence } from '../../src/pki/der.ts';
import { oids } from '../../src/pki/oids.ts';
import { assembleRequest, day, rsaKey, signedBy, spkiOf } from '../pki/made.ts';
import { freePort } from './free-port.ts';
import { type Credentials, connect, type House, openHouse, pemOf, Speaker } from './harness.ts';
import { longestCertificateMessage } from './overheard.ts';

const name = `broker-${'x'.repeat(18)}.plants.example`;
/** What a device's TLS that knows RSA alone offers: the suite, and the signatures it verifies. */
const rsaOnly: IClientOptions & SecureContextOptions = {
  ciphers: 'ECDHE-RSA-AES128-GCM-SHA256',
  sigalgs: 'rsa_pkcs1_sha256',
  maxVersion: 'TLSv1.2',
};

let house: House;
afterEach(() => house.close());

/** Each is as long as docs/protocol.md allows. */
const longestNames = {
  'a name of 124 characters': [`${'a'.repeat(63)}.${'b'.repeat(60)}`],
  'two names of 61 characters': ['a', 'b'].map((letter) => letter.repeat(61)),
  'a first name that just leaves room for itself as the common name': ['a'.repeat(63), 'b'.repeat(17)],
  'seven names of 16 characters': Array.from({ length: 7 }, (_, place) => `${place}.plants.example`),
  'a name of 85 characters, and addresses of both kinds': [`${'a'.repeat(63)}.${'b'.repeat(33)}`, '127.0.0.1', '::1'],
};

describe("the server's Certificate message", () => {
  it.each(Object.entries({ 'the default names': [], 'a name of 40 characters': [name], ...longestNames }))(
    'stays below 1,000 bytes on each listener, with %s',
    async (_names, names) => {
      const server = names.length === 0 ? '' : `server: { names: ${JSON.stringify(names)} }\n`;
      const nextPort = await freePort();
      house = await openHouse({
        yaml: `${server}websocket: { port: 0 }\ntrust: { approval: { root: none } }\n`,
        mqtt: `port: 0, nextPort: ${nextPort}`,
      });
      const passphrase = 'a passphrase of its own';
      await house.gateway.operations.prepareRoot({ preparation: 'here', passphrase });
      const { mqtt, websocket } = house.gateway.ports;
      for (const port of [mqtt, websocket, nextPort]) {
        const bytes = await longestCertificateMessage(port);
        expect(bytes).toBeGreaterThan(850);
        expect(bytes).toBeLessThan(1_000);
        console.log(`${names.join(' ').length} characters in ${names.length} names: ${bytes} bytes at most`);
      }
    },
  );
});

/** What the server shows to a client that takes nothing but RSA. */
async function keyTypeSeen(port: number, options: SecureContextOptions): Promise<string | undefined> {
  const socket: TLSSocket = secure({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options });
  await once(socket, 'secureConnect');
  const type = socket.getPeerX509Certificate()?.publicKey.asymmetricKeyType;
  socket.destroy();
  return type;
}

function rsaRequest(id: string): { csr: Uint8Array; keyPem: string } {
  const key = rsaKey(2_048);
  const csr = assembleRequest({
    subject: nameOf(id),
    spki: spkiOf(key),
    attributes: [],
    algorithm: sequence(oid(oids.sha256WithRsa), derNull),
    signature: signedBy(key),
  });
  return { csr, keyPem: key.export({ type: 'pkcs8', format: 'pem' }).toString() };
}

/** A whole renewal, each connection of which offers RSA alone. */
async function renewOverRsa(old: Credentials & { readonly rootPem: string }, id: string): Promise<void> {
  const { rootPem } = old;
  const client = await connect(house, old, id, rsaOnly);
  const speaker = await new Speaker(client, id).listen();
  await speaker.say({ word: 'hello', maxPacket: 8_192 });
  await house.gateway.operations.runRenewal({ device: id });
  const { renewal } = await speaker.next('offer');
  const { csr, keyPem } = rsaRequest(id);
  await speaker.say({ word: 'csr', renewal, csr });
  const { certificates } = await speaker.next('cert');
  await speaker.say({ word: 'ack', renewal, status: 'installed' });
  await client.endAsync(true);
  const next = await connect(house, { certificatePem: pemOf(certificates), keyPem, rootPem }, id, rsaOnly);
  await house.log.until('renewal.activated', { 'nolapse.principal': id });
  await next.endAsync(true);
}

describe('an RSA chain', () => {
  it("carries a client that knows RSA alone through a renewal, the server certificate's included", async () => {
    let offset = 0;
    house = await openHouse({
      yaml: 'classes: { default: { lifetime: 300d, renewAt: 200d } }\n',
      clock: { now: () => Date.now() + offset },
      rsaBits: 2_048,
    });
    const { operations, ports } = house.gateway;
    await operations.addDevice({ id: 'pump-1', owner: 'tests' });
    const issued = await operations.issueDevice({ id: 'pump-1', rsaBits: 2_048 });
    expect(await keyTypeSeen(ports.mqtt, rsaOnly)).toBe('rsa');
    await renewOverRsa(issued, 'pump-1');

    offset = 70 * day;
    await house.log.until('server.certificate_renewed');
    expect(await keyTypeSeen(ports.mqtt, rsaOnly)).toBe('rsa');
  });

  it('is not made unless it is asked for: such a client finds no common suite', async () => {
    house = await openHouse();
    await expect(keyTypeSeen(house.gateway.ports.mqtt, rsaOnly)).rejects.toThrow();
    expect(await keyTypeSeen(house.gateway.ports.mqtt, {})).toBe('ec');
  });
});
