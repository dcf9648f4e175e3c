// The broker over the MQTT persistence, in one process and over TLS, and mqtt.js clients to talk to it.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import type { IClientOptions, IPublishPacket, MqttClient } from 'mqtt';
import type { BrokerLimits } from '../../../src/broker/limits.ts';
import type { MqttPersistenceOptions } from '../../../src/ports/mqtt-options.ts';
import type { MqttPersistence } from '../../../src/ports/mqtt-persistence.ts';
import type { Database } from '../../../src/store/sqlite/database.ts';
import { House } from '../../broker/harness.ts';
import type { Credential } from '../../broker/test-pki.ts';
import { type Keeper, openSqliteKept, sqliteKeeper } from './keepers.ts';

/** Whom every client of these tests belongs to, and what it may do. */
export const principal = 'app';
const access = { publish: ['#'], subscribe: ['#', `$enroll/1/${principal}/+`] };

export interface TestBroker {
  readonly house: House;
  readonly persistence: MqttPersistence;
  /** Connects as the client id `app:<name>`. */
  connect(name: string, options?: IClientOptions): Promise<MqttClient>;
  /** A bare TLS socket of the same principal. */
  raw(): Promise<TLSSocket>;
  /** Connects as a session that outlives its connection, and collects what it is sent from the first packet on. */
  open(name: string, options?: IClientOptions): Promise<Inbox>;
  /** Messages in all queues. */
  queued(): number;
  /** No message of this topic can be put into a queue any more. */
  refuse(topic: string): void;
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

export interface SqliteTestBroker extends TestBroker {
  readonly database: Database;
}

/** One whose persistence is SQLite's: its rows can be looked at. */
export async function startSqliteBroker(
  file: string,
  options: Partial<MqttPersistenceOptions> = {},
  limits: Partial<BrokerLimits> = {},
): Promise<SqliteTestBroker> {
  const opened: Database[] = [];
  const open: Keeper['open'] = (place, whole) => openSqliteKept(place, whole, (database) => void opened.push(database));
  const broker = await startBroker(file, options, limits, { ...sqliteKeeper, open });
  const [database] = opened;
  if (!database) throw new Error('no database was opened');
  return { ...broker, database };
}

export async function startBroker(
  file: string,
  options: Partial<MqttPersistenceOptions>,
  limits: Partial<BrokerLimits>,
  keeper: Keeper,
): Promise<TestBroker> {
  const mayStore = (clientId: string, filter: string): boolean => house.broker.mayStore(clientId, filter);
  const kept = await keeper.open(file, {
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
  const { persistence } = kept;
  const house = await House.open(limits, { persistence });
  const credential = await house.service(principal, access);
  const clientId = (name: string): string => `${principal}:${name}`;
  return {
    house,
    persistence,
    connect: (name, clientOptions) => house.connected(credential, clientId(name), clientOptions),
    raw: () => house.raw(credential),
    open: (name, clientOptions) => openInbox(house, credential, clientId(name), clientOptions),
    queued: kept.queued,
    refuse: kept.refuse,
    close: async () => {
      await house.close();
      await kept.close();
    },
  };
}

/** On a folder of its own, which goes with it. */
async function fresh<Started extends TestBroker>(start: (file: string) => Promise<Started>): Promise<Started> {
  const folder = temporaryFolder();
  const broker = await start(`${folder.path}/nolapse.db`);
  return {
    ...broker,
    close: async () => {
      await broker.close();
      folder.remove();
    },
  };
}

export const startFreshBroker = (keeper: Keeper): Promise<TestBroker> =>
  fresh((file) => startBroker(file, {}, {}, keeper));
export const startFreshSqliteBroker = (): Promise<SqliteTestBroker> => fresh((file) => startSqliteBroker(file));

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
