// Passphrases of withdrawals of roots: from a file, or made here.
import { randomBytes } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { NolapseError } from '../domain/errors.ts';

const passphraseBytesMax = 256;
const base32 = 'abcdefghijklmnopqrstuvwxyz234567';

/** Of 160 bits, in groups that can be copied by hand. */
export function newPassphrase(): string {
  const letters = Array.from(randomBytes(32), (byte) => base32[byte & 31]);
  return letters.join('').replace(/.{4}(?=.)/g, '$&-');
}

/** The passphrase in a file, without the end of its line. Rejects with NolapseError `passphrase_unreadable`. */
export async function passphraseIn(path: string): Promise<string> {
  const found = await stat(path).catch(() => null);
  if (!found?.isFile() || found.size > passphraseBytesMax) {
    throw new NolapseError('passphrase_unreadable', `${path}: is no file of at most ${passphraseBytesMax} bytes`);
  }
  return (await readFile(path, 'utf8')).replace(/\r?\n$/, '');
}

/** `isNew`: it was made now, and has to be told. */
export interface Passphrase {
  readonly text: string;
  readonly isNew: boolean;
}

/** The passphrase in a file, or a new one. */
export async function passphraseFrom(path: string | undefined): Promise<Passphrase> {
  if (path === undefined) return { text: newPassphrase(), isNew: true };
  return { text: await passphraseIn(path), isNew: false };
}
