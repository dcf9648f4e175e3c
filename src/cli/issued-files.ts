// Writes what was issued where an operator says: each file whole, with its mode from the first byte on.
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { access, link, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { OperationError } from '../app/operation-error.ts';
import { makeFolder } from '../machine/folder.ts';

interface Target {
  readonly path: string;
  readonly mode: number;
  /** May it take the place of a file that is there? */
  readonly replace: boolean;
}

/** Writes the whole file or none of it, with its mode from the first byte on. */
async function writeWhole({ path, mode, replace }: Target, text: string): Promise<void> {
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

export interface IssuedPaths {
  readonly certificate: string;
  readonly chain: string;
  readonly key: string;
  readonly ca: string;
}

/** Where the files of one that has a certificate go. @param stem as `fileStem` makes it of a name. */
export function issuedPaths(directory: string, stem: string): IssuedPaths {
  return {
    certificate: join(directory, `${stem}.crt`),
    chain: join(directory, `${stem}-chain.crt`),
    key: join(directory, `${stem}.key`),
    ca: join(directory, 'ca.crt'),
  };
}

/** The key first, which nobody can make again. @param replace may the key take the place of one that is there? */
export async function writeIssued(
  paths: IssuedPaths,
  issued: { readonly keyPem: string; readonly certificatePem: string; readonly rootPem: string },
  replace: boolean,
): Promise<void> {
  await writeWhole({ path: paths.key, mode: 0o600, replace }, issued.keyPem);
  const { leaf, chain } = splitChain(issued.certificatePem);
  await writeWhole({ path: paths.certificate, mode: 0o644, replace: true }, leaf);
  await writeWhole({ path: paths.chain, mode: 0o644, replace: true }, chain);
  await writeWhole({ path: paths.ca, mode: 0o644, replace: true }, issued.rootPem);
}

/** The rows that name them. */
export function pathRows({ certificate, chain, key, ca }: IssuedPaths): (readonly [string, string])[] {
  return [
    ['certificate', certificate],
    ['chain', chain],
    ['key', key],
    ['ca', ca],
  ];
}

/** The certificate, which a client presents, apart from those above it, which the broker never asks for. */
function splitChain(pem: string): { leaf: string; chain: string } {
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
