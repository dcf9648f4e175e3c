// Reads single values as BER and old writers have them: strings of any type, times without seconds or with an offset, integers of any
// sign. Only for bytes that are trusted by a signature or a fingerprint, and of which nothing but the key is used.
import type { Serial } from '../domain/certificate.ts';
import type { Instant } from '../domain/time.ts';
import { tags } from './der.ts';
import { type DerElement, DerError } from './der-reader.ts';
import { serialOf } from './serial.ts';

const numericString = 0x12;
const t61String = 0x14;
const visibleString = 0x1a;
const universalString = 0x1c;
const bmpString = 0x1e;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function wide(content: Uint8Array, octets: 2 | 4): string | null {
  if (content.length % octets !== 0) return null;
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.length);
  let text = '';
  for (let at = 0; at < bytes.length; at += octets) {
    const code = bytes.readUIntBE(at, octets);
    if (code > 0x10ffff) return null;
    text += octets === 2 ? String.fromCharCode(code) : String.fromCodePoint(code);
  }
  return text;
}

/**
 * The text of a string of any type that names are written in; null when it is none. T61 is read as Latin-1, as its writers mean it, and
 * so are octets beyond ASCII in types that have none.
 */
export function looseText({ tag, content }: DerElement): string | null {
  switch (tag) {
    case tags.utf8String:
      try {
        return utf8.decode(content);
      } catch {
        return null;
      }
    case tags.printableString:
    case tags.ia5String:
    case numericString:
    case visibleString:
    case t61String:
      return Buffer.from(content.buffer, content.byteOffset, content.length).toString('latin1');
    case bmpString:
      return wide(content, 2);
    case universalString:
      return wide(content, 4);
    default:
      return null;
  }
}

/** Hours and minutes; seconds, their fraction and the offset may be left out (X.680, 46 and 47). No offset: UTC. */
const timeForm = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)?(?:[.,]\d{1,9})?(?:Z|([+-])(\d\d)(\d\d))?$/;
const timeLengthMax = 32;

/** The instant of a Time in any form X.680 allows, in whole seconds. */
export function looseInstant({ tag, content }: DerElement): Instant {
  const isShort = tag === tags.utcTime;
  if (!isShort && tag !== tags.generalizedTime) throw new DerError('not a time');
  if (content.length > timeLengthMax) throw new DerError('a time that is too long');
  const said = Buffer.from(content.buffer, content.byteOffset, content.length).toString('latin1');
  // RFC 5280, 4.1.2.5.1: two digits from 50 on are of the last century.
  const century = isShort ? (Number(said.slice(0, 2)) < 50 ? '20' : '19') : '';
  const [, year, month, day, hour, minute, second = '00', sign, hours, minutes] = timeForm.exec(century + said) ?? [];
  const iso = `${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`;
  const local = year === undefined ? Number.NaN : Date.parse(iso);
  // Date.parse carries 30 February over into March.
  if (Number.isNaN(local) || new Date(local).toISOString() !== iso) throw new DerError('a time that does not exist');
  const offsetMs = sign === undefined ? 0 : (Number(hours) * 60 + Number(minutes)) * 60_000;
  return sign === '-' ? local + offsetMs : local - offsetMs;
}

/** Octets of the longest serial number that is read; RFC 5280, 4.1.2.2 allows 20. */
const serialOctetsMax = 64;

/** A serial number of any sign: a negative one has its magnitude behind an `n`, since a minus would begin an option on a command line. */
export function looseSerial({ content }: DerElement): Serial {
  if (content.length === 0 || content.length > serialOctetsMax) {
    throw new DerError(
      `a serial number of ${content.length} octets, 1 to ${serialOctetsMax} are read: its device needs another certificate`,
    );
  }
  if ((content[0] ?? 0) < 0x80) return serialOf(content);
  const value = BigInt(`0x${Buffer.from(content).toString('hex')}`);
  const digits = ((1n << BigInt(content.length * 8)) - value).toString(16);
  return `n${digits.length % 2 ? '0' : ''}${digits}` as Serial;
}
