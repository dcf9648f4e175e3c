// Waits for a stream that holds as much as it should. It bounds nothing by time: whoever owns the stream ends it when nobody reads.
import type { Writable } from 'node:stream';

/** @returns a promise that resolves once the stream takes more or has closed; undefined when there is nothing to wait for. */
export function drained(stream: Writable): Promise<void> | undefined {
  if (!stream.writableNeedDrain || stream.destroyed) return undefined;
  return new Promise((resolve) => {
    const go = (): void => {
      stream.off('drain', go);
      stream.off('close', go);
      resolve();
    };
    stream.once('drain', go);
    stream.once('close', go);
  });
}
