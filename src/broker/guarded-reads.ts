// Stands between a stream and aedes, which reads it in paused mode: what the guard refuses or throws away does not get through,
// and what comes faster than its pace waits in the stream.
import type { Duplex } from 'node:stream';
import type { PacketFault, PacketGuard } from './packet-guard.ts';
import type { PacketPace } from './packet-pace.ts';

/** Bytes thrown away that count as one packet: a flood of them slows its own connection down. */
const bytesPerPacket = 1_024;

export interface ReadRules {
  readonly guard: PacketGuard;
  readonly pace: PacketPace;
  /** Called once; the reader gets nothing more. */
  readonly onFault: (fault: PacketFault) => void;
  /** The stream is read more slowly from now on than its peer sends. Called at each rest. */
  readonly onSlowed: () => void;
  /** Bytes came, and no packet ended with them. */
  readonly onPart: () => void;
  /** What the reader is given next is one PUBLISH that stands for a message of so many bytes. */
  readonly onOversized: (bytes: number) => void;
}

export interface GuardedReads {
  /** Parses what was read; what is read within it waits until it is over. The parser cannot be called from within itself. */
  parse<T>(run: () => T): T;
}

export function guardReads(stream: Duplex, rules: ReadRules): GuardedReads {
  const { guard, pace } = rules;
  const read = stream.read.bind(stream);
  let told = false;
  let resting = false;
  let parsing = false;
  /** Did the reader ask while there was nothing for it? Then it is told when there is again. */
  let asked = false;

  const tell = (): void => {
    if (!asked || resting || parsing) return;
    asked = false;
    stream.emit('readable');
  };
  const goOn = (): void => {
    resting = false;
    tell();
  };
  const rest = (ms: number): void => {
    resting = true;
    setTimeout(goOn, ms).unref();
    rules.onSlowed();
  };

  stream.read = (size?: number): unknown => {
    while (!resting && !parsing) {
      const hold = pace.hold;
      if (hold) {
        resting = true;
        hold(goOn);
        break;
      }
      const chunk: unknown = size == null ? readBuffered(stream, read) : read(size);
      if (!(chunk instanceof Uint8Array)) return chunk;
      const { fault, bytes, used, packets, discarded, standsFor } = guard.pass(chunk, pace.allowance);
      if (fault) {
        if (!told) rules.onFault(fault);
        told = true;
        return null;
      }
      const restFor = pace.take(packets + Math.ceil(discarded / bytesPerPacket), bytes.length);
      if (restFor !== null) rest(restFor);
      if (packets === 0) rules.onPart();
      // Back into the stream, so that its end still comes after all of its bytes.
      if (used < chunk.length) stream.unshift(chunk.subarray(used));
      if (standsFor !== null) rules.onOversized(standsFor);
      if (bytes.length > 0) return bytes;
    }
    asked = true;
    return null;
  };
  return {
    parse: (run) => {
      parsing = true;
      try {
        return run();
      } finally {
        parsing = false;
        if (asked && !resting) process.nextTick(tell);
      }
    },
  };
}

/** All that has come. From Node 26 on a stream gives a piece at a time, and aedes asks once for each time it is told. */
function readBuffered(stream: Duplex, read: () => unknown): unknown {
  const first = read();
  let left = first instanceof Uint8Array ? stream.readableLength : 0;
  if (!(first instanceof Uint8Array) || left === 0) return first;
  const pieces = [first];
  while (left > 0) {
    const next = read();
    if (!(next instanceof Uint8Array)) break;
    pieces.push(next);
    left -= next.length;
  }
  return Buffer.concat(pieces);
}
