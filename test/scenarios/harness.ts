// A real broker in this process, on real sockets with real TLS, with short lifetimes or a clock that a test turns; its log
// is kept so that a test waits for what happened, not for a guessed time.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt';
import type { Operations } from '../../src/app/operator/operate.ts';
import type { IssuedView } from '../../src/app/views/devices.ts';
import type { Profiles } from '../../src/authority/profiles.ts';
import { loadConfig } from '../../src/config/index.ts';
import type { DownMessage, UpMessage } from '../../src/domain/message.ts';
import type { Encoding } from '../../src/domain/principal.ts';
import { enrollmentTopic } from '../../src/domain/topics.ts';
import { type Nolapse, startNolapse } from '../../src/nolapse.ts';
import type { Authority } from '../../src/ports/authority.ts';
import type { Store } from '../../src/ports/store.ts';
import { makeRequest } from '../../src/simulator/key.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { createMetrics, type Metrics } from '../../src/telemetry/metrics.ts';
import { decodeDown, encodeUp } from '../../src/wire/index.ts';
import { idOf } from '../domain/samples.ts';
import { throughUnits } from '../fakes/rerunning-store.ts';
import { operated } from '../fakes/tester.ts';
import { fillHome } from './made-home.ts';
import { Recorder, until } from './recorder.ts';

export interface House {
  readonly gateway: Nolapse & { readonly operations: Operations };
  readonly home: string;
  /** The ledger of the broker that runs. */
  readonly store: Store;
  readonly log: Recorder;
  readonly metrics: Metrics;
  /** Adds a device and issues its first certificate. */
  device(
    id: string,
    more?: { class?: string; site?: string; kind?: 'device' | 'gateway' | 'service' },
  ): Promise<IssuedView>;
  /** Writes another configuration, as {@link HouseOptions.yaml} has it, which counts once it is read. */
  configure(yaml: string): void;
  /** Stops the broker and starts another on the same home; `between` runs while none does. */
  restart(between?: () => void | Promise<void>): Promise<void>;
  close(): Promise<void>;
}

export interface HouseOptions {
  /** YAML of the configuration's `classes`, and more; ports are always free ones. */
  readonly yaml?: string;
  /** Of the section `mqtt`; absent: a free port. */
  readonly mqtt?: string;
  readonly clock?: { now(): number; steady?(): number };
  readonly throughAuthority?: (authority: Authority) => Authority;
  /** Of the PKI's keys; absent: P-256. */
  readonly rsaBits?: number;
  /** Other profiles of certificates than those of the package. */
  readonly profiles?: Profiles;
  /** Beside the configuration, by name. */
  readonly files?: Readonly<Record<string, string | { readonly text: string; readonly mode: number }>>;
}

/** Lifetimes of seconds: due after a tenth of it, so that a whole renewal passes while a test watches. */
export const quickClasses = `
classes:
  default: { lifetime: 40s, renewAt: 10%, spread: 0%, overlap: 3s, grace: 60s, retryFirst: 1s, retryMax: 1s }
  patient: { lifetime: 1h, renewAt: 66%, overlap: 10m, grace: 1h }
`;

export async function openHouse(options: HouseOptions = {}): Promise<House> {
  const home = mkdtempSync(join(tmpdir(), 'nolapse-'));
  for (const [name, file] of Object.entries(options.files ?? {})) {
    const { text, mode } = typeof file === 'string' ? { text: file, mode: 0o644 } : file;
    writeFileSync(join(home, name), text);
    chmodSync(join(home, name), mode);
  }
  const file = join(home, 'nolapse.yaml');
  const configure = (yaml: string): void =>
    writeFileSync(
      file,
      `mqtt: { ${options.mqtt ?? 'port: 0'} }\nhttp: { port: 0 }\nsweep: { interval: 100ms }\n${yaml}`,
    );
  configure(options.yaml ?? quickClasses);
  const log = new Recorder();
  const metrics = createMetrics();
  const readConfig = () => loadConfig({ file, env: {} });
  const start = async () =>
    operated(
      await startNolapse({
        home,
        config: readConfig(),
        readConfig,
        log: createLog({ level: 'debug', stream: log }),
        metrics,
        throughStore: (given) => {
          store = throughUnits().throughStore(given);
          return store;
        },
        ...(options.clock && { clock: options.clock }),
        ...(options.throughAuthority && { throughAuthority: options.throughAuthority }),
        ...(options.rsaBits && { rsaBits: options.rsaBits }),
        ...(options.profiles && { profiles: options.profiles }),
      }),
    );
  let store: Store | null = null;
  await fillHome(home, readConfig(), options);
  let gateway = await start();
  return {
    get gateway() {
      return gateway;
    },
    home,
    get store() {
      if (!store) throw new Error('no broker was started');
      return store;
    },
    log,
    metrics,
    device: async (id, more = {}) => {
      await gateway.operations.addDevice({ id, owner: 'tests', ...more });
      return gateway.operations.issueDevice({ id });
    },
    configure,
    restart: async (between) => {
      await gateway.close();
      await between?.();
      gateway = await start();
    },
    close: async () => {
      await gateway.close();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** What a client presents: PEM of certificate chain and key. */
export interface Credentials {
  readonly certificatePem: string;
  readonly keyPem: string;
}

/** Connects over mutual TLS, checking the server; rejects with the CONNACK's code when refused. */
export function connect(
  house: House,
  credentials: (Credentials & { readonly rootPem?: string }) | null,
  id: string,
  options: IClientOptions = {},
): Promise<MqttClient> {
  return connectAsync({
    protocol: 'mqtts',
    host: 'localhost',
    port: house.gateway.ports.mqtt,
    clientId: id,
    rejectUnauthorized: false,
    ...(credentials && { cert: credentials.certificatePem, key: credentials.keyPem }),
    ...(credentials?.rootPem && { ca: credentials.rootPem, rejectUnauthorized: true }),
    reconnectPeriod: 0,
    connectTimeout: 30_000,
    ...options,
  });
}

/** The MQTT return code a connect is refused with; 0 when it is admitted (and then closed), null when no CONNACK came. */
export async function connackOf(...args: Parameters<typeof connect>): Promise<number | null> {
  try {
    const client = await connect(...args);
    await client.endAsync(true);
    return 0;
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    return typeof code === 'number' ? code : null;
  }
}

type Down<W extends DownMessage['word']> = Extract<DownMessage, { word: W }>;

function isIdle(message: DownMessage): boolean {
  return message.word === 'error' && message.code === 'nothing_due';
}

/** Speaks the enrollment protocol word by word, for tests that need each step in their hands. */
export class Speaker {
  readonly id;
  readonly client: MqttClient;
  readonly encoding: Encoding;
  readonly heard: DownMessage[] = [];
  /** Answers that nothing is due: they come to each hello that brings nothing else. */
  readonly idle: DownMessage[] = [];
  readonly #waiting = new Set<() => void>();

  constructor(client: MqttClient, id: string, encoding: Encoding = 'json') {
    this.id = idOf(id);
    this.client = client;
    this.encoding = encoding;
    client.on('message', (topic, payload) => {
      const [, , speaker, word = ''] = topic.split('/');
      // A gateway's connection carries what is said to all of its devices.
      if (speaker !== this.id) return;
      const decoded = decodeDown(word, payload);
      if (decoded.ok) (isIdle(decoded.message) ? this.idle : this.heard).push(decoded.message);
      for (const look of [...this.#waiting]) look();
    });
  }

  /** Subscribes to what the broker sends. */
  async listen(): Promise<this> {
    await this.client.subscribeAsync(`$enroll/1/${this.id}/+`, { qos: 1 });
    return this;
  }

  async say(message: UpMessage): Promise<void> {
    const payload = Buffer.from(encodeUp(this.encoding, message));
    await this.client.publishAsync(enrollmentTopic(this.id, message.word), payload, { qos: 1 });
  }

  /** The next message of this word, among those not asked for yet. */
  next<W extends DownMessage['word']>(word: W): Promise<Down<W>> {
    return this.#take(this.heard, word);
  }

  /** The next answer that nothing is due. */
  nothingDue(): Promise<Down<'error'>> {
    return this.#take(this.idle, 'error');
  }

  #take<W extends DownMessage['word']>(among: DownMessage[], word: W): Promise<Down<W>> {
    return until(
      (wake) => {
        this.#waiting.add(wake);
        return () => this.#waiting.delete(wake);
      },
      () => {
        const index = among.findIndex((message) => message.word === word);
        return index < 0 ? undefined : (among.splice(index, 1)[0] as Down<W>);
      },
      () => `no ${word} for ${this.id}; heard ${JSON.stringify([...this.heard, ...this.idle])}`,
    );
  }
}

/** A new key and a CSR for it, DER. */
export function newRequest(id: string): Promise<{ keyPem: string; csr: Uint8Array }> {
  return makeRequest(idOf(id));
}

/** The PEM of DER certificates, leaf first. */
export function pemOf(certificates: readonly Uint8Array[]): string {
  return certificates
    .map((der) => {
      const lines =
        Buffer.from(der)
          .toString('base64')
          .match(/.{1,64}/g) ?? [];
      return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
    })
    .join('');
}
