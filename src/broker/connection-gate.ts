// Counts TCP connections, in all and by address, before any TLS work is spent on them, and turns away what is too many.
import type { Socket } from 'node:net';
import type { Journal } from '../ports/journal.ts';
import type { BrokerLimits } from './limits.ts';

/** A refusal is told at most this often; the line says how many there were. */
const tellEveryMs = 1_000;

export class ConnectionGate {
  readonly #limits: Pick<BrokerLimits, 'connectionsMax' | 'connectionsPerAddressMax'>;
  readonly #journal: Journal;
  readonly #sockets = new Set<Socket>();
  readonly #byAddress = new Map<string, number>();
  #refusedSinceTold = 0;
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor(limits: Pick<BrokerLimits, 'connectionsMax' | 'connectionsPerAddressMax'>, journal: Journal) {
    this.#limits = limits;
    this.#journal = journal;
  }

  get open(): number {
    return this.#sockets.size;
  }

  /** Counts the connection until it closes; false: it was one too many and is destroyed. */
  admit(socket: Socket): boolean {
    const address = socket.remoteAddress ?? '';
    const fromThere = this.#byAddress.get(address) ?? 0;
    if (this.#sockets.size >= this.#limits.connectionsMax) return this.#refuse(socket, address, 'connections_max');
    if (fromThere >= this.#limits.connectionsPerAddressMax) {
      return this.#refuse(socket, address, 'connections_per_address_max');
    }
    this.#sockets.add(socket);
    this.#byAddress.set(address, fromThere + 1);
    socket.once('close', () => this.#release(socket, address));
    return true;
  }

  /** Resolves when no connection is left, or after so long. */
  async emptied(withinMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, withinMs);
    });
    const closed = [...this.#sockets].map((socket) => new Promise<void>((resolve) => socket.once('close', resolve)));
    await Promise.race([late, Promise.all(closed)]);
    clearTimeout(timer);
  }

  /** Ends every connection now, handshakes in progress included. */
  destroyAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #release(socket: Socket, address: string): void {
    this.#sockets.delete(socket);
    const left = (this.#byAddress.get(address) ?? 1) - 1;
    if (left > 0) this.#byAddress.set(address, left);
    else this.#byAddress.delete(address);
  }

  #refuse(socket: Socket, address: string, reason: string): false {
    socket.destroy();
    this.#refusedSinceTold += 1;
    const now = performance.now();
    if (now - this.#toldAt >= tellEveryMs) {
      this.#toldAt = now;
      this.#journal.tell({
        action: 'connection.refused',
        level: 'warn',
        reason,
        message: 'too many connections',
        fields: { 'client.address': address, 'nolapse.refused_count': this.#refusedSinceTold },
      });
      this.#refusedSinceTold = 0;
    }
    return false;
  }
}
