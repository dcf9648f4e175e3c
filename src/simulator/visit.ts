// One stay with the broker, from CONNACK to the end of the connection: subscribe, say hello, send telemetry, and take what
// comes one message after the other.
import type { UpMessage } from '../domain/message.ts';
import type { PrincipalId } from '../domain/principal.ts';
import { enrollmentRoot, isUpWord, parseEnrollmentTopic } from '../domain/topics.ts';
import type { Connection } from './connection.ts';
import type { Credential, CredentialStore } from './credentials.ts';
import type { Enrollment } from './enrollment.ts';
import type { Listener } from './event.ts';
import { readCertificate } from './key.ts';
import { pause } from './pause.ts';
import type { Roots } from './roots.ts';

export interface VisitOptions {
  readonly id: PrincipalId;
  readonly store: CredentialStore;
  readonly enrollment: Enrollment;
  /** What the connection was opened with. */
  readonly credential: Credential;
  /** The replacement that was refused, when that is why the old certificate is in use. */
  readonly fellBackFrom: Credential | null;
  readonly roots: Roots | null;
  readonly telemetryMs: number;
  /** The largest MQTT packet it takes, in bytes. */
  readonly maxPacket: number;
  readonly say: (message: UpMessage) => Promise<boolean>;
  readonly tell: Listener;
}

/** A replacement that was just stored, or one that the broker has seen before; or a port that was announced; false: none. */
export type Renewed = 'new' | 'seen' | 'try' | false;

export class Visit {
  readonly #options: VisitOptions;
  readonly #over = new AbortController();
  #queue: Promise<void>;
  #begin: () => void = () => {};
  #connection: Connection | null = null;
  #hushed = false;
  #renewed: Renewed = false;

  constructor(options: VisitOptions) {
    this.#options = options;
    // Messages may come before the connection has been handed over: they wait for `stay`.
    this.#queue = new Promise((resolve) => {
      this.#begin = resolve;
    });
  }

  /** Takes in what the broker published; in order, one at a time. */
  onMessage(topic: string, payload: Uint8Array): void {
    const to = parseEnrollmentTopic(topic);
    // `+` matches the device's own words as well, and a broker may return them.
    if (to?.id === this.#options.id && !isUpWord(to.word)) this.#enqueue(() => this.#take(to.word, payload));
  }

  /** @returns whether it ended because a replacement is to be used. */
  async stay(connection: Connection): Promise<Renewed> {
    this.#connection = connection;
    this.#begin();
    void this.#greet(connection);
    void this.#sendTelemetry(connection);
    this.#enqueue(() => this.#planForgetting());
    await connection.closed;
    this.#over.abort();
    await this.#queue;
    return this.#renewed;
  }

  #enqueue(work: () => Promise<void>): void {
    this.#queue = this.#queue.then(work).catch((error: unknown) => {
      const detail = error instanceof Error ? error.message : 'unknown fault';
      this.#options.tell({ type: 'error', code: 'device_fault', detail });
    });
  }

  async #greet(connection: Connection): Promise<void> {
    const { id, credential, fellBackFrom, maxPacket, say } = this.#options;
    if (fellBackFrom?.renewal) {
      // Before the hello, which would otherwise bring the refused certificate once more.
      const detail = 'the replacement was refused, the old certificate is in use';
      await say({ word: 'ack', renewal: fellBackFrom.renewal, status: 'failed', code: 'not_admitted', detail });
    }
    await this.#options.roots?.report();
    const { fingerprint } = readCertificate(credential.certificatePem);
    // The hello first: what the subscription then brings is small enough, and comes once.
    await say({ word: 'hello', fingerprint, maxPacket, clock: Math.floor(Date.now() / 1_000) });
    await connection.subscribe(`${enrollmentRoot}${id}/+`);
  }

  async #take(word: string, payload: Uint8Array): Promise<void> {
    if (this.#renewed) return;
    const { credential, enrollment, fellBackFrom } = this.#options;
    const standing = { credential, fellBack: fellBackFrom !== null, signal: this.#over.signal };
    const then = await enrollment.take(word, payload, standing);
    if (then === 'hush') this.#hushed = true;
    if (word === 'done') await this.#planForgetting();
    if (then === 'stay' || then === 'hush') return;
    this.#renewed = then === 'try' ? 'try' : then === 'reconnect' ? 'new' : 'seen';
    void this.#connection?.close();
  }

  async #sendTelemetry(connection: Connection): Promise<void> {
    const { id, telemetryMs } = this.#options;
    if (telemetryMs === 0) return;
    for (let count = 1; await pause(telemetryMs, this.#over.signal); count += 1) {
      if (this.#hushed) return;
      const reading = { at: Math.floor(Date.now() / 1_000), count };
      await connection.publish(`devices/${id}/telemetry`, JSON.stringify(reading), 0);
    }
  }

  /** Once the old certificate has retired, by what `done` said, it is deleted. */
  async #planForgetting(): Promise<void> {
    const { store, credential, enrollment } = this.#options;
    const next = await store.read('next');
    if (!next || next.retires === null || next.renewal !== credential.renewal) return;
    const restMs = next.retires * 1_000 - Date.now();
    void pause(restMs, this.#over.signal).then((passed) => {
      if (passed) this.#enqueue(() => enrollment.forgetOld(credential.renewal));
    });
  }
}
