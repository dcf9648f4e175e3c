// Waits for a stream that holds as much as it should. It bounds nothing by time: whoever owns the stream ends it when nobody reads.

interface Stream {
  readonly writableNeedDrain: boolean;
  readonly destroyed: boolean;
  once(event: 'drain' | 'close', listener: () => void): unknown;
  off(event: 'drain' | 'close', listener: () => void): unknown;
}

/** @returns a promise that resolves once the stream takes more or has closed; undefined when there is nothing to wait for. */
export function drained(stream: Stream): Promise<void> | undefined {
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
