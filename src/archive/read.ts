// Reads a backup back, and believes nothing of it whose digest is wrong.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { NolapseError } from '../domain/errors.ts';
import { lastLineBytes, type Manifest, manifestBytesMax, readLastLine, readManifest, sha256 } from './manifest.ts';

function refuse(file: string, why: string, cause?: unknown): NolapseError {
  return new NolapseError('backup_unusable', `${file}: ${why}`, cause);
}

/** Fails with NolapseError `backup_unusable`, which says what is wrong: unreadable, no backup, cut off, damaged, of another format. */
export async function openArchive(file: string): Promise<Manifest> {
  const handle = await open(file, 'r').catch((error: NodeJS.ErrnoException) => {
    throw refuse(file, `it cannot be read: ${error.code}`, error);
  });
  try {
    const found = await handle.stat();
    if (!found.isFile()) throw refuse(file, 'it is not a file');
    const end = Buffer.alloc(lastLineBytes);
    const endsAt = found.size - lastLineBytes;
    if (endsAt > 0) await handle.read(end, 0, lastLineBytes, endsAt);
    const place = readLastLine(end);
    if (!place) throw refuse(file, 'it is no backup of nolapse, or its end is missing or damaged');
    if (place.bytes > manifestBytesMax || place.bytes >= endsAt) throw refuse(file, 'its beginning is missing');
    const body = Buffer.alloc(place.bytes);
    await handle.read(body, 0, place.bytes, endsAt - place.bytes);
    if (sha256(body) !== place.sha256) throw refuse(file, 'its manifest is damaged: the SHA-256 differs');
    const manifest = readManifest(body);
    if ('fault' in manifest) throw refuse(file, manifest.fault);
    if (manifest.ledger.bytes !== endsAt - place.bytes) {
      throw refuse(file, `the ledger in it has ${endsAt - place.bytes} bytes instead of ${manifest.ledger.bytes}`);
    }
    return manifest;
  } finally {
    await handle.close();
  }
}

/** Writes the ledger of a backup to `target`, which must not exist. As {@link openArchive} where it is damaged. */
export async function extractLedger(file: string, { ledger }: Manifest, target: string): Promise<void> {
  const hash = createHash('sha256');
  const handle = await open(target, 'wx', 0o600);
  try {
    for await (const part of createReadStream(file, { end: ledger.bytes - 1 }) as AsyncIterable<Buffer>) {
      hash.update(part);
      await handle.writeFile(part);
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
  if (hash.digest('hex') !== ledger.sha256) throw refuse(file, 'the ledger in it is damaged: the SHA-256 differs');
}
