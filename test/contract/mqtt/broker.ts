// The broker over the MQTT persistence, in one process and over TLS, and mqtt.js clients to talk to it.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import type { IClientOptions, IPublishPacket, MqttClient } from 'mqtt';
import type { BrokerLimits } from '../../../src/broker/limits.ts';
import type { MqttPersistenceOptions } from '../../../src/store/mqtt/options.ts';
import { createMqttPersistence, type MqttPersistence } from '../../../src/store/mqtt/persistence.ts';
import { type Database, openDatabase } from '../../../src/store/sqlite/database.ts';
import { House } from '../../broker/harness.ts';
import type { Credential } from '../../broker/test-pki.ts';
import { beginLedger } from '../sqlite/empty-ledger.ts';

/** Whom every client of these tests belongs to, and what it may do. */
export const principal = 'app';
const access = { publish: ['#'], subscribe: ['#', `$enroll/1/${principal}/+`] };

export interface TestBroker {
  readonly house: House;
  readonly database: Database;
  readonly persistence: MqttPersistence;
  /** Connects as the client id `app:<name>`. */
  connect(name: string, options?: IClientOptions): Promise<MqttClient>;
  /** A bare TLS socket of the same principal. */
  raw(): Promise<TLSSocket>;
  /** Connects as a session that outlives its connection, and collects what it is sent from the first packet on. */
  open(name: string, options?: IClientOptions): Promise<Inbox>;
  /** Messages in all queues. */
  queued(): number;
  close(): Promise<void>;
}

export interface Inbox {
  readonly client: MqttClient;
  readonly messages: readonly IPublishPacket[];
  texts(): string[];
  /** Resolves once what has arrived is enough. */
  until(isEnough: (messages: readonly IPublishPacket[]) => boolean): Promise<void>;
}

export function temporaryFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'nolapse-mqtt-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

type Given = [options?: Partial<MqttPersistenceOptions>, limits?: Partial<BrokerLimits>];

export async function startBroker(file: string, ...[options = {}, limits = {}]: Given): Promise<TestBroker> {
  await beginLedger(file);
  const database = openDatabase(file);
  const mayStore = (clientId: string, filter: string): boolean => house.broker.mayStore(clientId, filter);
  const persistence = createMqttPersistence(database, {
    mayStore,
    allowanceOf: (clientId) => house.broker.allowanceOf(clientId),
    queuedMessagesMax: 10_000,
    queuedBytesMax: 10_000_000,
    onDropped: (clientId, topic, why) => {
      // What breaks off again and again, as some of these clients do, is given up.
      if (why === 'not_taken') return;
      throw new Error(`dropped ${topic} of ${clientId}`);
    },
    ...options,
  });
  const count = database.sqlite.prepare('SELECT count(*) AS count FROM mqtt_outgoing');
  const house = await House.open(limits, { persistence });
  const credential = await house.service(principal, access);
  const clientId = (name: string): string => `${principal}:${name}`;
  return {
    house,
    database,
    persistence,
    connect: (name, clientOptions) => house.connected(credential, clientId(name), clientOptions),
    raw: () => house.raw(credential),
    open: (name, clientOptions) => openInbox(house, credential, clientId(name), clientOptions),
    queued: () => (count.get() as { readonly count: number }).count,
    close: async () => {
      await house.close();
      await database.close();
    },
  };
}

/** The same on a folder of its own, which goes with it. */
export async function startFreshBroker(...given: Given): Promise<TestBroker> {
  const folder = temporaryFolder();
  const broker = await startBroker(`${folder.path}/nolapse.db`, ...given);
  return {
    ...broker,
    close: async () => {
      await broker.close();
      folder.remove();
    },
  };
}

async function openInbox(
  house: House,
  credential: Credential,
  clientId: string,
  options: IClientOptions = {},
): Promise<Inbox> {
  const messages: IPublishPacket[] = [];
  const checks = new Set<() => void>();
  const client = house.client(credential, clientId, { clean: false, ...options });
  client.on('message', (_topic, _payload, packet) => {
    messages.push(packet);
    for (const check of checks) check();
  });
  await new Promise<void>((resolve, reject) => {
    client.once('connect', () => resolve());
    client.once('close', () => reject(new Error(`${clientId} was not let in`)));
  });
  return {
    client,
    messages,
    texts: () => messages.map(({ payload }) => payload.toString()),
    until: (isEnough) =>
      new Promise((resolve) => {
        const check = (): void => {
          if (!isEnough(messages)) return;
          checks.delete(check);
          resolve();
        };
        checks.add(check);
        check();
      }),
  };
}
