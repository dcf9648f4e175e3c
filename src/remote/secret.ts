// A secret that the other side asks for, from a file that is read anew each time: whoever replaces it restarts nothing.
import { readFile, stat } from 'node:fs/promises';

const bytesMax = 8_192;

export type Secret = { readonly text: string } | { readonly fault: string };

/** @returns the one word in the file, or what is wrong with it. */
export async function readSecret(file: string): Promise<Secret> {
  try {
    const found = await stat(file);
    // Reading a pipe or a device may never end.
    if (!found.isFile()) return { fault: `${file} is not a file` };
    const { mode, size } = found;
    if (size > bytesMax) return { fault: `${file} is larger than ${bytesMax} bytes: it is no secret` };
    if ((mode & 0o007) !== 0) return { fault: `${file} can be read by anybody: chmod 600 it` };
    const text = (await readFile(file, 'utf8')).trim();
    return /^[\x21-\x7e]+$/.test(text) ? { text } : { fault: `${file} does not hold one secret` };
  } catch (error) {
    return { fault: `${file} cannot be read: ${(error as NodeJS.ErrnoException).code ?? String(error)}` };
  }
}
