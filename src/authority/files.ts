// The PKI's files: written whole or not at all, readable by their owner alone where they hold keys. It does not know what
// is in them.
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { NolapseError } from '../domain/errors.ts';
import { firstIssuer } from '../domain/issuing-slots.ts';
import { readRegularFile } from '../machine/regular-file.ts';

export const secretMode = 0o600;
export const publicMode = 0o644;
const directoryMode = 0o700;
const fileBytesMax = 1_048_576;

/** Roots and issuing CAs are numbered: the first has no number in its name. */
export type PairName = 'root' | 'issuing' | 'server' | 'server-2' | `${'root' | 'issuing'}-${number}`;
/** `withdrawal`: a root's last word about itself, sealed; in no backup. */
export type PkiFile = `${PairName}.${'key' | 'crt'}` | `root-${number}.withdrawal`;

/** What the files of an issuing CA are called. */
export function issuingPair(number: number): PairName {
  return number === firstIssuer ? 'issuing' : `issuing-${number}`;
}

export function rootPair(number: number): PairName {
  return number === 1 ? 'root' : `root-${number}`;
}

export function has(dir: string, name: PkiFile): boolean {
  return existsSync(join(dir, name));
}

/** Makes the directory, in one that is there, and whatever mode it has, 0700. */
export function makePrivateDirectory(dir: string): void {
  if (!existsSync(dir)) mkdirSync(dir, { mode: directoryMode });
  chmodSync(dir, directoryMode);
}

/** The text of a file. Fails with NolapseError `pki_file_missing` or `pki_file_unreadable`. */
export function readPkiFile(dir: string, name: PkiFile): string {
  const path = join(dir, name);
  try {
    return readRegularFile(path, fileBytesMax).toString('utf8');
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    if (missing) throw new NolapseError('pki_file_missing', `${path} is missing`, error);
    throw new NolapseError('pki_file_unreadable', `${path} cannot be read`, error);
  }
}

/** Takes files away, durably; one that is not there is no fault. */
export function removePkiFiles(dir: string, names: readonly PkiFile[]): void {
  const present = names.filter((name) => has(dir, name));
  for (const name of present) rmSync(join(dir, name), { force: true });
  if (present.length > 0) sync(dir);
}

function sync(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Writes a file so that after a crash it is there whole, or as it was. It is born with its mode: at no moment can a key
 * be read by anyone else. One writer a directory: what a crashed one left behind is cleared.
 */
export function writePkiFile(dir: string, name: PkiFile, text: string, mode: number): void {
  const path = join(dir, name);
  const unfinished = `${path}.new`;
  rmSync(unfinished, { force: true });
  const descriptor = openSync(unfinished, 'wx', mode);
  try {
    writeFileSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(unfinished, path);
  sync(dirname(path));
}
