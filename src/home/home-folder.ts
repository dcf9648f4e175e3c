// What a home is on disk: its folder, the ledger's file and the PKI's. It says what is there and what is missing, and opens
// neither ledger nor keys.
import { chmodSync, existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { NolapseError } from '../domain/errors.ts';
import { exposuresOf } from '../machine/exposure.ts';
import { makeFolder } from '../machine/folder.ts';

const ownerOnly = 0o700;

export function pkiFolder(home: string): string {
  return join(resolve(home), 'pki');
}

export function ledgerFile(home: string): string {
  return join(resolve(home), 'nolapse.db');
}

/** Is there a certificate authority, whole or not? */
export function hasCa(home: string): boolean {
  return ['root.crt', 'issuing.crt'].some((name) => existsSync(join(pkiFolder(home), name)));
}

function bytesOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/** Is there a ledger? An empty file is none; one just begun may still be in its log alone. */
function hasLedger(home: string): boolean {
  const file = ledgerFile(home);
  return bytesOf(file) > 0 || bytesOf(`${file}-wal`) > 0;
}

/**
 * Makes the folder when it is not there, and takes away what others may do in it (0700).
 * @returns what is to be said about it: null, or that others keep their access because the folder is not ours to change.
 * @throws NolapseError `home_failed` when it cannot be made.
 */
export function makeHome(home: string): string | null {
  const folder = resolve(home);
  try {
    makeFolder(folder, ownerOnly);
  } catch (error) {
    throw new NolapseError('home_failed', `${folder} cannot be made: ${(error as NodeJS.ErrnoException).code}`, error);
  }
  if ((statSync(folder).mode & 0o077) === 0) return null;
  try {
    chmodSync(folder, ownerOnly);
    return null;
  } catch {
    // A mounted volume may belong to somebody else; keys and ledger are their owner's alone all the same.
    return `${folder} can be entered by others than its owner, and is not ours to change: chmod 700 it`;
  }
}

/**
 * A home that another user can write, or that a link leads out of, is no place to make keys in.
 * @returns what is to be said about the folders above it, which are not refused.
 * @throws NolapseError `home_exposed`.
 */
export function requireClosedHome(home: string): string[] {
  const exposures = exposuresOf(home);
  const refused = exposures.filter(({ kind }) => kind !== 'above').map(({ fault }) => fault);
  if (refused.length > 0) throw new NolapseError('home_exposed', refused.join('; '));
  return exposures.map(({ fault }) => fault);
}

/**
 * Is there a ledger to open? Asked before anything is opened, because opening makes one.
 * @param purpose `use`: there must be one. `make`: a new one may be begun, but beside a CA only if `newLedger` says so: it would
 * know none of the certificates that CA has issued, and admit nobody.
 * @throws NolapseError `no_home` or `ledger_missing`.
 */
export function requireLedger(home: string, purpose: 'make' | 'use', newLedger = false): { readonly isNew: boolean } {
  // In this order: whoever makes a home at this moment begins with the ledger.
  const ca = hasCa(home);
  if (hasLedger(home)) return { isNew: false };
  if (ca && !(purpose === 'make' && newLedger)) {
    const remedy = 'restore it from a backup, or begin an empty one: nolapse init --new-ledger';
    throw new NolapseError('ledger_missing', `${pkiFolder(home)} is there and ${ledgerFile(home)} is not: ${remedy}`);
  }
  if (purpose === 'use') {
    throw new NolapseError('no_home', `${resolve(home)} is not a home yet: nolapse init --home ${resolve(home)}`);
  }
  return { isNew: true };
}

/** A ledger that knows certificates belongs to a CA: devices would not believe another one in its place. */
export function requireCa(home: string): void {
  if (hasCa(home)) return;
  const folder = pkiFolder(home);
  throw new NolapseError(
    'pki_missing',
    `the ledger knows certificates, and ${folder} holds no CA: restore it from a backup`,
  );
}
