// A device behind a site's broker: it has a key, a certificate and a buffer of 256 bytes, speaks CBOR over plain TCP to that broker
// and to nobody else, and proves with its keys what it cannot prove by a connection.
import { createHash, createPrivateKey, sign, X509Certificate } from 'node:crypto';
import { connectAsync } from 'mqtt';
import type { Fingerprint } from '../../src/domain/certificate.ts';
import { publishBytes } from '../../src/domain/packet.ts';
import { requestProofText, useProofText } from '../../src/domain/proof.ts';
import { fingerprintOf } from '../../src/pki/fingerprint.ts';
import { idOf } from '../domain/samples.ts';
import { newRequest, Speaker } from '../scenarios/harness.ts';

const packetBytesMax = 256;

export interface Held {
  readonly der: Uint8Array;
  readonly keyPem: string;
}

interface Offer {
  readonly renewal: string;
  readonly size: number;
  readonly sha256: Uint8Array;
}

function signed(text: string, keyPem: string): Uint8Array {
  return sign('sha256', Buffer.from(text), keyPem);
}

export class BridgedDevice {
  readonly #id;
  readonly #broker: { readonly port: number; readonly password: string };
  #held: Held;
  #next: { readonly renewal: string; readonly keyPem: string } | null = null;
  #speaker: Speaker | null = null;
  /** Bytes of the largest PUBLISH that came. */
  largestPublish = 0;

  constructor(id: string, broker: { readonly port: number; readonly password: string }, held: Held) {
    this.#id = idOf(id);
    this.#broker = broker;
    this.#held = held;
  }

  get fingerprint(): Fingerprint {
    return fingerprintOf(this.#held.der);
  }

  get speaker(): Speaker {
    if (!this.#speaker) throw new Error('not connected');
    return this.#speaker;
  }

  /** Connects to the site's broker and listens. */
  async connect(): Promise<void> {
    const client = await connectAsync({
      protocol: 'mqtt',
      host: '127.0.0.1',
      port: this.#broker.port,
      clientId: this.#id,
      username: this.#id,
      password: this.#broker.password,
      reconnectPeriod: 0,
    });
    client.on('packetreceive', (packet) => {
      if (packet.cmd !== 'publish') return;
      this.largestPublish = Math.max(this.largestPublish, publishBytes(packet.topic, packet.payload.length));
    });
    client.on('error', () => undefined);
    this.#speaker = await new Speaker(client, this.#id, 'cbor').listen();
  }

  async disconnect(): Promise<void> {
    await this.#speaker?.client.endAsync(true);
    this.#speaker = null;
  }

  /** Says that it is here, and proves which certificate it uses. */
  hello(): Promise<void> {
    const { fingerprint } = this;
    const proof = signed(useProofText(this.#id, fingerprint), this.#held.keyPem);
    return this.speaker.say({ word: 'hello', fingerprint, maxPacket: packetBytesMax, slots: 1, proof });
  }

  /** Waits for the offer that asks for a request in this renewal. */
  async offered(renewal: string): Promise<void> {
    for (;;) {
      const offer = await this.speaker.next('offer');
      if (offer.renewal === renewal && offer.size === undefined) return;
    }
  }

  /** Waits until it is told that the replacement from this renewal was seen in use. */
  async done(renewal: string): Promise<void> {
    while ((await this.speaker.next('done')).renewal !== renewal);
  }

  /** Makes a key and asks for a certificate over it, as the holder of the one in use. */
  async request(renewal: string): Promise<void> {
    const { keyPem, csr } = await newRequest(this.#id);
    this.#next = { renewal, keyPem };
    const proof = signed(requestProofText(renewal, fingerprintOf(csr)), this.#held.keyPem);
    await this.speaker.say({ word: 'csr', renewal, csr, proof });
  }

  /** Waits until the replacement can be fetched. */
  async ready(): Promise<Offer> {
    for (;;) {
      const { renewal, size, sha256 } = await this.speaker.next('offer');
      if (renewal === this.#next?.renewal && size !== undefined && sha256) return { renewal, size, sha256 };
    }
  }

  /** Asks for the replacement, or for a stretch of it. */
  get({ renewal, size }: Offer, offset = 0, length = size): Promise<void> {
    return this.speaker.say({ word: 'get', renewal, offset, length });
  }

  /** Takes the parts that were asked for, checks and stores them. */
  async receive({ renewal, size, sha256 }: Offer): Promise<void> {
    const der = new Uint8Array(size);
    for (let filled = 0; filled < size; ) {
      const part = await this.part(renewal);
      if (part.total !== size || part.offset > filled) throw new Error('not the part that was due');
      der.set(part.bytes, part.offset);
      filled = Math.max(filled, part.offset + part.bytes.length);
    }
    this.take(der, sha256);
  }

  /** The next part of this renewal's replacement; what was asked for before may come late. */
  async part(renewal: string): Promise<{ offset: number; total: number; bytes: Uint8Array }> {
    for (;;) {
      const part = await this.speaker.next('part');
      if (part.renewal === renewal) return part;
    }
  }

  /** Checks and stores a replacement. */
  take(der: Uint8Array, sha256: Uint8Array): void {
    const { keyPem } = this.#next ?? {};
    if (!keyPem || !createHash('sha256').update(der).digest().equals(sha256)) throw new Error('not what was offered');
    if (!new X509Certificate(der).checkPrivateKey(createPrivateKey(keyPem)))
      throw new Error('not over the key asked for');
    this.#held = { der, keyPem };
    this.#next = null;
  }

  install(renewal: string): Promise<void> {
    return this.speaker.say({ word: 'ack', renewal, status: 'installed' });
  }
}
