// Messages that go no further than their acknowledgement: where they end instead of at subscribers, and what is remembered of
// one that cannot be handed to aedes as it came. To close the connection would make a persistent client send it for ever.
import type { PublishPacket } from './aedes-internals.ts';

/**
 * Where messages end that no subscriber gets. Below `$SYS/`, because aedes keeps that root, and no other, from persistent
 * subscriptions to wildcards.
 */
export const sinkTopic = '$SYS/nolapse/received';

/** What is known of a message beside the packet that stands for it. */
export interface SetAside {
  /** As it was sent. */
  readonly topic: string;
  /** The whole packet's size in bytes, where that was more than is taken; its payload is gone. */
  readonly bytes: number | null;
}

const known = new WeakMap<object, SetAside>();
const nothing = Buffer.alloc(0);

/** Null for nearly every message: it is as it came. */
export function setAsideOf(packet: PublishPacket): SetAside | null {
  return known.get(packet) ?? null;
}

/** aedes would close the connection for this topic, so it is given another one. */
export function setTopicAside(packet: PublishPacket): void {
  known.set(packet, { topic: packet.topic, bytes: null });
  packet.topic = sinkTopic;
}

/** The packet stands for a message of so many bytes. */
export function standFor(packet: PublishPacket, bytes: number): void {
  known.set(packet, { topic: known.get(packet)?.topic ?? packet.topic, bytes });
}

/** Leaves nothing of a message but what its acknowledgement needs: QoS and packet identifier. */
export function sink(packet: PublishPacket): void {
  packet.topic = sinkTopic;
  packet.payload = nothing;
  packet.retain = false;
}

/** It goes nowhere, and its sender keeps it and sends it again when it comes back: at QoS 0 aedes answers nothing. */
export function leaveUnanswered(packet: PublishPacket): void {
  sink(packet);
  packet.qos = 0;
}
