// A stream that stands between a socket and who reads from it: what is written goes out as it is. What is read, and when, is for those
// who extend it to decide.
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

export abstract class PassingStream extends Duplex {
  readonly socket: Socket;

  constructor(socket: Socket) {
    super({ allowHalfOpen: true });
    this.socket = socket;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.socket.write(chunk, callback);
  }

  override _writev(chunks: { chunk: Buffer }[], callback: (error?: Error | null) => void): void {
    const last = chunks.length - 1;
    this.socket.cork();
    for (const [at, { chunk }] of chunks.entries()) {
      if (at === last) this.socket.write(chunk, callback);
      else this.socket.write(chunk);
    }
    this.socket.uncork();
  }

  override _final(callback: () => void): void {
    this.socket.end(callback);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.socket.destroy();
    callback(error);
  }
}
