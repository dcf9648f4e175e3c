// Answers a SUBSCRIBE that names a filter more than once: it counts as so many SUBSCRIBE in a row [MQTT-3.8.4-4], and each of its filters
// has a return code, in their order [MQTT-3.9.3-1]. aedes keeps the last of the same, which is right, and answers for that one alone.
// So a packet with a repetition, or with more filters than a session may ask for, is taken from it without its identifier, for which it sends no SUBACK, and is answered here.
import { type BrokerClient, failure, type PacketParser } from './aedes-internals.ts';
import { framed } from './framed.ts';

type Subscribe = Pick<PacketParser['packet'], 'subscriptions'> & { messageId?: number | undefined };

interface Owed {
  readonly messageId: number;
  /** As they came. */
  readonly asked: readonly { readonly topic: string; readonly qos: number }[];
}

/** By the last subscription of the packet, which aedes keeps and hands back. */
const owed = new WeakMap<object, Owed>();

const suback = 0x90;

/** To be called with each SUBSCRIBE that was parsed, and all that it asked for, of which aedes is given some. */
export function setRepeatedAside(packet: Subscribe, all: Owed['asked']): void {
  const { subscriptions, messageId } = packet;
  const last = subscriptions.at(-1);
  if (!last || messageId === undefined || all.length === 1) return;
  if (new Set(all.map(({ topic }) => topic)).size === subscriptions.length && all.length === subscriptions.length)
    return;
  owed.set(last, { messageId, asked: all.map(({ topic, qos }) => ({ topic, qos })) });
  packet.messageId = undefined;
}

/**
 * To be called when aedes is through with a SUBSCRIBE, before it sends retained messages.
 * @param decided one of each filter, its `qos` the return code.
 */
export function answerRepeated(client: BrokerClient, decided: readonly { topic: string; qos: number }[]): void {
  for (const each of decided) {
    const answer = owed.get(each);
    if (answer && !client.closed) client.conn.write(subackOf(answer, decided));
  }
}

/** What is granted is granted at the QoS that each asked for; the last one's stays. */
function subackOf({ messageId, asked }: Owed, decided: readonly { topic: string; qos: number }[]): Buffer {
  const granted = new Set(decided.filter(({ qos }) => qos !== failure).map(({ topic }) => topic));
  const codes = asked.map(({ topic, qos }) => (granted.has(topic) ? qos : failure));
  return framed(suback, Buffer.concat([Buffer.from([messageId >> 8, messageId & 0xff]), Buffer.from(codes)]));
}
