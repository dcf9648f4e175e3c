// A device that renews itself: a black box over MQTT that keeps one connection up, tries its replacement first and falls
// back to the certificate it had. It knows the broker by the wire alone.
import type { UpMessage } from '../domain/message.ts';
import type { Encoding, PrincipalId } from '../domain/principal.ts';
import { enrollmentTopic } from '../domain/topics.ts';
import { encodeUp } from '../wire/index.ts';
import { type Connection, type Opened, openConnection, type Target } from './connection.ts';
import type { Credential, CredentialStore, Slot } from './credentials.ts';
import { Enrollment } from './enrollment.ts';
import type { DeviceEvent, DeviceEventType, EventOf, Listener } from './event.ts';
import { readCertificate } from './key.ts';
import { Backoff, pause } from './pause.ts';
import { Roots, type RootsOptions } from './roots.ts';
import { Visit } from './visit.ts';

export interface DeviceOptions {
  readonly id: PrincipalId;
  readonly target: Target;
  readonly store: CredentialStore;
  /** Takes the next root when it is told of one; absent: it verifies the broker with the target's for ever. */
  readonly roots?: RootsOptions | null;
  readonly encoding?: Encoding;
  /** Follows the id and a colon in the MQTT client id. */
  readonly clientIdSuffix?: string;
  /** 0: none is sent. */
  readonly telemetryMs?: number;
  /** The largest MQTT packet it takes, in bytes. */
  readonly maxPacket?: number;
  readonly keepaliveSeconds?: number;
  readonly connectTimeoutMs?: number;
  /** Pauses after a refusal, a lost connection or an error: doubling from the first to the most. */
  readonly retryFirstMs?: number;
  readonly retryMaxMs?: number;
  /** Refusals of the replacement before the old certificate is tried again. */
  readonly nextTriesMax?: number;
}

const defaults = {
  roots: null,
  encoding: 'json',
  clientIdSuffix: '',
  telemetryMs: 5_000,
  maxPacket: 4_096,
  keepaliveSeconds: 60,
  connectTimeoutMs: 10_000,
  retryFirstMs: 1_000,
  retryMaxMs: 60_000,
  nextTriesMax: 3,
} as const;

type Settings = Required<DeviceOptions>;

/** A connection that lasted this long counts as a success: the pauses after failures start again from the shortest. */
const steadyMs = 5_000;

interface Choice {
  readonly slot: Slot;
  readonly credential: Credential;
}

export class Device {
  readonly id: PrincipalId;
  readonly #settings: Settings;
  readonly #enrollment: Enrollment;
  readonly #roots: Roots | null;
  readonly #backoff: Backoff;
  readonly #listeners = new Set<Listener>();
  readonly #stop = new AbortController();
  #running: Promise<void> | null = null;
  #connection: Connection | null = null;
  /** Aborts the pause between two connections. */
  #rest = new AbortController();
  #asleepUntil = 0;
  #nextRefusals = 0;
  #fellBackFrom: Credential | null = null;
  #activated: string | null = null;

  constructor(options: DeviceOptions) {
    this.#settings = { ...defaults, ...options };
    this.id = options.id;
    this.#backoff = new Backoff(this.#settings.retryFirstMs, this.#settings.retryMaxMs);
    const talk = {
      say: (message: UpMessage) => this.#say(message),
      tell: (event: DeviceEvent) => this.#tell(event),
    };
    this.#roots = options.roots ? new Roots(options.roots, talk) : null;
    this.#enrollment = new Enrollment({
      id: options.id,
      store: options.store,
      ...talk,
      roots: this.#roots,
      encoding: this.#settings.encoding,
      maxPacket: this.#settings.maxPacket,
      retryFirstMs: this.#settings.retryFirstMs,
      retryMaxMs: this.#settings.retryMaxMs,
    });
  }

  get connected(): boolean {
    return this.#connection !== null;
  }

  /** Calls the listener for every event from now on; the returned function ends that. */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The next event of this type from now on. Never rejects: bound the wait where you wait. */
  once<T extends DeviceEventType>(type: T): Promise<EventOf<T>> {
    return new Promise((resolve) => {
      const end = this.listen((event) => {
        if (event.type !== type) return;
        end();
        resolve(event as EventOf<T>);
      });
    });
  }

  start(): void {
    this.#running ??= this.#live();
  }

  /** Ends the connection and everything the device has planned. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#rest.abort();
    await this.#connection?.close();
    await this.#running;
  }

  /** Disconnects until this time in Unix milliseconds. */
  sleepUntil(until: number): void {
    this.#asleepUntil = until;
    this.#rest.abort();
    void this.#connection?.close();
  }

  /** Disconnects for this long. */
  sleep(forMs: number): void {
    this.sleepUntil(Date.now() + forMs);
  }

  #tell(event: DeviceEvent): void {
    for (const listener of [...this.#listeners]) listener(event);
  }

  async #say(message: UpMessage): Promise<boolean> {
    const payload = encodeUp(this.#settings.encoding, message);
    return (await this.#connection?.publish(enrollmentTopic(this.id, message.word), payload, 1)) ?? false;
  }

  async #live(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      this.#rest = new AbortController();
      const restMs = this.#asleepUntil - Date.now();
      if (restMs > 0) {
        this.#tell({ type: 'asleep', until: this.#asleepUntil });
        await pause(restMs, this.#rest.signal);
        continue;
      }
      const waitMs = await this.#attempt();
      if (!this.#stop.signal.aborted) await pause(waitMs, this.#rest.signal);
    }
  }

  async #choose(): Promise<Choice | null> {
    const { store, nextTriesMax } = this.#settings;
    const next = await store.read('next');
    const current = await store.read('current');
    if (next && (this.#nextRefusals < nextTriesMax || !current)) return { slot: 'next', credential: next };
    if (next && current && !this.#fellBackFrom) {
      this.#fellBackFrom = next;
      this.#tell({ type: 'fallback', renewal: next.renewal });
    }
    return current && { slot: 'current', credential: current };
  }

  /** One connection from beginning to end. @returns how long to wait before the next, in milliseconds. */
  async #attempt(): Promise<number> {
    const choice = await this.#choose();
    if (!choice) {
      this.#tell({ type: 'error', code: 'no_credential', detail: 'both slots are empty' });
      return this.#settings.retryMaxMs;
    }
    const visit = this.#visit(choice);
    const opened = await this.#openAnywhere(choice.credential, visit);
    if (opened.kind === 'open') return this.#stay(opened.connection, visit, choice);
    if (opened.kind !== 'refused') this.#tell({ type: 'unreachable', detail: opened.detail });
    else {
      this.#countRefusal(choice.slot);
      this.#tell({ type: 'refused', slot: choice.slot, code: opened.code, detail: opened.detail });
    }
    return this.#backoff.next();
  }

  #visit({ slot, credential }: Choice): Visit {
    const { id, store, telemetryMs, maxPacket } = this.#settings;
    return new Visit({
      id,
      store,
      credential,
      telemetryMs,
      maxPacket,
      enrollment: this.#enrollment,
      roots: this.#roots,
      fellBackFrom: slot === 'current' ? this.#fellBackFrom : null,
      say: (message) => this.#say(message),
      tell: (event) => this.#tell(event),
    });
  }

  /** Each port that is known, with all the roots that are held, until one works. */
  async #openAnywhere(credential: Credential, visit: Visit): Promise<Opened> {
    const { target } = this.#settings;
    if (!this.#roots) return this.#open(target, credential, visit);
    let opened: Opened = { kind: 'unreachable', detail: 'no port is known' };
    for (const place of await this.#roots.places()) {
      if (this.#stop.signal.aborted) break;
      opened = await this.#open({ ...target, ...place }, credential, visit);
      if (!(await this.#roots.tried(place, opened))) break;
    }
    return opened;
  }

  #open(target: Target, credential: Credential, visit: Visit): Promise<Opened> {
    const { clientIdSuffix, keepaliveSeconds, connectTimeoutMs, maxPacket } = this.#settings;
    return openConnection({
      target,
      credential,
      keepaliveSeconds,
      connectTimeoutMs,
      clientId: clientIdSuffix === '' ? this.id : `${this.id}:${clientIdSuffix}`,
      onMessage: (topic, payload) => visit.onMessage(topic, payload),
      maxPacket,
      onTooLarge: (bytes) => this.#tell({ type: 'error', code: 'packet_too_large', detail: `${bytes} bytes` }),
    });
  }

  /** @returns how long to wait after the connection ended, in milliseconds. */
  async #stay(connection: Connection, visit: Visit, { slot, credential }: Choice): Promise<number> {
    const since = Date.now();
    this.#connection = connection;
    if (this.#stop.signal.aborted || this.#asleepUntil > since) void connection.close();
    this.#tell({ type: 'connected', slot, ...readCertificate(credential.certificatePem) });
    const isFirst = slot === 'next' && credential.retires === null && credential.renewal !== this.#activated;
    if (isFirst && credential.renewal !== null) {
      this.#activated = credential.renewal;
      this.#tell({
        type: 'activated',
        renewal: credential.renewal,
        ...readCertificate(credential.certificatePem),
      });
    }
    const renewed = await visit.stay(connection);
    this.#connection = null;
    this.#tell({ type: 'disconnected' });
    if (renewed === 'try') {
      this.#backoff.reset();
      return 0;
    }
    if (renewed) {
      this.#nextRefusals = 0;
      this.#fellBackFrom = null;
    }
    // What was seen before was not let in before, or not heard of: not again at once.
    if (renewed === 'new' || Date.now() - since >= steadyMs) this.#backoff.reset();
    return renewed === 'new' ? 0 : this.#backoff.next();
  }

  #countRefusal(slot: Slot): void {
    if (slot === 'next') {
      this.#nextRefusals += 1;
      return;
    }
    // The old one is refused too: the replacement gets another round, and so in turn.
    this.#nextRefusals = 0;
    this.#fellBackFrom = null;
  }
}
