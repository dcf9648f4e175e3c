// How many connections one address may hold at a time: one that keeps them busy leaves room for everybody else.
import type { Server, Socket } from 'node:net';

/** Destroys what exceeds `most` connections from one address, as soon as it is accepted. */
export function limitAddresses(server: Server, most: number): void {
  const open = new Map<string, number>();
  server.on('connection', (socket: Socket) => {
    const address = socket.remoteAddress ?? '';
    const count = (open.get(address) ?? 0) + 1;
    if (count > most) {
      socket.destroy();
      return;
    }
    open.set(address, count);
    socket.once('close', () => {
      const left = (open.get(address) ?? 1) - 1;
      if (left > 0) open.set(address, left);
      else open.delete(address);
    });
  });
}
