// Connections that come under a client id which a live session has, and may not have it yet: they wait for their CONNACK, in the order
// in which they came, and are judged anew when their turn has come.
import type { Entrance, Session } from '../app/session.ts';
import { addressBlock } from '../domain/address-block.ts';
import type { Takeover } from '../domain/contest.ts';
import type { BrokerClient } from './aedes-internals.ts';
import type { SessionRegistry } from './session-registry.ts';

/** How often a connection that waits is looked at. */
const lookMs = 250;
/** Connections that wait for one client id, and in all. */
const waitingForOneMax = 8;
const waitingMax = 1_000;
/** What the time of a session is made longer by at most, as a share of it: so that two holders do not meet in step. */
const jitter = 0.2;

export interface Newcomer {
  readonly client: BrokerClient;
  readonly address: string;
  readonly session: Session;
  /** The name its session would have. */
  readonly name: string;
}

interface Waiting extends Newcomer {
  /** Another connection from its addresses has its place. */
  replaced: boolean;
}

export class Takeovers {
  readonly #registry: Pick<SessionRegistry, 'byClientId'>;
  readonly #entrance: Pick<Entrance, 'tenureMs' | 'tookOver'>;
  readonly #readAt: (client: object) => number;
  readonly #held = new WeakMap<
    object,
    { readonly address: string; readonly since: number; readonly stretch: number }
  >();
  readonly #waiting = new Map<string, Waiting[]>();
  #count = 0;

  /** @param readAt when the last bytes of a client were read, by `performance.now()`. */
  constructor(
    registry: Pick<SessionRegistry, 'byClientId'>,
    entrance: Pick<Entrance, 'tenureMs' | 'tookOver'>,
    readAt: (client: object) => number,
  ) {
    this.#registry = registry;
    this.#entrance = entrance;
    this.#readAt = readAt;
  }

  /** Must it wait before it may have its session? */
  mustWait(newcomer: Newcomer): boolean {
    const takeover = this.#takeoverBy(newcomer);
    if (takeover === null) return false;
    const { held, ...facts } = takeover;
    const tenure = this.#entrance.tenureMs(newcomer.session, facts);
    return performance.now() < held.since + tenure * held.stretch;
  }

  /** Resolves when it may be judged again. False: it may not, because it has gone, another has its place, or too many wait. */
  async turn(newcomer: Newcomer): Promise<boolean> {
    const waiting = this.#enter({ ...newcomer, replaced: false });
    if (!waiting) return false;
    try {
      for (;;) {
        if (waiting.replaced || hasGone(waiting.client)) return false;
        if (this.#waiting.get(waiting.name)?.[0] === waiting && !this.mustWait(waiting)) return true;
        await new Promise((resolve) => setTimeout(resolve, lookMs));
      }
    } finally {
      this.#leave(waiting);
    }
  }

  /** It is about to have its session. */
  begins(newcomer: Newcomer): void {
    const { client, address, session } = newcomer;
    const takeover = this.#takeoverBy(newcomer);
    if (takeover) {
      const { held: _, ...facts } = takeover;
      this.#entrance.tookOver(session, facts);
    }
    this.#held.set(client, { address, since: performance.now(), stretch: 1 + Math.random() * jitter });
  }

  #takeoverBy({ name, address }: Newcomer) {
    const live = this.#registry.byClientId(name);
    const held = live && this.#held.get(live.client);
    if (!live || !held || live.ending !== null || hasGone(live.client)) return null;
    const takeover: Takeover = {
      from: address,
      over: held.address,
      silentMs: performance.now() - this.#readAt(live.client),
    };
    return { ...takeover, held };
  }

  /** A device whose client gave up and tries again keeps its place, and no address has more than one. */
  #enter(waiting: Waiting): Waiting | null {
    const line = this.#waiting.get(waiting.name) ?? [];
    const block = addressBlock(waiting.address);
    const at = line.findIndex(({ address }) => addressBlock(address) === block);
    const before = line[at];
    if (!before && (line.length >= waitingForOneMax || this.#count >= waitingMax)) return null;
    if (before) {
      before.replaced = true;
      line[at] = waiting;
    } else line.push(waiting);
    if (!before) this.#count += 1;
    this.#waiting.set(waiting.name, line);
    return waiting;
  }

  #leave(waiting: Waiting): void {
    const line = this.#waiting.get(waiting.name) ?? [];
    const at = line.indexOf(waiting);
    // Whoever was replaced has left already.
    if (at < 0) return;
    line.splice(at, 1);
    this.#count -= 1;
    if (line.length === 0) this.#waiting.delete(waiting.name);
  }
}

/** Has its connection ended, even if nobody has read the end yet? A client that waits is not read from. */
function hasGone({ closed, conn }: BrokerClient): boolean {
  const state = (conn as { readonly _readableState?: { readonly ended?: boolean } })._readableState;
  return closed || conn.destroyed || conn.readableEnded || state?.ended === true;
}
