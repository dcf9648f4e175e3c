// Reads a file of a bounded size and nothing else: the opening of a pipe waits for somebody to write into it, and a device may never end.
// On the event loop everybody would wait with it.
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';

/** It is no file, or too large. */
export class NotReadable extends Error {}

/** @throws NotReadable with why in words, and what the file system says. */
export function readRegularFile(path: string, bytesMax: number): Buffer {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const found = fstatSync(descriptor);
    if (!found.isFile()) throw new NotReadable('not a file');
    if (found.size > bytesMax) throw new NotReadable(`larger than ${bytesMax} bytes`);
    return readFileSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
