// Reads the filters of a SUBSCRIBE or UNSUBSCRIBE, of which one packet may have tens of thousands: all are read, since each is owed an
// answer, and no more are handed on than a session may ask for.
import { isUtf8 } from 'node:buffer';
import { isFilter } from '../domain/topics.ts';
import type { PacketParser } from './aedes-internals.ts';

export interface AskedFilter {
  topic: string;
  readonly qos: number;
  readonly rh?: number;
  readonly rap?: boolean;
  readonly nl?: boolean;
}

type Source = Pick<PacketParser, '_pos' | '_list' | 'packet' | 'settings'>;

const replacement = '\ufffd';
const lengthBytes = 2;
/** Those of a subscription's options that MQTT 3.1.1 (3.8.3) reserves. */
const reservedBits = 0xfc;
const qosBits = 0x03;
const qosMax = 2;
/** What a bridge is granted: not what it published itself, and RETAIN as it was published. */
const bridgeOptions = { rh: 0, rap: true, nl: true };

/**
 * Reads from the parser's place to the end of its packet.
 * @returns what is wrong with the packet where it cannot be read.
 */
export function readFilters(parser: Source, hasOptions: boolean): AskedFilter[] | string {
  const end = parser.packet.length;
  // In one piece: byte by byte out of a list of pieces takes ten times as long.
  const bytes = parser._list.slice(0, end);
  const filters: AskedFilter[] = [];
  let at = parser._pos;
  while (at < end) {
    const begin = at + lengthBytes;
    const next = begin <= end ? begin + bytes.readUInt16BE(at) : Number.POSITIVE_INFINITY;
    if (next > end) return 'Cannot parse topic';
    const topic = textOf(bytes, begin, next);
    at = next;
    if (!hasOptions) {
      filters.push({ topic, qos: 0 });
      continue;
    }
    if (at >= end) return 'Malformed Subscribe Payload';
    const options = bytes[at] ?? 0;
    at += 1;
    if ((options & reservedBits) !== 0) return 'Invalid subscribe topic flag bits, bits 7-2 must be 0';
    const qos = options & qosBits;
    if (qos > qosMax) return 'Invalid subscribe QoS, must be <= 2';
    filters.push(parser.settings.bridgeMode ? { topic, qos, ...bridgeOptions } : { topic, qos });
  }
  parser._pos = end;
  return filters;
}

/**
 * Of the filters of a SUBSCRIBE those that may be granted or refused one by one: the first `most` that differ, however often each comes.
 * What is no filter is spoilt: aedes would close the connection for it. Spoilt it is one that nobody is granted, each for itself.
 */
export function usableFilters<Filter extends AskedFilter>(filters: readonly Filter[], most: number): Filter[] {
  const known = new Set<string>();
  const used: Filter[] = [];
  for (const filter of filters) {
    const isKnown = known.has(filter.topic);
    if (!isKnown && known.size >= most) continue;
    if (!isKnown && !isFilter(filter.topic)) filter.topic = spoilt(filter.topic, used.length);
    known.add(filter.topic);
    used.push(filter);
  }
  return used;
}

/** Of the filters of an UNSUBSCRIBE those that the session has, and `most` others: it may have had them before. */
export function knownFilters(
  filters: readonly AskedFilter[],
  has: (filter: string) => boolean,
  most: number,
): string[] {
  const known = new Set<string>();
  let others = 0;
  for (const { topic } of filters) {
    if (known.has(topic)) continue;
    if (!has(topic)) {
      others += 1;
      if (others > most || !isFilter(topic)) continue;
    }
    known.add(topic);
  }
  return [...known];
}

/** Bytes that are no UTF-8 [MQTT-1.5.3-1] become U+0000, which no text may have: they are decoded to a character that it may. */
export function textOf(bytes: Buffer, begin: number, end: number): string {
  const text = bytes.toString('utf8', begin, end);
  if (!text.includes(replacement) || isUtf8(bytes.subarray(begin, end))) return text;
  return text.replaceAll(replacement, '\0');
}

function spoilt(filter: string, place: number): string {
  return `${filter.replaceAll(/[#+/]/g, '\0')}\0${place}`;
}
