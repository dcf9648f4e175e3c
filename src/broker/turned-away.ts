// A connection that this side ends before it has a session: it is told why, and whose it is where the ledger knows the certificate,
// since such a device may never get to its renewal. Of what a peer ends itself nothing is told.
import type { TLSSocket } from 'node:tls';
import type { Entrance } from '../app/session.ts';
import { NolapseError } from '../domain/errors.ts';
import type { DecisionLog } from '../ports/decision-log.ts';
import type { BrokerClient } from './aedes-internals.ts';
import type { PacketFault } from './packet-guard.ts';
import { presentedBy } from './peer-certificate.ts';
import { isOfTransport } from './polite-end.ts';

/** Why, and how a line says so behind the name of whose connection it was. */
const reasons = {
  packet_too_large: 'its CONNECT is larger than limits.packetBytesBeforeConnect',
  malformed_length: 'it sent a remaining length of more than four bytes',
  connect_expected: 'its first packet is no CONNECT',
  malformed_connect: 'its CONNECT is no MQTT 3.1.1',
  connect_late: 'no whole CONNECT came from it within limits.connect',
  protocol_version: 'it speaks another version of MQTT than 3.1.1 (level 4) or 3.1',
  client_id_not_allowed: 'its client id is too long, or has control characters',
  no_websocket: 'its request is none for MQTT over a WebSocket',
} as const satisfies Record<PacketFault, string> & Record<string, string>;
export type TurnedAway = keyof typeof reasons;

/** What the guard objects to; it has a line of its own kind, as later in a session. */
const packetFaults: ReadonlySet<TurnedAway> = new Set<PacketFault>([
  'packet_too_large',
  'malformed_length',
  'connect_expected',
]);
/** What any scanner of ports brings about. */
const commonplace: ReadonlySet<TurnedAway> = new Set(['malformed_connect', 'connect_late', 'no_websocket']);

/** What exactly was found. */
export interface Found {
  readonly detail?: string | undefined;
  /** Of MQTT, in CONNECT. */
  readonly level?: number;
}

export interface TurnAwayOptions {
  readonly entrance: Pick<Entrance, 'turnedAway'>;
  readonly decisions: DecisionLog;
}

/** To be called before the socket is destroyed: what it presented cannot be read afterwards. */
export async function turnAway(
  { entrance, decisions }: TurnAwayOptions,
  socket: TLSSocket,
  reason: TurnedAway,
  { detail, level }: Found = {},
): Promise<void> {
  const address = socket.remoteAddress;
  const id = await entrance.turnedAway(presentedBy(socket), reason).catch(() => null);
  decisions.tell({
    action: packetFaults.has(reason) ? 'packet.refused' : 'connection.refused',
    ...(id === null && commonplace.has(reason) && { level: 'debug' }),
    reason,
    message: `${id ?? 'a stranger'} was turned away: ${reasons[reason]}${detail ? ` (${detail})` : ''}`,
    fields: {
      'client.address': address,
      ...(id && { 'nolapse.principal': id }),
      ...(level !== undefined && { 'nolapse.mqtt.level': level }),
    },
  });
}

/** Why a client without a session ends, read off what is known at its end; null: its peer left, or this side is at fault. */
export function faultOf({ _parser }: BrokerClient, error: Error | undefined): TurnedAway | null {
  if (_parser.error) return 'malformed_connect';
  if (!error || isOfTransport(error) || error instanceof NolapseError) return null;
  // aedes tells its own errors apart by their words alone; the store's have a code.
  if (error.message === 'connect did not arrive in time') return 'connect_late';
  return 'code' in error && !isOfWebSocket(error) ? null : 'malformed_connect';
}

/** Did the WebSocket library object to what came? */
export function isOfWebSocket(error: Error): boolean {
  return String((error as { readonly code?: unknown }).code).startsWith('WS_ERR_');
}
