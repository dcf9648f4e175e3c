// Connections from addresses of known devices that never got to a verdict: refused for a limit, or failed in the TLS handshake.
// Remembered in memory, in bounds, and written as alerts now and then. A handshake that fails at many devices at once is what a root
// that they do not trust looks like from here.
import { addressBlock } from '../../domain/address-block.ts';
import { type Changing, change } from '../change.ts';

/** Failed handshakes are an alert when so many blocks have some, or so many come from one, within the time. */
const [failingBlocksLeast, failuresLeast, failingMs] = [3, 20, 600_000];
/** Blocks followed at a time. */
const blocksMax = 1_000;

/** The key of the configuration behind a reason to refuse. */
const limits: ReadonlyMap<string, string> = new Map([
  ['connections_max', 'limits.connections'],
  ['connections_per_address_max', 'limits.connectionsPerAddress'],
]);

const where = 'connection.refused in the log has the addresses';

interface Failures {
  count: number;
  readonly since: number;
}

export class TroubledAddresses {
  readonly #app: Changing;
  readonly #refused = new Set<string>();
  readonly #failures = new Map<string, Failures>();
  #hasFailed = false;

  constructor(app: Changing) {
    this.#app = app;
  }

  note(address: string, reason: string): void {
    if (reason !== 'handshake_failed') {
      this.#refused.add(reason);
      return;
    }
    const now = this.#app.clock.steady();
    const block = addressBlock(address);
    const known = this.#failures.get(block);
    const failures = known && now - known.since < failingMs ? known : { count: 0, since: now };
    failures.count += 1;
    this.#failures.delete(block);
    this.#failures.set(block, failures);
    const oldest = this.#failures.size > blocksMax ? this.#failures.keys().next() : null;
    if (oldest && !oldest.done) this.#failures.delete(oldest.value);
    if (failures.count >= failuresLeast || this.#failingBlocks(now) >= failingBlocksLeast) this.#hasFailed = true;
  }

  #failingBlocks(now: number): number {
    let blocks = 0;
    for (const { since } of this.#failures.values()) if (now - since < failingMs) blocks += 1;
    return blocks;
  }

  /** Raises the alerts for what has come since. */
  async flush(): Promise<void> {
    const refused = [...this.#refused];
    const hasFailed = this.#hasFailed;
    if (refused.length === 0 && !hasFailed) return;
    this.#refused.clear();
    this.#hasFailed = false;
    // Without anybody who may be let in nobody is kept out.
    const { store, clock } = this.#app;
    if ((await store.read.nearestEnd(clock.now())) === null) return;
    await change(this.#app, async (within) => {
      for (const reason of refused) {
        const limit = limits.get(reason);
        const why = limit ? `${limit} is reached` : reason;
        const detail = `connections from addresses of known devices are refused: ${why}; ${where}`;
        await within.alert({ kind: 'connections_refused', subject: reason, severity: 'critical', detail, owner: null });
      }
      if (!hasFailed) return;
      const detail = `TLS handshakes from addresses of known devices fail; ${where}`;
      await within.alert({ kind: 'handshakes_failing', subject: 'tls', severity: 'critical', detail, owner: null });
    });
  }
}
