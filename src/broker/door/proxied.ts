// Reads the PROXY header of a connection that a load balancer has opened, and puts back what came behind it.
import type { Socket } from 'node:net';
import { readProxyHeader } from './proxy-header.ts';

export interface ProxiedOutcome {
  /** From where the client comes; null: the balancer speaks for itself. */
  readonly onSource: (source: string | null) => void;
  /** The header is missing, late or cannot be read. */
  readonly onFault: (detail: string) => void;
}

/** Calls one of both once, or none when the connection closes before anything came, as a balancer's probe does. */
export function awaitProxyHeader(socket: Socket, withinMs: number, outcome: ProxiedOutcome): void {
  let bytes: Buffer = Buffer.alloc(0);
  const timer = setTimeout(() => end('no PROXY header in time'), withinMs);
  const stop = (): void => {
    clearTimeout(timer);
    socket.off('data', take).off('close', close).off('end', close);
    socket.pause();
  };
  const end = (fault: string): void => {
    stop();
    outcome.onFault(fault);
  };
  const close = (): void => {
    stop();
    if (bytes.length > 0) outcome.onFault('a PROXY header that is not whole');
    else socket.destroy();
  };
  const take = (chunk: Buffer): void => {
    bytes = Buffer.concat([bytes, chunk]);
    const header = readProxyHeader(bytes);
    if (header.state === 'incomplete') return;
    if (header.state === 'wrong') {
      end(header.detail);
      return;
    }
    stop();
    const rest = bytes.subarray(header.bytes);
    if (rest.length > 0) socket.unshift(rest);
    outcome.onSource(header.source);
  };
  socket.on('error', () => socket.destroy());
  socket.on('data', take).once('close', close).once('end', close);
}
