// A way between a device and the broker that loses, repeats and reorders whole MQTT packets, and breaks connections. TLS ends here: the
// test owns the device's keys, and so the link connects onwards with the very certificate that the device presented.
import { spawnSync } from 'node:child_process';
import type { KeyObject, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type Server, type TLSSocket } from 'node:tls';

/**
 * What befalls a packet. `hold`: it comes after the next one on its way. `break`: it is lost, and the connection with it. `refuse`: the
 * device gets a CONNACK 5 in its place, and the broker nothing. Bytes: these come in its place.
 */
export type Fate = 'pass' | 'lose' | 'repeat' | 'hold' | 'break' | 'refuse' | Buffer;

export interface Packet {
  readonly way: 'up' | 'down';
  /** CONNECT is 1, CONNACK 2, PUBLISH 3 and so on (MQTT 3.1.1, 2.2.1). */
  readonly type: number;
  /** How many came before it on this link, both ways together. */
  readonly at: number;
  /** The certificate of the connection. */
  readonly certificate: X509Certificate;
  readonly bytes: Buffer;
}

export const connack = 2;
export const publish = 3;

export interface Identity {
  readonly cert: string;
  readonly key: string;
}

/** A certificate for `localhost` and its key in PEM; it is its own root. */
export function localIdentity(): Identity {
  const words = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30'];
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-keyout', '-', '-out', '-'];
  const { status, stdout, stderr } = spawnSync('openssl', [...words, ...names], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  const block = (label: string): string => {
    const found = new RegExp(`-----BEGIN ${label}-----[^-]+-----END ${label}-----\n`).exec(stdout);
    if (!found) throw new Error(`no ${label} from openssl`);
    return found[0];
  };
  return { cert: block('CERTIFICATE'), key: block('PRIVATE KEY') };
}

/** The one of these keys that the certificate is over. */
export function keyOf(certificate: X509Certificate, candidates: readonly KeyObject[]): KeyObject {
  const key = candidates.find((candidate) => certificate.checkPrivateKey(candidate));
  if (!key) throw new Error('the certificate is over none of the keys');
  return key;
}

export interface LossyOptions {
  readonly identity: Identity;
  /** The broker's port on the loopback. */
  readonly target: () => number;
  readonly key: (certificate: X509Certificate) => KeyObject;
  readonly fate: (packet: Packet) => Fate;
}

export class LossyLink {
  readonly #server: Server;
  readonly #options: LossyOptions;
  readonly #sockets = new Set<TLSSocket>();
  #count = 0;

  private constructor(server: Server, options: LossyOptions) {
    this.#server = server;
    this.#options = options;
  }

  static async open(options: LossyOptions): Promise<LossyLink> {
    const server = createServer({ ...options.identity, requestCert: true, rejectUnauthorized: false });
    const link = new LossyLink(server, options);
    server.on('secureConnection', (near) => link.#lead(near));
    server.on('tlsClientError', () => undefined);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return link;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('not listening');
    return address.port;
  }

  /** Packets so far, both ways. */
  get count(): number {
    return this.#count;
  }

  #lead(near: TLSSocket): void {
    const certificate = near.getPeerX509Certificate();
    if (!certificate) return void near.destroy();
    const key = this.#options.key(certificate).export({ type: 'pkcs8', format: 'pem' });
    const to = { host: '127.0.0.1', port: this.#options.target(), servername: 'localhost' };
    const far = connect({ ...to, cert: certificate.toString(), key, rejectUnauthorized: false });
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
    this.#carry(near, far, { way: 'up', certificate });
    this.#carry(far, near, { way: 'down', certificate });
  }

  #carry(from: TLSSocket, to: TLSSocket, about: Pick<Packet, 'way' | 'certificate'>): void {
    let rest = Buffer.alloc(0);
    let held: Buffer | null = null;
    const send = (bytes: Buffer): void => {
      to.write(bytes);
      if (held) to.write(held);
      held = null;
    };
    from.on('data', (data: Buffer) => {
      rest = Buffer.concat([rest, data]);
      for (let size = packetSize(rest); size > 0 && !from.destroyed; size = packetSize(rest)) {
        const bytes = rest.subarray(0, size);
        rest = rest.subarray(size);
        const fate = this.#options.fate({ ...about, type: bytes.readUInt8(0) >> 4, at: this.#count, bytes });
        this.#count += 1;
        if (fate === 'break') from.destroy();
        else if (fate === 'refuse') from.end(Buffer.from([0x20, 2, 0, 5]));
        else if (fate === 'hold' && !held) held = bytes;
        else if (typeof fate !== 'string') send(fate);
        else if (fate !== 'lose') send(fate === 'repeat' ? Buffer.concat([bytes, bytes]) : bytes);
      }
    });
  }

  async close(): Promise<void> {
    for (const socket of [...this.#sockets]) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/** An error of the broker to this device, as a whole PUBLISH at QoS 1. */
export function errorTo(device: string, payload: Buffer): Buffer {
  const topic = Buffer.from(`$enroll/1/${device}/error`);
  const body = Buffer.concat([Buffer.from([0, topic.length]), topic, Buffer.from([0x7f, 0xff]), payload]);
  const size = body.length < 128 ? [body.length] : [(body.length & 127) | 128, body.length >> 7];
  return Buffer.concat([Buffer.from([0x32, ...size]), body]);
}

/** The size of the packet that these bytes begin with; 0 when it is not whole. */
function packetSize(bytes: Buffer): number {
  let size = 0;
  for (let at = 1; at < Math.min(bytes.length, 5); at += 1) {
    const digit = bytes.readUInt8(at);
    size += (digit & 127) * 128 ** (at - 1);
    if (digit < 128) return at + 1 + size <= bytes.length ? at + 1 + size : 0;
  }
  return 0;
}
