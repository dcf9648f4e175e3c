// Stands between a stream and aedes, which reads it in paused mode: what the guard refuses does not get through, and what comes
// faster than its pace waits in the stream.
import type { Duplex } from 'node:stream';
import type { PacketFault, PacketGuard } from './packet-guard.ts';
import type { PacketPace } from './packet-pace.ts';

export interface ReadRules {
  readonly guard: PacketGuard;
  readonly pace: PacketPace;
  /** Called once; the reader gets nothing more. */
  readonly onFault: (fault: PacketFault) => void;
  /** The stream is read more slowly from now on than its peer sends. Called at each rest. */
  readonly onSlowed: () => void;
}

export function guardReads(stream: Duplex, { guard, pace, onFault, onSlowed }: ReadRules): void {
  const read = stream.read.bind(stream);
  let told = false;
  let resting = false;
  /** Did the reader ask while there was nothing for it? Then it is told when there is again. */
  let asked = false;

  const goOn = (): void => {
    resting = false;
    if (!asked) return;
    asked = false;
    stream.emit('readable');
  };
  const rest = (ms: number): void => {
    resting = true;
    if (ms === 0) {
      setImmediate(goOn);
      return;
    }
    setTimeout(goOn, ms).unref();
    onSlowed();
  };

  stream.read = (size?: number): unknown => {
    if (resting) {
      asked = true;
      return null;
    }
    const chunk: unknown = read(size);
    if (!(chunk instanceof Uint8Array)) return chunk;
    const { fault, bytes, packets } = guard.pass(chunk, pace.allowance);
    if (fault) {
      if (!told) onFault(fault);
      told = true;
      return null;
    }
    const restFor = pace.take(packets);
    if (restFor !== null) rest(restFor);
    if (bytes === chunk.length) return chunk;
    // Back into the stream, so that its end still comes after all of its bytes.
    stream.unshift(chunk.subarray(bytes));
    return chunk.subarray(0, bytes);
  };
}
