// What mqtt-packet lets pass and MQTT 3.1.1 does not, judged as a packet is parsed. A malformed packet ends its connection. A topic
// or filter that may not be used does not: a persistent client would send it again after each reconnect, and reach nothing else.
import { isUtf8 } from 'node:buffer';
import { isTopicName } from '../domain/topics.ts';
import type { PacketParser } from './aedes-internals.ts';
import { type AskedFilter, knownFilters, readFilters, usableFilters } from './filter-packets.ts';
import { setRepeatedAside } from './repeated-filters.ts';
import { setTopicAside } from './set-aside.ts';

type Rules = Pick<
  PacketParser,
  | '_parseString'
  | '_parseMessageId'
  | '_parsePublish'
  | '_parseConfirmation'
  | '_parseSubscribe'
  | '_parseUnsubscribe'
  | '_parseConnect'
>;

/** What comes before the level; the older one is MQTT 3.1's. */
const protocolNames: ReadonlySet<string> = new Set(['MQTT', 'MQIsdp']);
/** MQTT 3.1 and 3.1.1, whichever name stands before; a bridge may set a bit beside. */
const levels: ReadonlySet<number> = new Set([3, 4]);
const bridgeBit = 0x80;
const replacement = '\ufffd';
/** Bits of CONNECT's flags (MQTT 3.1.1, 3.1.2.3). */
const userNameBit = 0x80;
const passwordBit = 0x40;
const willQosBits = 0x18;

/** To be called before the parser is given its first byte. */
export function makeStrict(parser: PacketParser): void {
  Object.assign(parser, rulesOver(Object.getPrototypeOf(parser)));
}

let made: { readonly base: PacketParser; readonly rules: Rules } | null = null;

/** All parsers have one prototype, and share what is laid over it. */
function rulesOver(base: PacketParser): Rules {
  if (made?.base !== base) made = { base, rules: makeRules(base) };
  return made.rules;
}

function makeRules(base: PacketParser): Rules {
  return { ...fieldRules(base), ...messageRules(base), ...filterRules(), ...connectRules(base) };
}

function fieldRules(base: PacketParser): Pick<Rules, '_parseString' | '_parseMessageId'> & ThisType<PacketParser> {
  return {
    /**
     * Bytes that are no UTF-8 [MQTT-1.5.3-1] are decoded to U+FFFD, which is also a character of its own: here they become U+0000, which
     * no text may have [MQTT-1.5.3-2].
     */
    _parseString() {
      const begin = this._pos;
      const text = base._parseString.call(this);
      if (text === null || !text.includes(replacement)) return text;
      return isUtf8(this._list.slice(begin + 2, this._pos)) ? text : text.replaceAll(replacement, '\0');
    },

    _parseMessageId() {
      if (!base._parseMessageId.call(this)) return false;
      // It may have been read beyond the packet's end, and is -1 where nothing was left at all.
      if ((this.packet.messageId ?? 0) > 0 && this._pos <= this.packet.length) return true;
      this._emitError(new Error('a packet identifier is missing or 0 [MQTT-2.3.1-1]'));
      return false;
    },
  };
}

function messageRules(
  base: PacketParser,
): Pick<Rules, '_parsePublish' | '_parseConfirmation'> & ThisType<PacketParser> {
  return {
    _parsePublish() {
      base._parsePublish.call(this);
      const { packet, error } = this;
      if (error) return;
      if (packet.dup && packet.qos === 0) this._emitError(new Error('DUP is set at QoS 0 [MQTT-3.3.1-2]'));
      else if (!isTopicName(packet.topic)) setTopicAside(packet);
    },

    _parseConfirmation() {
      base._parseConfirmation.call(this);
      if (this.error || this.packet.length === 2) return;
      this._emitError(new Error('an acknowledgement is not two bytes long (MQTT 3.1.1, 3.4.1)'));
    },
  };
}

function filterRules(): Pick<Rules, '_parseSubscribe' | '_parseUnsubscribe'> & ThisType<PacketParser> {
  return {
    _parseSubscribe() {
      const asked = filtersOf(this, 'SUBSCRIBE', true);
      if (!asked) return;
      this.packet.subscriptions = usableFilters(asked, this.filters?.most ?? Number.POSITIVE_INFINITY);
      setRepeatedAside(this.packet, asked);
    },

    _parseUnsubscribe() {
      const { filters } = this;
      const asked = filtersOf(this, 'UNSUBSCRIBE', false);
      if (!asked) return;
      const has = (filter: string): boolean => filters?.has(filter) ?? false;
      this.packet.unsubscriptions = knownFilters(asked, has, filters?.most ?? Number.POSITIVE_INFINITY);
    },
  };
}

/** Null: the packet is malformed, and that was told. */
function filtersOf(parser: PacketParser, name: 'SUBSCRIBE' | 'UNSUBSCRIBE', hasOptions: boolean): AskedFilter[] | null {
  if (!parser._parseMessageId()) return null;
  const asked = readFilters(parser, hasOptions);
  const fault = typeof asked === 'string' ? asked : asked.length === 0 ? `${name} without a filter` : null;
  if (fault !== null || typeof asked === 'string') {
    parser._emitError(new Error(`${fault} [${hasOptions ? 'MQTT-3.8.3-3' : 'MQTT-3.10.3-2'}]`));
    return null;
  }
  parser.filters?.count(asked.length);
  return asked;
}

function connectRules(base: PacketParser): Pick<Rules, '_parseConnect'> & ThisType<PacketParser> {
  return {
    _parseConnect() {
      const name = this._parseString();
      const isKnown = name !== null && protocolNames.has(name);
      const at = this._pos;
      const byte = (place: number): number => (place < this.packet.length ? this._list.readUInt8(place) : 0);
      const level = byte(at) & ~bridgeBit;
      const flags = byte(at + 1);
      this._pos = 0;
      if (isKnown && at < this.packet.length && !levels.has(level)) {
        // What follows is another version's; who sent it is answered [MQTT-3.1.2-2].
        Object.assign(this.packet, { protocolVersion: level, clientId: '' });
        return;
      }
      if (isKnown && (flags & passwordBit) !== 0 && (flags & userNameBit) === 0) {
        return this._emitError(new Error('a password without a user name [MQTT-3.1.2-22]'));
      }
      if (isKnown && (flags & willQosBits) === willQosBits)
        return this._emitError(new Error('a will at QoS 3 [MQTT-3.1.2-14]'));
      base._parseConnect.call(this);
    },
  };
}
