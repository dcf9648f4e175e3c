// Makes a backup of a copied ledger: appends the manifest to it, has it on the disk, and only then gives it its name.
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { link, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { encodeManifest, type Manifest } from './manifest.ts';

const suffix = '.partial';
/** What is older was left by a backup that was killed. */
const leftMs = 86_400_000;

/** A name beside `file` that nobody has, for what is not finished. */
export function partialOf(file: string): string {
  return `${file}.${randomBytes(6).toString('hex')}${suffix}`;
}

/** Removes what backups to this name left that were killed more than a day ago. */
export async function removeLeftovers(file: string, now: number): Promise<void> {
  const names = await readdir(dirname(file));
  const mine = names.filter(
    (name) =>
      name.startsWith(`${basename(file)}.`) && /^\.[0-9a-f]{12}\.partial$/.test(name.slice(basename(file).length)),
  );
  for (const name of mine) {
    const path = join(dirname(file), name);
    const found = await stat(path).catch(() => null);
    if (found && now - found.mtimeMs > leftMs) await rm(path, { force: true });
  }
}

/** The digest and size of a file as it is. */
export async function measure(file: string): Promise<{ readonly bytes: number; readonly sha256: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const part of createReadStream(file) as AsyncIterable<Buffer>) {
    hash.update(part);
    bytes += part.length;
  }
  return { bytes, sha256: hash.digest('hex') };
}

/** Appends the manifest to the copied ledger. Resolves when all of it is on the disk. */
export async function seal(partial: string, manifest: Manifest): Promise<void> {
  const handle = await open(partial, 'a');
  try {
    await handle.writeFile(encodeManifest(manifest));
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Gives what is finished its name, at once and whole. Rejects with `EEXIST` where there is a file of this name and it is not to be
 * replaced.
 */
export async function publish(partial: string, file: string, replace: boolean): Promise<void> {
  if (replace) await rename(partial, file);
  else await nameNew(partial, file);
  const folder = await open(dirname(file), 'r');
  await folder.sync().finally(() => folder.close());
}

/** File systems that have no links. */
const withoutLinks = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

/** A link fails where a file is; a rename would replace it. */
async function nameNew(partial: string, file: string): Promise<void> {
  try {
    await link(partial, file);
    await rm(partial);
  } catch (error) {
    if (!withoutLinks.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
    // Claimed first: it fails where a file is.
    await (await open(file, 'wx', 0o600)).close();
    await rename(partial, file);
  }
}
