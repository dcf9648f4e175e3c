// The broker's limits as the configuration gives them, in the broker's words.
import type { BrokerLimits } from '../broker/limits.ts';
import type { Config } from '../config/index.ts';
import { descriptorBounds } from '../domain/machine.ts';

/** @param descriptorLimit files and connections the process may have open; null: it is not known. */
export function brokerLimits({ limits }: Config, descriptorLimit: number | null): Partial<BrokerLimits> {
  const descriptorsMax = descriptorLimit === null ? Number.POSITIVE_INFINITY : descriptorBounds(descriptorLimit).mqtt;
  // Where the system gives fewer than are configured, strangers have no larger part of them.
  const connections = Math.min(limits.connections, descriptorsMax);
  return {
    descriptorsMax,
    packetBytesMaxBeforeConnect: limits.packetBytesBeforeConnect,
    packetBytesMax: limits.packetBytes,
    packetBytesMaxDiscarded: limits.packetBytesDiscarded,
    packetsPerSecondMax: limits.packetsPerSecond,
    connectionsPerAddressMax: limits.connectionsPerAddress,
    connectionsMax: limits.connections,
    connectionsUnknownMax: Math.max(1, Math.floor(connections * limits.unknownShare)),
    handshakeMs: limits.handshakeMs,
    connectMs: limits.connectMs,
    keepaliveSecondsMax: Math.ceil(limits.keepaliveMs / 1_000),
    subscriptionsPerClientMax: limits.subscriptions,
    filterBytesMax: limits.filterBytes,
    sessionsPerPrincipalMax: limits.sessionsPerPrincipal,
  };
}
