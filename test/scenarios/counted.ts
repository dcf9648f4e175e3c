// A connection of which every packet is measured as it comes off the TLS stream: by its own fixed header, before any client
// library has seen it.
import { connect as tlsConnect } from 'node:tls';
import { MqttClient } from 'mqtt';
import type { Credentials, House } from './harness.ts';

/** One MQTT control packet: its type (MQTT 3.1.1, 2.2.1) and all its bytes. */
export interface Frame {
  readonly type: number;
  readonly bytes: number;
}

export const publishType = 3;

/** Cuts a stream into packets; of each it keeps the length and not the content. */
export class FrameReader {
  readonly frames: Frame[] = [];
  #header: number[] = [];
  #skip = 0;

  feed(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; ) {
      if (this.#skip > 0) {
        const taken = Math.min(this.#skip, chunk.length - at);
        this.#skip -= taken;
        at += taken;
        continue;
      }
      const byte = chunk[at] ?? 0;
      at += 1;
      this.#header.push(byte);
      // The first byte is the type; the length goes on as long as the top bit is set.
      if (this.#header.length === 1 || byte >= 0x80) continue;
      const [first = 0, ...length] = this.#header;
      const remaining = length.reduce((sum, digit, place) => sum + (digit & 0x7f) * 128 ** place, 0);
      this.frames.push({ type: first >> 4, bytes: this.#header.length + remaining });
      this.#skip = remaining;
      this.#header = [];
    }
  }

  get largest(): number {
    return Math.max(0, ...this.frames.map(({ bytes }) => bytes));
  }
}

export interface Counted {
  readonly client: MqttClient;
  /** What came from the broker. */
  readonly down: FrameReader;
  /** As power loss does: nothing is said, nothing is waited for. */
  cut(): void;
}

/** Connects as `connect` of the harness does, and measures all that is received from the first byte on. */
export async function connectCounted(
  house: House,
  { certificatePem, keyPem, rootPem }: Credentials & { readonly rootPem: string },
  id: string,
  options: { readonly clean?: boolean } = {},
): Promise<Counted> {
  const down = new FrameReader();
  const socket = tlsConnect({
    host: 'localhost',
    port: house.gateway.ports.mqtt,
    cert: certificatePem,
    key: keyPem,
    ca: rootPem,
  });
  socket.on('data', (chunk) => down.feed(chunk));
  const client = new MqttClient(() => socket, { clientId: id, reconnectPeriod: 0, protocolVersion: 4, ...options });
  client.on('error', () => undefined);
  await new Promise<void>((resolve) => client.once('connect', () => resolve()));
  return {
    client,
    down,
    cut: () => {
      socket.destroy();
      client.end(true);
    },
  };
}
