// A broker in miniature: aedes behind mutual TLS, with a test PKI, that records what devices say and says what a test wants.
import 'reflect-metadata';
import { webcrypto, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type TLSSocket } from 'node:tls';
import * as x509 from '@peculiar/x509';
import { Aedes, type Client } from 'aedes';
import type { DownMessage, UpMessage } from '../../src/domain/message.ts';
import { type Encoding, parsePrincipalId } from '../../src/domain/principal.ts';
import { enrollmentTopic, parseEnrollmentTopic } from '../../src/domain/topics.ts';
import type { Target } from '../../src/simulator/connection.ts';
import type { Credential, CredentialStore } from '../../src/simulator/credentials.ts';
import { Device, type DeviceOptions } from '../../src/simulator/device.ts';
import type { DeviceEvent } from '../../src/simulator/event.ts';
import { decodeUp, encodeDown } from '../../src/wire/index.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const newKeys = () => webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);

export function principal(text: string) {
  const id = parsePrincipalId(text);
  if (!id) throw new Error(`no principal id: ${text}`);
  return id;
}

export class TestPki {
  readonly root: x509.X509Certificate;
  readonly #keys: webcrypto.CryptoKeyPair;
  #serial = 1;

  private constructor(root: x509.X509Certificate, keys: webcrypto.CryptoKeyPair) {
    this.root = root;
    this.#keys = keys;
  }

  static async create(): Promise<TestPki> {
    const keys = await newKeys();
    const root = await x509.X509CertificateGenerator.createSelfSigned({
      name: 'CN=test root',
      keys,
      signingAlgorithm: algorithm,
      extensions: [new x509.BasicConstraintsExtension(true, 0, true)],
    });
    return new TestPki(root, keys);
  }

  async sign(name: string, publicKey: x509.PublicKeyType, san: string | null = null): Promise<x509.X509Certificate> {
    this.#serial += 1;
    return x509.X509CertificateGenerator.create({
      serialNumber: this.#serial.toString(16).padStart(4, '0'),
      subject: `CN=${name}`,
      issuer: this.root.subject,
      publicKey,
      signingKey: this.#keys.privateKey,
      signingAlgorithm: algorithm,
      notAfter: new Date(Date.now() + 3_600_000),
      extensions: san ? [new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: san }])] : [],
    });
  }

  async credential(name: string, san: string | null = null): Promise<Credential> {
    const keys = await newKeys();
    const certificate = await this.sign(name, keys.publicKey, san);
    const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
    return {
      certificatePem: certificate.toString('pem'),
      keyPem: x509.PemConverter.encode(pkcs8, 'PRIVATE KEY'),
      renewal: null,
      retires: null,
    };
  }
}

export interface Heard {
  readonly message: UpMessage;
  readonly encoding: Encoding;
  readonly fingerprint: string;
}

export function fingerprintOf(pem: string | Uint8Array): string {
  return new X509Certificate(pem).fingerprint256.replaceAll(':', '').toLowerCase();
}

export class FakeBroker {
  readonly heard: Heard[] = [];
  /** Fingerprints of the certificates presented, one for every connect. */
  readonly connects: string[] = [];
  readonly refused = new Set<string>();
  /** What to do with each message; a test sets it. */
  respond: (heard: Heard, say: (message: DownMessage) => Promise<void>) => Promise<void> = async () => {};
  readonly #close: () => Promise<void>;
  readonly target: Target;
  readonly #waiters = new Set<() => void>();

  private constructor(target: Target, close: () => Promise<void>) {
    this.target = target;
    this.#close = close;
  }

  static async start(pki: TestPki): Promise<FakeBroker> {
    const broker = await Aedes.createBroker();
    const own = await pki.credential('localhost', 'localhost');
    const server = createServer({
      key: own.keyPem,
      cert: own.certificatePem,
      ca: pki.root.toString('pem'),
      requestCert: true,
      rejectUnauthorized: false,
    });
    const presented = new WeakMap<object, string>();
    server.on('secureConnection', (socket: TLSSocket) => {
      const raw = socket.getPeerX509Certificate()?.raw;
      presented.set(socket, raw ? fingerprintOf(raw) : 'none');
      socket.on('error', () => {});
      broker.handle(socket);
    });
    server.on('tlsClientError', (_error, socket) => socket.destroy());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const gateway = new FakeBroker({ host: 'localhost', port, ca: pki.root.toString('pem') }, async () => {
      await new Promise<void>((done) => broker.close(() => done()));
      await new Promise<void>((done) => server.close(() => done()));
    });
    const whose = (client: Client): string => presented.get(client.conn) ?? 'none';
    broker.authenticate = (client, _user, _password, done) => {
      gateway.connects.push(whose(client));
      gateway.#wake();
      if (!gateway.refused.has(whose(client))) return done(null, true);
      done(Object.assign(new Error('refused'), { returnCode: 5 }), false);
    };
    broker.on('publish', (packet, client) => {
      const to = parseEnrollmentTopic(packet.topic);
      if (!client || !to) return;
      const decoded = decodeUp(to.word, new Uint8Array(Buffer.from(packet.payload)));
      if (!decoded.ok) throw new Error(`${decoded.code}: ${decoded.detail}`);
      const heard = { message: decoded.message, encoding: decoded.encoding, fingerprint: whose(client) };
      gateway.heard.push(heard);
      gateway.#wake();
      void gateway.respond(heard, (message) => {
        const payload = Buffer.from(encodeDown(decoded.encoding, message));
        const topic = enrollmentTopic(to.id, message.word);
        return new Promise((done) => {
          client.publish({ cmd: 'publish', topic, payload, qos: 1, retain: false, dup: false }, () => done());
        });
      });
    });
    return gateway;
  }

  #wake(): void {
    for (const wake of this.#waiters) wake();
  }

  /** Waits until the condition holds; it is looked at whenever something was heard or somebody connected. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#waiters.delete(wake);
          resolve();
        };
        this.#waiters.add(wake);
      });
    }
  }

  said(word: UpMessage['word']): Heard[] {
    return this.heard.filter((each) => each.message.word === word);
  }

  stop(): Promise<void> {
    return this.#close();
  }
}

/** Answers as a broker should that has one renewal for this device, and no patience for more. */
export function renewOnce(pki: TestPki, renewal: string, retires: () => number) {
  let issued: x509.X509Certificate | null = null;
  return async ({ message, fingerprint }: Heard, say: (message: DownMessage) => Promise<void>): Promise<void> => {
    const now = Math.floor(Date.now() / 1_000);
    if (message.word === 'hello') {
      const activated = issued && fingerprint === fingerprintOf(new Uint8Array(issued.rawData));
      if (activated) await say({ word: 'done', renewal, retires: retires() });
      else await say({ word: 'offer', renewal, mode: 'csr', deadline: now + 60, now });
    }
    if (message.word === 'csr' && message.csr) {
      const request = new x509.Pkcs10CertificateRequest(Buffer.from(message.csr));
      issued ??= await pki.sign('device', request.publicKey);
      await say({ word: 'cert', renewal, certificates: [new Uint8Array(issued.rawData)] });
    }
  };
}

/** A device against it, started, with pauses of hundredths of a second; and what it tells. The test stops it. */
export function startDevice(gateway: FakeBroker, store: CredentialStore, options: Partial<DeviceOptions> = {}) {
  const device = new Device({
    id: principal('pump-1'),
    target: gateway.target,
    store,
    telemetryMs: 0,
    retryFirstMs: 20,
    retryMaxMs: 200,
    ...options,
  });
  const events: DeviceEvent[] = [];
  device.listen((event) => events.push(event));
  device.start();
  return { device, events };
}
