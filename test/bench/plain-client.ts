// The cheapest client there is: a TLS socket that has sent its CONNECT, from one of several addresses of this machine, since one address
// may have no more than a thousand connections.
import { connect as connectTcp } from 'node:net';
import { connect, type SecureContext, type TLSSocket } from 'node:tls';
import { generate } from 'mqtt-packet';

const addresses = 10;

export interface PlainClient {
  readonly port: number;
  readonly clientId: string;
  readonly secureContext: SecureContext;
  /** Chooses the address. */
  readonly place: number;
}

/** Connects with a clean session. Errors are for whoever listens, and are lost where nobody does. */
export function openPlain({ port, clientId, secureContext, place }: PlainClient): TLSSocket {
  const localAddress = `127.0.0.${2 + (place % addresses)}`;
  const tcp = connectTcp({ host: '127.0.0.1', port, localAddress, noDelay: true });
  const socket = connect({ socket: tcp, secureContext, rejectUnauthorized: false });
  tcp.on('error', (error) => socket.destroy(error));
  socket.on('error', () => undefined);
  const clean = { cmd: 'connect', protocolVersion: 4, protocolId: 'MQTT', clean: true, keepalive: 3_600 } as const;
  socket.write(generate({ ...clean, clientId }));
  return socket;
}

/** The first certificate of a PEM file that holds a chain. */
export function leafOf(pem: string): string {
  const end = '-----END CERTIFICATE-----\n';
  return pem.slice(0, pem.indexOf(end) + end.length);
}
