// Ids that constrained devices carry in every message: short, random, and none that could be mistaken when read aloud.
import { renewalIdLength } from '../domain/renewal.ts';
import type { Entropy } from '../ports/clock.ts';

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';

/** 65 random bits in 13 characters. */
export function shortId(entropy: Entropy): string {
  return Array.from(entropy.bytes(renewalIdLength), (byte) => alphabet[byte & 31]).join('');
}
