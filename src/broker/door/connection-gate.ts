// Counts TCP connections, in all and by address block, before any TLS work is spent on them, and turns away what is too many. Blocks
// from which no known certificate has come share a part of the connections, so that strangers leave room for a fleet.
import type { Socket } from 'node:net';
import type { BrokerLimits } from '../limits.ts';
import { KnownBlocks } from './known-blocks.ts';

export type GateLimits = Pick<
  BrokerLimits,
  'connectionsMax' | 'connectionsPerAddressMax' | 'connectionsUnknownMax' | 'descriptorsMax'
>;

export type GateRefusal = 'connections_max' | 'connections_per_address_max' | 'connections_unknown_max' | 'descriptors';

interface Entry {
  readonly block: string;
  /** Does it count among those of unknown blocks? */
  isUnknown: boolean;
}

/** The number of a socket's descriptor, which Node keeps to itself; -1 where it does not say. */
function descriptorOf(socket: Socket): number {
  return (socket as { readonly _handle?: { readonly fd?: number } })._handle?.fd ?? -1;
}

export class ConnectionGate {
  readonly #limits: GateLimits;
  /** Every open connection; null: its PROXY header has not come, so that nobody knows from where it is. */
  readonly #open = new Map<Socket, Entry | null>();
  readonly #byBlock = new Map<string, number>();
  readonly #known: KnownBlocks;
  #unknown = 0;
  /** Has a known certificate come since the start? */
  #isProven = false;

  constructor(limits: GateLimits, known = new KnownBlocks()) {
    this.#limits = limits;
    this.#known = known;
  }

  get open(): number {
    return this.#open.size;
  }

  /**
   * May this block be a known device's? Until a known certificate has come since the start, anybody's may: where nobody can connect,
   * the blocks that are remembered may be those of long ago.
   */
  mayBeKnown(block: string): boolean {
    return !this.#isProven || this.#known.has(block);
  }

  /** Has a known certificate come from this block? */
  isKnown(block: string): boolean {
    return this.#known.has(block);
  }

  /** Counts a connection in all until it closes, before it is known from where it comes. */
  hold(socket: Socket): GateRefusal | null {
    const refusal = this.#objectTo(socket);
    if (refusal) return refusal;
    this.#open.set(socket, null);
    socket.once('close', () => this.#release(socket));
    return null;
  }

  /** Counts the connection for its block until it closes. @returns why it is one too many, which leaves it uncounted. */
  admit(socket: Socket, block: string): GateRefusal | null {
    const isHeld = this.#open.has(socket);
    const refusal = isHeld ? null : this.#objectTo(socket);
    if (refusal) return refusal;
    const fromThere = this.#byBlock.get(block) ?? 0;
    if (fromThere >= this.#limits.connectionsPerAddressMax) return 'connections_per_address_max';
    const isUnknown = !this.#known.has(block);
    if (isUnknown && this.#unknown >= this.#limits.connectionsUnknownMax) return 'connections_unknown_max';
    if (!isHeld) this.hold(socket);
    this.#open.set(socket, { block, isUnknown });
    this.#byBlock.set(block, fromThere + 1);
    if (isUnknown) this.#unknown += 1;
    return null;
  }

  /** A known certificate came over this connection: its block is known from now on. */
  prove(socket: Socket): void {
    this.#isProven = true;
    const entry = this.#open.get(socket);
    if (!entry) return;
    if (entry.isUnknown) this.#unknown -= 1;
    entry.isUnknown = false;
    this.#known.note(entry.block, performance.now());
  }

  /** Resolves when no connection is left, or after so long. */
  async emptied(withinMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, withinMs);
    });
    const closed = [...this.#open.keys()].map(
      (socket) => new Promise<void>((resolve) => socket.once('close', resolve)),
    );
    await Promise.race([late, Promise.all(closed)]);
    clearTimeout(timer);
  }

  /** Ends every connection now, handshakes in progress included. */
  destroyAll(): void {
    for (const socket of this.#open.keys()) socket.destroy();
  }

  /** Is there room for one more, whoever it is from? */
  #objectTo(socket: Socket): GateRefusal | null {
    if (descriptorOf(socket) >= this.#limits.descriptorsMax) return 'descriptors';
    return this.#open.size >= this.#limits.connectionsMax ? 'connections_max' : null;
  }

  #release(socket: Socket): void {
    const entry = this.#open.get(socket);
    this.#open.delete(socket);
    if (!entry) return;
    if (entry.isUnknown) this.#unknown -= 1;
    const left = (this.#byBlock.get(entry.block) ?? 1) - 1;
    if (left > 0) this.#byBlock.set(entry.block, left);
    else this.#byBlock.delete(entry.block);
  }
}
