// Every bound the broker's edge keeps, with its unit in the name and its default. Nothing here is unlimited.

export interface BrokerLimits {
  /** The largest CONNECT, fixed header included: what a peer nobody has judged yet may make us hold. */
  readonly packetBytesMaxBeforeConnect: number;
  /** The largest packet after CONNECT, fixed header included. */
  readonly packetBytesMax: number;
  /** A PUBLISH up to this size that is larger than `packetBytesMax` is read, thrown away and acknowledged; a larger one ends its connection. */
  readonly packetBytesMaxDiscarded: number;
  /** Open TCP connections from one address, and in all. */
  readonly connectionsPerAddressMax: number;
  readonly connectionsMax: number;
  /** Of all, those that addresses may have together from which no known certificate has come. */
  readonly connectionsUnknownMax: number;
  /** A connection whose file descriptor has this number or a higher one is refused: a new one has the lowest that is free. */
  readonly descriptorsMax: number;
  /** From TCP accept to the end of the TLS handshake. */
  readonly handshakeMs: number;
  /** From the end of the TLS handshake (of the HTTP upgrade, for WebSockets) to a whole CONNECT. */
  readonly connectMs: number;
  /**
   * The longest keepalive granted. A client that asks for none, or for more, is held to this one: it is ended after one
   * and a half times as long without a packet. MQTT 3.1.1 (3.1.2.10) lets a server end a client it finds inactive.
   */
  readonly keepaliveSecondsMax: number;
  /** Client ids beyond this many characters are refused. */
  readonly clientIdCharactersMax: number;
  readonly subscriptionsPerClientMax: number;
  /** A longer topic filter, in bytes of UTF-8, is not granted. */
  readonly filterBytesMax: number;
  /** Live sessions of one principal; beyond them the one that has lasted longest ends. */
  readonly sessionsPerPrincipalMax: number;
  /** Packets of one connection that are taken in a second, and, after a time of quiet, at once; what is more waits in its socket. */
  readonly packetsPerSecondMax: number;
  /** Packets a client may send before its CONNACK. */
  readonly packetsBeforeConnackMax: number;
  /** A client whose socket takes nothing for this long is disconnected. */
  readonly drainMs: number;
  /** A publisher waits at most this long for a slow reader of its message before its next packets are read. */
  readonly stallMs: number;
  /** Bytes waiting in one client's socket; beyond them QoS 0 messages are dropped and QoS 1 and 2 end the session. */
  readonly outboundBytesMax: number;
  /** Patience of one send to a session. */
  readonly sendMs: number;
  /** From the notice that a connection ends to its end, for a peer that does not close its side. */
  readonly lingerMs: number;
  /** How often sessions whose end has come are looked for. */
  readonly sweepMs: number;
}

export const defaultLimits: BrokerLimits = {
  packetBytesMaxBeforeConnect: 16 * 1024,
  packetBytesMax: 256 * 1024,
  packetBytesMaxDiscarded: 16 * 1024 * 1024,
  connectionsPerAddressMax: 1_000,
  connectionsMax: 50_000,
  connectionsUnknownMax: 25_000,
  descriptorsMax: Number.POSITIVE_INFINITY,
  handshakeMs: 10_000,
  connectMs: 10_000,
  keepaliveSecondsMax: 65_535,
  clientIdCharactersMax: 128,
  subscriptionsPerClientMax: 100,
  filterBytesMax: 1_024,
  sessionsPerPrincipalMax: 1_000,
  packetsPerSecondMax: 10_000,
  packetsBeforeConnackMax: 64,
  drainMs: 5_000,
  stallMs: 200,
  outboundBytesMax: 8 * 1024 * 1024,
  sendMs: 6_000,
  lingerMs: 1_000,
  sweepMs: 500,
};

/** aedes matches no topic deeper than this; the domain's own bound is lower. */
const topicLevelsMax = 100;

/** Those that aedes itself keeps, in its own names. */
export function aedesLimits(limits: BrokerLimits) {
  return {
    // No bound on messages under way: at a bound, one slow reader would hold up everybody's.
    concurrency: 0,
    connectTimeout: limits.connectMs,
    drainTimeout: limits.drainMs,
    queueLimit: limits.packetsBeforeConnackMax,
    // aedes counts a connection's; the persistence counts a session's, which may come back with some.
    maxInflightInbound: 0,
    // MQTT 3.1 allows 23 characters; principals have longer ids, and names of sessions escape them and may have a prefix.
    maxClientsIdLength: 3 * limits.clientIdCharactersMax + 16,
    maxTopicLevels: topicLevelsMax,
  };
}
