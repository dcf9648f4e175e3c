// A device written from docs/protocol.md alone, over a link that loses, repeats or cuts at one packet of its whole conversation. It keeps two
// credentials until `done`, takes nothing but a refusal for one, and asks again when no answer comes.

import { createHash, createPublicKey, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import mqttPacket, { type Packet } from 'mqtt-packet';
import type { DownMessage, UpMessage } from '../../src/domain/message.ts';
import type { Encoding } from '../../src/domain/principal.ts';
import { enrollmentTopic } from '../../src/domain/topics.ts';
import { decodeDown, encodeUp } from '../../src/wire/index.ts';
import { idOf } from '../domain/samples.ts';
import { type Credentials, newRequest, pemOf } from './harness.ts';

/** What happens to one packet: it is lost, it comes twice, or the connection ends in its place. */
export type Fault = 'lose' | 'repeat' | 'cut';
/** Counted over all connections of a conversation, from 0, both ways. */
export interface Mishap {
  readonly at: number;
  readonly fault: Fault;
}

/** In which order the device says hello and subscribes, and to what. */
export const orders = ['hello first', 'subscribe first', 'both at once', 'subscribe alone', 'word by word'] as const;
export type Order = (typeof orders)[number];

export interface PageDeviceOptions {
  readonly port: number;
  readonly id: string;
  readonly encoding: Encoding;
  readonly order: Order;
  readonly maxPacket: number;
  readonly mishap: Mishap | null;
}

/** So long it waits for an answer, and for a connection. */
const patienceMs = 500;
const connectMs = 20_000;
const words = ['offer', 'part', 'cert', 'done', 'error'] as const;

type Got = Packet | 'silence' | 'ended';

/** One connection: what goes through it is counted, and one packet of all has its mishap. */
class Link {
  readonly #socket: TLSSocket;
  readonly #seen: { count: number };
  readonly #mishap: Mishap | null;
  readonly #inbox: Packet[] = [];
  #wake: () => void = () => undefined;

  constructor(port: number, { certificatePem, keyPem }: Credentials, seen: { count: number }, mishap: Mishap | null) {
    this.#seen = seen;
    this.#mishap = mishap;
    const parser = mqttPacket.parser();
    this.#socket = connect({ host: 'localhost', port, cert: certificatePem, key: keyPem, rejectUnauthorized: false });
    this.#socket.on('error', () => undefined);
    this.#socket.on('data', (chunk: Buffer) => parser.parse(chunk));
    this.#socket.on('close', () => this.#wake());
    parser.on('packet', (packet) => {
      for (let times = this.#times(); times > 0; times -= 1) this.#inbox.push(packet);
      this.#wake();
    });
  }

  /** How often the next packet goes through. */
  #times(): number {
    const fault = this.#mishap?.at === this.#seen.count ? this.#mishap.fault : null;
    this.#seen.count += 1;
    if (fault === 'cut') this.#socket.destroy();
    if (fault === null) return 1;
    return fault === 'repeat' ? 2 : 0;
  }

  send(...packets: readonly Packet[]): void {
    const bytes: Buffer[] = [];
    for (const packet of packets) {
      for (let times = this.#times(); times > 0; times -= 1) bytes.push(mqttPacket.generate(packet));
    }
    if (!this.#socket.destroyed) this.#socket.write(Buffer.concat(bytes));
  }

  /** True once TLS is up. */
  async up(): Promise<boolean> {
    const signal = AbortSignal.timeout(connectMs);
    return once(this.#socket, 'secureConnect', { signal }).then(
      () => true,
      () => false,
    );
  }

  async next(): Promise<Got> {
    const until = Date.now() + patienceMs;
    for (;;) {
      const packet = this.#inbox.shift();
      if (packet) return packet;
      if (this.#socket.destroyed) return 'ended';
      if (Date.now() >= until) return 'silence';
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, until - Date.now());
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  async close(): Promise<void> {
    if (this.#socket.destroyed) return;
    const closed = new Promise<void>((resolve) => this.#socket.once('close', () => resolve()));
    this.#socket.end(mqttPacket.generate({ cmd: 'disconnect' }));
    await closed;
  }
}

interface Replacement extends Credentials {
  readonly renewal: string;
}

type Then = 'stay' | 'leave' | 'done';

export class PageDevice {
  readonly #options: PageDeviceOptions;
  readonly #seen = { count: 0 };
  #old: Credentials;
  #next: Replacement | null = null;
  #request: { readonly renewal: string; readonly csr: Uint8Array; readonly keyPem: string } | null = null;
  #offer: Extract<DownMessage, { word: 'offer' }> | null = null;
  #bytes: Uint8Array = new Uint8Array();
  #refused: 'old' | 'next' | null = null;
  #link: Link | null = null;
  #messageId = 0;
  /** Of codes it was not prepared for. */
  readonly surprises: string[] = [];

  constructor(options: PageDeviceOptions, first: Credentials) {
    this.#options = options;
    this.#old = first;
  }

  /** Packets that went through, or were to. */
  get packets(): number {
    return this.#seen.count;
  }

  /** Connects again and again until it is told that all is done. @returns the renewal; null when it gave up after so many visits. */
  async renew(visitsMax: number): Promise<string | null> {
    for (let visit = 0; visit < visitsMax; visit += 1) {
      const then = await this.#visit();
      if (then === 'done') return this.#next?.renewal ?? null;
    }
    return null;
  }

  async #visit(): Promise<Then> {
    const slot = this.#next && this.#refused !== 'next' ? 'next' : 'old';
    const credentials = slot === 'next' && this.#next ? this.#next : this.#old;
    const { port, id, mishap } = this.#options;
    const link = new Link(port, credentials, this.#seen, mishap);
    this.#link = link;
    if (!(await link.up())) return this.#leave(link);
    link.send({ cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clean: true, clientId: id, keepalive: 30 });
    let answer = await link.next();
    // No answer yet is no refusal, nor is an end.
    if (answer === 'silence') answer = await link.next();
    if (typeof answer === 'string' || answer.cmd !== 'connack') return this.#leave(link);
    if (answer.returnCode === 5) this.#refused = slot;
    if (answer.returnCode !== 0) return this.#leave(link);
    await this.#greet();
    for (let silences = 0; silences < 3; ) {
      const got = await link.next();
      if (got === 'ended') break;
      if (got === 'silence') {
        silences += 1;
        if (silences < 3) this.#say({ word: 'hello', maxPacket: this.#options.maxPacket });
        continue;
      }
      const then = await this.#take(got, slot);
      if (then === 'stay') continue;
      await link.close();
      return then;
    }
    return this.#leave(link);
  }

  async #leave(link: Link): Promise<Then> {
    await link.close();
    return 'leave';
  }

  async #greet(): Promise<void> {
    const { id, order, maxPacket } = this.#options;
    const hello = () => this.#publish({ word: 'hello', maxPacket });
    const all = () => this.#subscribe(`$enroll/1/${id}/+`);
    switch (order) {
      case 'hello first':
        this.#link?.send(hello());
        await this.#until('puback');
        this.#link?.send(all());
        return;
      case 'subscribe first':
        this.#link?.send(this.#subscribe(`$enroll/1/${id}/#`));
        await this.#until('suback');
        this.#link?.send(hello());
        return;
      case 'both at once':
        this.#link?.send(hello(), all());
        return;
      case 'subscribe alone':
        this.#link?.send(all());
        return;
      case 'word by word':
        this.#link?.send(hello());
        for (const word of words) this.#link?.send(this.#subscribe(`$enroll/1/${id}/${word}`));
        return;
    }
  }

  /** Waits for an acknowledgement, for a while; what else comes meanwhile is none of the device's yet. */
  async #until(cmd: 'puback' | 'suback'): Promise<void> {
    const got = await this.#link?.next();
    if (got === undefined || typeof got === 'string' || got.cmd === cmd) return;
    await this.#take(got, 'old');
  }

  async #take(packet: Packet, slot: 'old' | 'next'): Promise<Then> {
    if (packet.cmd !== 'publish') return 'stay';
    if (packet.qos === 1 && packet.messageId !== undefined) {
      this.#link?.send({ cmd: 'puback', messageId: packet.messageId });
    }
    const decoded = decodeDown(packet.topic.split('/')[3] ?? '', Buffer.from(packet.payload));
    if (!decoded.ok) return 'stay';
    const { message } = decoded;
    switch (message.word) {
      case 'offer':
        return this.#onOffer(message, slot);
      case 'part':
        return this.#onPart(message);
      case 'cert':
        return this.#onCertificate(message.renewal, message.certificates);
      case 'done':
        return slot === 'next' && message.renewal === this.#next?.renewal ? 'done' : 'stay';
      case 'trust':
        return 'stay';
      case 'error':
        return this.#onError(message);
    }
  }

  async #onOffer(offer: Extract<DownMessage, { word: 'offer' }>, slot: 'old' | 'next'): Promise<Then> {
    if (slot === 'next') return 'stay';
    if (this.#next?.renewal === offer.renewal) return this.#install(this.#next);
    if (offer.size !== undefined && (offer.mode !== 'csr' || this.#request?.renewal === offer.renewal)) {
      const isSame = this.#offer?.renewal === offer.renewal && this.#offer.size === offer.size;
      if (!isSame) this.#bytes = new Uint8Array();
      this.#offer = offer;
      this.#ask();
    } else if (offer.mode === 'csr') {
      if (this.#request?.renewal !== offer.renewal) {
        this.#request = { renewal: offer.renewal, ...(await newRequest(this.#options.id)) };
      }
      this.#say({ word: 'csr', renewal: offer.renewal, csr: this.#request.csr });
    }
    return 'stay';
  }

  #total(): number {
    return this.#offer ? (this.#offer.size ?? 0) + (this.#offer.sha256 ? 0 : 32) : 0;
  }

  #ask(): void {
    if (!this.#offer) return;
    const offset = this.#bytes.length;
    this.#say({ word: 'get', renewal: this.#offer.renewal, offset, length: this.#total() - offset });
  }

  #onPart({ renewal, offset, bytes }: Extract<DownMessage, { word: 'part' }>): Then | Promise<Then> {
    const offer = this.#offer;
    if (!offer || offer.renewal !== renewal || offset !== this.#bytes.length) return 'stay';
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    if (this.#bytes.length < this.#total()) return 'stay';
    const whole = this.#bytes.subarray(0, offer.size);
    const digest = createHash('sha256').update(whole).digest();
    const isRight = digest.equals(offer.sha256 ?? this.#bytes.subarray(offer.size));
    if (isRight) return this.#onCertificate(renewal, [whole]);
    this.#bytes = new Uint8Array();
    this.#ask();
    return 'stay';
  }

  #onCertificate(renewal: string, certificates: readonly Uint8Array[]): Then {
    if (this.#next?.renewal === renewal) return this.#install(this.#next);
    const keyPem = this.#request?.renewal === renewal ? this.#request.keyPem : this.#old.keyPem;
    const leaf = new X509Certificate(Buffer.from(certificates[0] ?? []));
    if (!leaf.publicKey.equals(createPublicKey(keyPem))) {
      this.surprises.push('a certificate over another key');
      return 'stay';
    }
    return this.#install({ renewal, certificatePem: pemOf(certificates), keyPem });
  }

  #install(replacement: Replacement): Then {
    this.#next = replacement;
    this.#refused = null;
    this.#say({ word: 'ack', renewal: replacement.renewal, status: 'installed' });
    return 'leave';
  }

  #onError({ code, renewal }: Extract<DownMessage, { word: 'error' }>): Then {
    if (code === 'nothing_due') {
      if (renewal === undefined || this.#next?.renewal === renewal) return 'leave';
      this.#say({ word: 'ack', renewal, status: 'failed', code: 'lost' });
      return 'stay';
    }
    if (code === 'renewal_closed') return 'leave';
    this.surprises.push(code);
    return 'stay';
  }

  #say(message: UpMessage): void {
    this.#link?.send(this.#publish(message));
  }

  #publish(message: UpMessage): Packet {
    const { id, encoding } = this.#options;
    const payload = Buffer.from(encodeUp(encoding, message));
    const topic = enrollmentTopic(idOf(id), message.word);
    return { cmd: 'publish', topic, payload, qos: 1, dup: false, retain: false, messageId: this.#nextId() };
  }

  #subscribe(topic: string): Packet {
    return { cmd: 'subscribe', messageId: this.#nextId(), subscriptions: [{ topic, qos: 1 }] };
  }

  #nextId(): number {
    this.#messageId += 1;
    return this.#messageId;
  }
}
