// Serial numbers: made from chance, written and read as hex. It does not know which are in use; 128 random bits need not.
import type { Serial } from '../domain/certificate.ts';
import { integer } from './der.ts';

/** Octets of a serial number made here. */
const serialOctets = 16;

/** A serial number from its magnitude: lower-case hex in whole octets, without leading zero octets. */
export function serialOf(digits: Uint8Array): Serial {
  const hex = Buffer.from(digits.buffer, digits.byteOffset, digits.length).toString('hex');
  return hex.replace(/^(00)+(?=..)/, '') as Serial;
}

/** A new serial number of 128 random bits: positive and never zero (RFC 5280, 4.1.2.2). */
export function newSerial(entropy: { bytes(length: number): Uint8Array }): Serial {
  const serial = serialOf(entropy.bytes(serialOctets));
  return serial === '00' ? ('01' as Serial) : serial;
}

/** DER of a serial number. */
export function serialInteger(serial: Serial): Uint8Array {
  return integer(Buffer.from(serial, 'hex'));
}
