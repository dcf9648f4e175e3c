// The token a source asks for, from a file that is read anew each time: whoever replaces it restarts nothing.
import { readFile, stat } from 'node:fs/promises';

const bytesMax = 8_192;

/** @returns the token, or what is wrong with its file. */
export async function readToken(file: string): Promise<{ readonly token: string } | { readonly fault: string }> {
  try {
    const found = await stat(file);
    // Reading a pipe or a device may never end.
    if (!found.isFile()) return { fault: `${file} is not a file` };
    const { mode, size } = found;
    if (size > bytesMax) return { fault: `${file} is larger than ${bytesMax} bytes: it is no token` };
    if ((mode & 0o007) !== 0) return { fault: `${file} can be read by anybody: chmod 600 it` };
    const token = (await readFile(file, 'utf8')).trim();
    return /^[\x21-\x7e]+$/.test(token) ? { token } : { fault: `${file} does not hold one token` };
  } catch (error) {
    return { fault: `${file} cannot be read: ${(error as NodeJS.ErrnoException).code ?? String(error)}` };
  }
}
