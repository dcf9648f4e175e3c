// Makes a backup of a home: the ledger as its broker copies it, the PKI and the configuration, checked, in one file. Nothing of it
// carries the name before all of it is on the disk.
import { readdir, readFile, realpath, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import type { Operations } from '../app/operator/operate.ts';
import type { ArchivedFile, Manifest } from '../archive/manifest.ts';
import { sha256 } from '../archive/manifest.ts';
import { measure, partialOf, publish, removeLeftovers, seal } from '../archive/write.ts';
import { NolapseError } from '../domain/errors.ts';
import { checkCopy } from '../store/sqlite/copy.ts';
import { version } from '../version.ts';
import { pkiFolder } from './home-folder.ts';

export interface BackupView {
  readonly file: string;
  readonly bytes: number;
  readonly madeAt: number;
  /** `clear`: who reads the backup has the CA's keys. */
  readonly keys: 'encrypted' | 'clear';
  /** What is in it beside the ledger. */
  readonly files: readonly string[];
}

/** A name that a file of the PKI has; what a crash left half-written ends otherwise. */
const pkiName = /^[A-Za-z0-9][A-Za-z0-9._-]*\.(key|crt)$/;

async function archived(name: string, path: string, mode: ArchivedFile['mode']): Promise<ArchivedFile> {
  const content = await readFile(path);
  return { name, mode, sha256: sha256(content), content: content.toString('base64') };
}

async function filesOf(home: string): Promise<ArchivedFile[]> {
  const folder = pkiFolder(home);
  const names = (await readdir(folder)).filter((name) => pkiName.test(name)).sort();
  const files = names.map((name) => archived(`pki/${name}`, join(folder, name), name.endsWith('.key') ? 0o600 : 0o644));
  const configuration = join(resolve(home), 'nolapse.yaml');
  const hasConfiguration = await stat(configuration).catch(() => null);
  if (hasConfiguration?.isFile()) files.push(archived('nolapse.yaml', configuration, 0o600));
  return Promise.all(files);
}

function areEncrypted(files: readonly ArchivedFile[]): boolean {
  const keys = files.filter(({ name }) => name.endsWith('.key'));
  return keys.every(({ content }) => Buffer.from(content, 'base64').includes('ENCRYPTED'));
}

/** @throws NolapseError `backup_exists` or `backup_failed`. */
async function requireTarget(home: string, file: string, replace: boolean): Promise<void> {
  const folder = await stat(dirname(file)).catch(() => null);
  if (!folder?.isDirectory()) throw new NolapseError('backup_failed', `${dirname(file)} is not a folder`);
  const within = `${await realpath(dirname(file))}${sep}`;
  if (within.startsWith(`${await realpath(home)}${sep}`)) {
    throw new NolapseError(
      'backup_failed',
      `${file} is in the home, and would be lost with it: write it to another place`,
    );
  }
  const there = await stat(file).catch(() => null);
  if (there && !there.isFile()) throw new NolapseError('backup_failed', `${file} is there, and is not a file`);
  if (there && !replace) throw new NolapseError('backup_exists', `${file} is there already: --force replaces it`);
}

/**
 * Backs a home up into `file`, mode 0600. `copyLedger` is the operation of the broker that runs on it, or of the home at rest.
 * @param replace take the place of a file that is there.
 * @throws NolapseError `backup_exists`, `backup_failed` or `copy_failed`; what the operation rejects with. The file is as it was then.
 */
export async function backUp(options: {
  readonly home: string;
  readonly file: string;
  readonly replace: boolean;
  readonly copyLedger: Operations['copyLedger'];
}): Promise<BackupView> {
  const { home, file, replace, copyLedger } = options;
  await requireTarget(home, file, replace);
  await removeLeftovers(file, Date.now());
  const partial = partialOf(file);
  try {
    await copyLedger({ file: partial });
    const madeAt = Date.now();
    const schema = checkCopy(partial);
    const files = await filesOf(home);
    const keys = areEncrypted(files) ? 'encrypted' : 'clear';
    const ledger = { ...(await measure(partial)), schema };
    const manifest: Manifest = { format: 1, madeAt, version: version(), ledger, keys, files };
    await seal(partial, manifest);
    await publish(partial, file, replace);
    const { size: bytes } = await stat(file);
    return { file, bytes, madeAt, keys, files: files.map(({ name }) => name) };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') throw new NolapseError('backup_exists', `${file} is there already: --force replaces it`);
    if (error instanceof Error && 'syscall' in error) {
      throw new NolapseError('backup_failed', `${basename(file)} could not be written: ${error.message}`, error);
    }
    throw error;
  } finally {
    for (const path of [partial, `${partial}-journal`, `${partial}-wal`]) await rm(path, { force: true });
  }
}
