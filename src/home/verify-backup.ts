// Reads a backup back, all of it, and says what a home that is restored from it would have. It writes nothing.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { openArchive } from '../archive/read.ts';
import { NolapseError } from '../domain/errors.ts';
import { pemToDer } from '../pki/pem.ts';
import { fingerprintOf } from '../pki/x509.ts';

export interface VerifiedBackup {
  readonly file: string;
  readonly madeAt: number;
  readonly keys: 'encrypted' | 'clear';
  /** Names of what is in it beside the ledger. */
  readonly files: readonly string[];
  /** SHA-256 of the certificates in its PKI, the first of each file. */
  readonly certificates: readonly string[];
}

/** Fails with NolapseError `backup_unusable`, which says what is wrong with it. */
export async function verifyBackup(file: string): Promise<VerifiedBackup> {
  const { madeAt, keys, files, ledger } = await openArchive(file);
  const hash = createHash('sha256');
  for await (const part of createReadStream(file, { end: ledger.bytes - 1 })) hash.update(part as Buffer);
  if (hash.digest('hex') !== ledger.sha256) {
    throw new NolapseError('backup_unusable', `${file}: the ledger in it is damaged: the SHA-256 differs`);
  }
  const certificates = files.flatMap(({ name, content }) => {
    const [first] = name.endsWith('.crt')
      ? (pemToDer(Buffer.from(content, 'base64').toString('latin1'), 'CERTIFICATE') ?? [])
      : [];
    return first ? [fingerprintOf(first)] : [];
  });
  return { file, madeAt, keys, files: files.map(({ name }) => name), certificates };
}
