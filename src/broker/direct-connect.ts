// Carries out an admitted CONNECT for a clean session, step by step as aedes does. aedes ends with a stream pipeline that sends the
// session's queue: a clean session has none, and the pipeline costs a tenth of a connect. All other connects are left to aedes.
import type { Aedes } from 'aedes';
import type { MqttPersistence } from '../ports/mqtt-persistence.ts';
import { type BrokerClient, type ConnectPacket, internalsOf } from './aedes-internals.ts';

/** CONNACK that accepts, without a session (MQTT 3.1.1, 3.2). */
const accepted = Buffer.from([0x20, 2, 0, 0]);

type Kept = Pick<MqttPersistence, 'cleanSubscriptions' | 'delWill' | 'putWill' | 'cleanIncoming' | 'outgoing'>;

/**
 * Resolves once CONNACK is written and the client is ready to be spoken to; then aedes is to read on. False: the client, or the broker,
 * closed meanwhile. Rejects when what was kept of the session cannot be removed, or its will cannot be kept.
 */
export async function connectDirectly(
  aedes: Aedes,
  kept: Kept,
  client: BrokerClient,
  packet: ConnectPacket,
): Promise<boolean> {
  const hasGone = (): boolean => client.closed || aedes.closed;
  if (hasGone()) return false;
  client.id = packet.clientId;
  client.clean = true;
  client.version = packet.protocolVersion ?? 4;
  client._will = packet.will;
  client._authorized = true;
  keepAlive(aedes, client, packet.keepalive ?? 0);
  // [MQTT-3.1.2-6]
  await kept.cleanSubscriptions(client);
  if (hasGone()) return false;
  client.will = packet.will;
  await kept.delWill(client);
  if (client.will) await kept.putWill(client, client.will);
  if (hasGone()) return false;
  // Ends the session that has the client id [MQTT-3.1.4-2].
  internalsOf(aedes).registerClient(client);
  // After it: what that session is still storing goes too.
  await kept.cleanIncoming(client);
  if (hasGone()) return false;
  client.conn.write(accepted);
  client.connackSent = true;
  client.connecting = false;
  client.connected = true;
  client._paused = false;
  // Has messages handed on from here: nothing is owed to a clean session from before.
  kept.outgoing(client);
  aedes.emit('clientReady', client);
  client.emit('connected');
  return true;
}

/** A client that is silent for one and a half times its keepalive is ended [MQTT-3.1.2-24]. */
function keepAlive(aedes: Aedes, client: BrokerClient, seconds: number): void {
  if (seconds <= 0) return;
  client._keepaliveInterval = seconds * 1_500 + 1;
  client._keepaliveTimer = setTimeout(() => {
    aedes.emit('keepaliveTimeout', client);
    client.emit('error', new Error('keep alive timeout'));
  }, client._keepaliveInterval);
}
