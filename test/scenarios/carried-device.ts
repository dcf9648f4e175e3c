// A device without a connection of its own, written from docs/protocol.md alone: its site gateway carries its messages, and loses one, brings it
// twice, or loses its own connection in the place of one. The device repeats what is not answered, and proves which certificate it uses.
import { createHash, createPrivateKey, createPublicKey, sign, X509Certificate } from 'node:crypto';
import type { MqttClient } from 'mqtt';
import type { DownMessage, UpMessage } from '../../src/domain/message.ts';
import { type Encoding, parsePrincipalId } from '../../src/domain/principal.ts';
import { useProofText } from '../../src/domain/proof.ts';
import { enrollmentTopic } from '../../src/domain/topics.ts';
import { decodeDown, encodeUp } from '../../src/wire/index.ts';
import { type Credentials, connect, type House, newRequest, pemOf } from './harness.ts';
import type { Mishap } from './page-device.ts';
import { digest } from './site.ts';

/** When the site gateway subscribes on a new connection: at once, or after the first message it carries up. */
export const carryOrders = ['subscribe first', 'carry first'] as const;

export interface CarriedOptions {
  readonly house: House;
  readonly id: string;
  readonly encoding: Encoding;
  readonly maxPacket: number;
  readonly gateway: { readonly id: string; readonly credentials: Credentials };
  readonly order: (typeof carryOrders)[number];
  /** Counted in messages, both ways. */
  readonly mishap: Mishap | null;
}

/** So long it waits for an answer. */
const patienceMs = 400;

interface Replacement extends Credentials {
  readonly renewal: string;
}
type Offer = Extract<DownMessage, { word: 'offer' }>;

export class CarriedDevice {
  readonly #options: CarriedOptions;
  readonly #first: Credentials;
  readonly #inbox: DownMessage[] = [];
  #wake: () => void = () => undefined;
  #line: Promise<MqttClient>;
  #subscribed: MqttClient | null = null;
  #seen = 0;
  #next: Replacement | null = null;
  #request: { readonly renewal: string; readonly csr: Uint8Array; readonly keyPem: string } | null = null;
  #offer: Offer | null = null;
  #bytes: Uint8Array = new Uint8Array();
  /** Codes it was not prepared for. */
  readonly surprises: string[] = [];

  constructor(options: CarriedOptions, first: Credentials) {
    this.#options = options;
    this.#first = first;
    this.#line = this.#open();
  }

  /** Messages that went through, or were to. */
  get messages(): number {
    return this.#seen;
  }

  /** @returns the renewal that it was told is done; null when it gave up after so many silences. */
  async renew(silencesMax: number): Promise<string | null> {
    await this.#hello();
    for (let silences = 0; silences < silencesMax; ) {
      const message = await this.#hear();
      if (message === null) {
        silences += 1;
        await this.#hello();
      } else if (message.word === 'done' && message.renewal === this.#next?.renewal) return message.renewal;
      else await this.#take(message);
    }
    return null;
  }

  async close(): Promise<void> {
    await (await this.#line).endAsync(true);
  }

  async #open(): Promise<MqttClient> {
    const { house, gateway, order, id } = this.#options;
    const client = await connect(house, gateway.credentials, gateway.id);
    client.on('message', (topic, payload) => {
      const [, , about, word = ''] = topic.split('/');
      const decoded = about === id ? decodeDown(word, payload) : null;
      if (!decoded?.ok) return;
      const fault = this.#fault();
      if (fault === 'cut') this.#cut(client);
      for (let times = fault === null ? 1 : fault === 'repeat' ? 2 : 0; times > 0; times -= 1) {
        this.#inbox.push(decoded.message);
      }
      this.#wake();
    });
    if (order === 'subscribe first') await this.#subscribe(client);
    return client;
  }

  async #subscribe(client: MqttClient): Promise<void> {
    if (this.#subscribed === client) return;
    this.#subscribed = client;
    // Its connection may have been lost meanwhile.
    await client.subscribeAsync('$enroll/1/#', { qos: 1 }).catch(() => undefined);
  }

  /** The site gateway comes again at once. */
  #cut(client: MqttClient): void {
    this.#line = client.endAsync(true).then(() => this.#open());
  }

  #fault(): Mishap['fault'] | null {
    const { mishap } = this.#options;
    const fault = mishap?.at === this.#seen ? mishap.fault : null;
    this.#seen += 1;
    return fault;
  }

  async #say(message: UpMessage): Promise<void> {
    const client = await this.#line;
    const fault = this.#fault();
    if (fault === 'cut') return this.#cut(client);
    const { id, encoding } = this.#options;
    const self = parsePrincipalId(id);
    if (!self) throw new Error(id);
    const payload = Buffer.from(encodeUp(encoding, message));
    for (let times = fault === null ? 1 : fault === 'repeat' ? 2 : 0; times > 0; times -= 1) {
      await client.publishAsync(enrollmentTopic(self, message.word), payload, { qos: 1 }).catch(() => undefined);
    }
    await this.#subscribe(await this.#line);
  }

  async #hear(): Promise<DownMessage | null> {
    if (this.#inbox.length === 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, patienceMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return this.#inbox.shift() ?? null;
  }

  /** With a replacement, its proof: it is what a connection would be. */
  async #hello(): Promise<void> {
    const { id, maxPacket } = this.#options;
    const { certificatePem, keyPem } = this.#next ?? this.#first;
    const fingerprint = digest(new X509Certificate(certificatePem).raw);
    const self = parsePrincipalId(id);
    if (!self) throw new Error(id);
    const proof = sign('sha256', Buffer.from(useProofText(self, fingerprint)), createPrivateKey(keyPem));
    await this.#say({ word: 'hello', maxPacket, fingerprint, proof });
  }

  async #take(message: DownMessage): Promise<void> {
    if (message.word === 'offer') await this.#onOffer(message);
    else if (message.word === 'part') await this.#onPart(message);
    else if (message.word === 'cert') await this.#onCertificate(message.renewal, message.certificates);
    else if (message.word === 'error') await this.#onError(message);
  }

  async #onOffer(offer: Offer): Promise<void> {
    if (this.#next?.renewal === offer.renewal) return this.#install(this.#next);
    if (offer.size !== undefined && (offer.mode !== 'csr' || this.#request?.renewal === offer.renewal)) {
      if (this.#offer?.renewal !== offer.renewal) this.#bytes = new Uint8Array();
      this.#offer = offer;
      return this.#ask();
    }
    if (offer.mode !== 'csr') return;
    if (this.#request?.renewal !== offer.renewal) {
      this.#request = { renewal: offer.renewal, ...(await newRequest(this.#options.id)) };
    }
    await this.#say({ word: 'csr', renewal: offer.renewal, csr: this.#request.csr });
  }

  #total(): number {
    return this.#offer ? (this.#offer.size ?? 0) + (this.#offer.sha256 ? 0 : 32) : 0;
  }

  async #ask(): Promise<void> {
    if (!this.#offer) return;
    const offset = this.#bytes.length;
    await this.#say({ word: 'get', renewal: this.#offer.renewal, offset, length: this.#total() - offset });
  }

  async #onPart({ renewal, offset, bytes }: Extract<DownMessage, { word: 'part' }>): Promise<void> {
    const offer = this.#offer;
    if (!offer || this.#next || offer.renewal !== renewal || offset !== this.#bytes.length) return;
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    if (this.#bytes.length < this.#total()) return;
    const whole = this.#bytes.subarray(0, offer.size);
    const expected = offer.sha256 ?? this.#bytes.subarray(offer.size);
    if (!createHash('sha256').update(whole).digest().equals(expected)) this.surprises.push('another digest');
    await this.#onCertificate(renewal, [whole]);
  }

  async #onCertificate(renewal: string, certificates: readonly Uint8Array[]): Promise<void> {
    if (this.#next?.renewal === renewal) return this.#install(this.#next);
    const { keyPem } = this.#request?.renewal === renewal ? this.#request : this.#first;
    const leaf = new X509Certificate(Buffer.from(certificates[0] ?? []));
    if (!leaf.publicKey.equals(createPublicKey(keyPem))) this.surprises.push('a certificate over another key');
    await this.#install({ renewal, certificatePem: pemOf(certificates), keyPem });
  }

  async #install(replacement: Replacement): Promise<void> {
    this.#next = replacement;
    await this.#say({ word: 'ack', renewal: replacement.renewal, status: 'installed' });
    await this.#hello();
  }

  /** `nothing_due` and `renewal_closed` are answers to something older: it asks again when nothing else comes. */
  async #onError({ code }: Extract<DownMessage, { word: 'error' }>): Promise<void> {
    if (code !== 'nothing_due' && code !== 'renewal_closed') this.surprises.push(code);
  }
}
