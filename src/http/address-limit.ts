// How many connections one address block may hold at a time: one that keeps them busy leaves room for everybody else.
import type { Server, Socket } from 'node:net';
import { addressBlock } from '../domain/address-block.ts';

/** Destroys what exceeds `most` connections from one address block, as soon as it is accepted. */
export function limitAddresses(server: Server, most: number): void {
  const open = new Map<string, number>();
  server.on('connection', (socket: Socket) => {
    const block = addressBlock(socket.remoteAddress);
    const count = (open.get(block) ?? 0) + 1;
    if (count > most) {
      socket.destroy();
      return;
    }
    open.set(block, count);
    socket.once('close', () => {
      const left = (open.get(block) ?? 1) - 1;
      if (left > 0) open.set(block, left);
      else open.delete(block);
    });
  });
}
