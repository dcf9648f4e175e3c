// A bare aedes on a TCP port over the MQTT persistence, wired as the broker wires it, and mqtt.js clients to talk to it.
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Aedes, type AedesOptions } from 'aedes';
import { connect, connectAsync, type IClientOptions, type IPublishPacket, type MqttClient } from 'mqtt';
import { type Database, openDatabase } from '../../src/store/database.ts';
import type { MqttPersistenceOptions } from '../../src/store/mqtt-options.ts';
import { createMqttPersistence, type MqttPersistence } from '../../src/store/mqtt-persistence.ts';

export interface TestBroker {
  readonly port: number;
  readonly aedes: Aedes;
  readonly persistence: MqttPersistence;
  readonly database: Database;
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

export async function startBroker(
  file: string,
  options: Partial<MqttPersistenceOptions> = {},
  aedesOptions: AedesOptions = {},
): Promise<TestBroker> {
  const database = openDatabase(file);
  const persistence = createMqttPersistence(database, {
    queuedMessagesMax: 10_000,
    queuedBytesMax: 10_000_000,
    onDropped: (clientId, topic) => {
      throw new Error(`dropped ${topic} of ${clientId}`);
    },
    ...options,
  });
  const aedes = new Aedes({
    persistence,
    concurrency: 0,
    authorizePublish: (_client, packet, callback) => {
      persistence.storeAhead(packet).then(
        () => callback(null),
        (error: Error) => callback(error),
      );
    },
    ...aedesOptions,
  });
  await aedes.listen();
  const server = createServer((socket) => void aedes.handle(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    aedes,
    persistence,
    database,
    close: async () => {
      await new Promise<void>((resolve) => aedes.close(resolve));
      server.close();
      await database.close();
    },
  };
}

export function connectTo(port: number, clientId: string, options: IClientOptions = {}): Promise<MqttClient> {
  return connectAsync({ host: '127.0.0.1', port, clientId, reconnectPeriod: 0, ...options });
}

/** Connects as a session that outlives its connection, and collects what it is sent from the first packet on. */
export async function openInbox(port: number, clientId: string, options: IClientOptions = {}): Promise<Inbox> {
  const messages: IPublishPacket[] = [];
  const checks = new Set<() => void>();
  const client = connect({ host: '127.0.0.1', port, clientId, clean: false, reconnectPeriod: 0, ...options });
  client.on('message', (_topic, _payload, packet) => {
    messages.push(packet);
    for (const check of checks) check();
  });
  await new Promise<void>((resolve, reject) => {
    client.once('connect', () => resolve());
    client.once('close', () => reject(new Error(`${clientId} was not let in`)));
    client.on('error', reject);
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
