// One MQTT connection over mutual TLS, from its first byte to its end. It never reconnects by itself: which credential to
// try next is the device's to decide.
import type { TLSSocket } from 'node:tls';
import { connect, type MqttClient } from 'mqtt';
import type { Fingerprint } from '../domain/certificate.ts';
import { packetBytes } from '../domain/packet.ts';
import type { Credential } from './credentials.ts';

/** Where the broker is and how it is recognized. */
export interface Target {
  readonly host: string;
  readonly port: number;
  /** PEM of the root that vouches for the broker. */
  readonly ca: string;
  /** The name the broker's certificate must carry; the host when absent. */
  readonly servername?: string;
}

export interface Opening {
  readonly target: Target;
  readonly clientId: string;
  readonly credential: Credential;
  readonly keepaliveSeconds: number;
  readonly connectTimeoutMs: number;
  readonly onMessage: (topic: string, payload: Uint8Array) => void;
  /** The largest packet it takes, in bytes with the fixed header. A larger one ends the connection: there is no buffer for it. */
  readonly maxPacket: number;
  /** Told the size of the packet that was too large. */
  readonly onTooLarge: (bytes: number) => void;
}

export interface Connection {
  /** True once a QoS 1 message was acknowledged or a QoS 0 message was written; false when the connection ended before. */
  publish(topic: string, payload: string | Uint8Array, qos: 0 | 1): Promise<boolean>;
  /** True once granted. */
  subscribe(filter: string): Promise<boolean>;
  /** Resolves once the connection is gone, for whatever reason. */
  readonly closed: Promise<void>;
  /** Takes leave with DISCONNECT. */
  close(): Promise<void>;
}

export type Opened =
  /** `root`: SHA-256 of the DER of the root that verified the broker. */
  | { readonly kind: 'open'; readonly connection: Connection; readonly root: Fingerprint }
  /** The broker, or TLS, would not have this credential. `code` is the CONNACK's; null when it did not come to that. */
  | { readonly kind: 'refused'; readonly code: number | null; readonly detail: string }
  /** The broker is not who it should be: no root that was given verifies it, or it has another name. Says nothing about the credential. */
  | { readonly kind: 'untrusted'; readonly detail: string }
  /** Nobody there: says nothing about the credential. */
  | { readonly kind: 'unreachable'; readonly detail: string };

/** Only a CONNACK that says so and a fatal alert of TLS refuse. A reset, an end or no answer does not: the CONNACK may be lost. */
function classify(error: Error): Opened {
  const code: unknown = 'code' in error ? error.code : undefined;
  if (typeof code === 'number') return { kind: 'refused', code, detail: error.message };
  const isAlert = typeof code === 'string' && code.startsWith('ERR_SSL_') && code.includes('ALERT');
  if (isAlert) return { kind: 'refused', code: null, detail: error.message };
  return { kind: typeof code === 'string' && isUntrusted(code) ? 'untrusted' : 'unreachable', detail: error.message };
}

/** Node's codes for a chain or a name that does not verify. */
function isUntrusted(code: string): boolean {
  return /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET|CHAIN|INVALID_CA|PATH_LENGTH/.test(code);
}

/** The end of the chain that was verified: its root. */
function rootOf(client: MqttClient): Fingerprint {
  let last = (client.stream as unknown as TLSSocket).getPeerCertificate(true);
  while (last.issuerCertificate && last.issuerCertificate.fingerprint256 !== last.fingerprint256) {
    last = last.issuerCertificate;
  }
  return last.fingerprint256.replaceAll(':', '').toLowerCase() as Fingerprint;
}

function wrap(client: MqttClient, closed: Promise<void>): Connection {
  const succeeds = (work: Promise<unknown>): Promise<boolean> => {
    const done = work.then(
      () => true,
      () => false,
    );
    return Promise.race([done, closed.then(() => false)]);
  };
  return {
    publish: (topic, payload, qos) => {
      const body = typeof payload === 'string' ? payload : Buffer.from(payload);
      return succeeds(client.publishAsync(topic, body, { qos }));
    },
    subscribe: (filter) => succeeds(client.subscribeAsync(filter, { qos: 1 })),
    closed,
    close: async () => {
      // Without `force` mqtt.js waits for messages in flight, which on a dead connection never land.
      client.end(!client.connected);
      await closed;
    },
  };
}

function start(opening: Opening): MqttClient {
  const { target, clientId, credential } = opening;
  return connect({
    protocol: 'mqtts',
    host: target.host,
    port: target.port,
    // An address is no server name (RFC 6066, 3); Node checks the certificate against `host` by itself.
    ...(target.servername === undefined ? {} : { servername: target.servername }),
    ca: target.ca,
    cert: credential.certificatePem,
    key: credential.keyPem,
    rejectUnauthorized: true,
    clientId,
    clean: true,
    protocolVersion: 4,
    keepalive: opening.keepaliveSeconds,
    connectTimeout: opening.connectTimeoutMs,
    reconnectPeriod: 0,
    queueQoSZero: false,
  });
}

/** Opens a connection with one credential. Never rejects: every way to fail is a kind of outcome. */
export function openConnection(opening: Opening): Promise<Opened> {
  return new Promise((resolve) => {
    let client: MqttClient;
    try {
      client = start(opening);
    } catch (error) {
      resolve({ kind: 'refused', code: null, detail: error instanceof Error ? error.message : 'unusable credential' });
      return;
    }
    const closed = new Promise<void>((gone) => client.once('close', () => gone()));
    let overfull = false;
    // Told before the packet is handled; its length is the remaining length as it stood on the wire.
    client.on('packetreceive', ({ length = 0 }) => {
      const bytes = packetBytes(length);
      if (bytes <= opening.maxPacket) return;
      overfull = true;
      opening.onTooLarge(bytes);
      client.end(true);
    });
    client.on('message', (topic, payload) => {
      if (!overfull) opening.onMessage(topic, new Uint8Array(payload));
    });
    client.once('connect', () => resolve({ kind: 'open', connection: wrap(client, closed), root: rootOf(client) }));
    // After the connect, an error is followed by `close`, and that is what is waited for.
    client.on('error', (error) => {
      resolve(classify(error));
      if (!client.connected) client.end(true);
    });
    void closed.then(() => {
      resolve({ kind: 'unreachable', detail: 'closed before CONNACK' });
      client.end(true);
    });
  });
}
