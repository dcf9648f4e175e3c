// How arguments that several commands take are read. What they mean is judged by the operations.

import { InvalidArgumentError } from 'commander';
import { type KeyMode, keyModes } from '../domain/principal.ts';

/** `csr,recertify` */
export function parseModes(text: string): KeyMode[] {
  const named = text.split(',').map((part) => keyModes.find((mode) => mode === part.trim()));
  const modes = named.filter((mode) => mode !== undefined);
  if (modes.length === named.length) return modes;
  throw new InvalidArgumentError(`expected some of ${keyModes.join(', ')}, separated by commas.`);
}

export function parseWhole(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('expected a whole number.');
}

/** Of a step of a root, or any other whole number of at most fifteen digits. */
export function parseSequence(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('expected a whole number.');
}

const rsaSizes = [2_048, 3_072, 4_096] as const;
export type RsaBits = (typeof rsaSizes)[number];

/** `rsa:2048` as its bits. For commander's options. */
export function readKeyType(text: string): RsaBits {
  const bits = rsaSizes.find((size) => text === `rsa:${size}`);
  if (bits === undefined) throw new InvalidArgumentError('expected rsa:2048, rsa:3072 or rsa:4096.');
  return bits;
}
