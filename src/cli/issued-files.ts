// Writes what was issued where an operator says: each file whole, with its mode from the first byte on.
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { access, link, open, rename, rm } from 'node:fs/promises';
import { OperationError } from '../app/operation-error.ts';
import { makeFolder } from '../machine/folder.ts';

interface Target {
  readonly path: string;
  readonly mode: number;
  /** May it take the place of a file that is there? */
  readonly replace: boolean;
}

/** Writes the whole file or none of it, with its mode from the first byte on. */
export async function writeWhole({ path, mode, replace }: Target, text: string): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  const handle = await open(temporary, 'wx', mode);
  try {
    try {
      await handle.chmod(mode);
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    // A link fails where a file is; a rename would replace it.
    await (replace ? rename(temporary, path) : link(temporary, path));
  } finally {
    await rm(temporary, { force: true });
  }
}

/** The certificate, which a client presents, apart from those above it, which the broker never asks for. */
export function splitChain(pem: string): { leaf: string; chain: string } {
  const end = '-----END CERTIFICATE-----\n';
  const at = pem.indexOf(end) + end.length;
  return { leaf: pem.slice(0, at), chain: pem.slice(at) };
}

export async function prepareFolder(directory: string): Promise<void> {
  try {
    makeFolder(directory);
    await access(directory, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new OperationError('invalid', [
      `${directory} cannot be written to: ${(error as NodeJS.ErrnoException).code}`,
    ]);
  }
}
