// How many handshakes of a control each address block has free. A device that verifies the broker fails there, as it is meant to; but
// nobody may have any number of handshakes for nothing.

/** Handshakes that are free to a block within the time. */
const freeMax = 20;
const withinMs = 600_000;
/** Blocks that are followed at a time; the one that began first goes first. */
const blocksMax = 1_000;

export class Excuses {
  readonly #given = new Map<string, { count: number; readonly since: number }>();

  /** Takes one of those that the block has free. False: it has none now. `now` in milliseconds, of a clock that is never set. */
  take(block: string, now: number): boolean {
    const known = this.#given.get(block);
    const given = known && now - known.since < withinMs ? known : { count: 0, since: now };
    if (given.count >= freeMax) return false;
    given.count += 1;
    if (given !== known) this.#given.delete(block);
    this.#given.set(block, given);
    const [oldest] = this.#given.size > blocksMax ? this.#given.keys() : [];
    if (oldest !== undefined) this.#given.delete(oldest);
    return true;
  }
}
