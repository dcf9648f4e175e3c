// Whose step goes on next. Each step costs time of the event loop, and a peer that nobody knows yet can make it cost much: the
// steps of all of them together, and of each address block, are held to a share of the loop, and block after block has its turn.
// What turns out to be somebody known is not counted.
import { LoopShare, type LoopShareRules } from '../domain/loop-share.ts';

export interface TurnRules {
  /** Of all blocks together, and of one. */
  readonly all: LoopShareRules;
  readonly block: LoopShareRules;
  /** Milliseconds that are spent in one turn of the event loop, before everything else has its turn. */
  readonly turnMs: number;
  /** Blocks whose accounts are remembered. */
  readonly blocksMax: number;
}

interface Step {
  readonly bytes: number;
  /** Has what it is a step of had one before? */
  readonly isLater: boolean;
  readonly run: () => void;
}

interface Block {
  readonly name: string;
  readonly account: LoopShare;
  readonly steps: Step[];
  /** Is the oldest step next, and not the smallest? In turns, so that large handshakes are delayed and not forgotten. */
  oldestNext: boolean;
}

export class Turns {
  readonly #rules: TurnRules;
  readonly #all: LoopShare;
  readonly #blocks = new Map<string, Block>();
  /** Those with steps that wait, in the order of their turns. */
  readonly #waiting = new Set<Block>();
  #spentInTurn = 0;
  #nextTurn: NodeJS.Immediate | null = null;
  #timer: NodeJS.Timeout | null = null;
  #timerAt = 0;

  constructor(rules: TurnRules) {
    this.#rules = rules;
    this.#all = new LoopShare(rules.all);
  }

  /** Steps that wait. */
  get waiting(): number {
    return [...this.#waiting].reduce((sum, { steps }) => sum + steps.length, 0);
  }

  /**
   * Runs a step, now or when its block's turn has come; `run` is timed. What goes on goes before what
   * begins (`isLater`), and what is small before what is large, but for every second turn, which is the oldest's.
   * @returns what forgets the step if it still waits.
   */
  take(name: string, bytes: number, run: () => void, isLater = false): () => void {
    const block = this.#blockOf(name);
    const step: Step = { bytes, isLater, run };
    block.steps.push(step);
    this.#waiting.add(block);
    this.#goOn();
    return () => {
      const at = block.steps.indexOf(step);
      if (at >= 0) block.steps.splice(at, 1);
      if (block.steps.length === 0) this.#waiting.delete(block);
    };
  }

  /** Charges what was spent elsewhere for a block, or with a negative number gives back what is not its cost. */
  charge(name: string, ms: number): void {
    const now = performance.now();
    this.#blockOf(name).account.spend(ms, now);
    this.#all.spend(ms, now);
  }

  /** Has the block spent more than its share? */
  isInDebt(name: string): boolean {
    const block = this.#blocks.get(name);
    return block !== undefined && block.account.waitMs(performance.now()) > 0;
  }

  stop(): void {
    if (this.#timer) clearTimeout(this.#timer);
    if (this.#nextTurn) clearImmediate(this.#nextTurn);
    this.#waiting.clear();
    this.#blocks.clear();
  }

  #goOn(): void {
    for (;;) {
      if (this.#waiting.size === 0 || this.#spentInTurn >= this.#rules.turnMs) return;
      const now = performance.now();
      const wait = this.#all.waitMs(now);
      const block = wait > 0 ? null : this.#next(now);
      if (wait > 0) this.#goOnIn(wait);
      if (!block) return;
      this.#run(block);
    }
  }

  /** The first block that may spend; null: none may yet, and the first that may is waited for. */
  #next(now: number): Block | null {
    let shortest = Number.POSITIVE_INFINITY;
    for (const block of this.#waiting) {
      const wait = block.account.waitMs(now);
      if (wait === 0) return block;
      shortest = Math.min(shortest, wait);
    }
    this.#goOnIn(shortest);
    return null;
  }

  #run(block: Block): void {
    const at = block.oldestNext ? 0 : foremost(block.steps);
    block.oldestNext = !block.oldestNext;
    const [step] = block.steps.splice(at, 1);
    // At the end of those that wait.
    this.#waiting.delete(block);
    if (block.steps.length > 0) this.#waiting.add(block);
    const since = performance.now();
    step?.run();
    const ms = performance.now() - since;
    this.charge(block.name, ms);
    this.#spentInTurn += ms;
    this.#nextTurn ??= setImmediate(() => {
      this.#nextTurn = null;
      this.#spentInTurn = 0;
      this.#goOn();
    });
  }

  #goOnIn(ms: number): void {
    const at = performance.now() + ms;
    if (this.#timer && this.#timerAt <= at) return;
    if (this.#timer) clearTimeout(this.#timer);
    this.#timerAt = at;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#goOn();
    }, Math.ceil(ms)).unref();
  }

  #blockOf(name: string): Block {
    const known = this.#blocks.get(name);
    const block = known ?? { name, account: new LoopShare(this.#rules.block), steps: [], oldestNext: false };
    this.#blocks.delete(name);
    this.#blocks.set(name, block);
    if (!known) this.#forgetOldest();
    return block;
  }

  #forgetOldest(): void {
    const oldest = this.#blocks.size > this.#rules.blocksMax ? this.#blocks.values().next() : null;
    if (oldest && !oldest.done && !this.#waiting.has(oldest.value)) this.#blocks.delete(oldest.value.name);
  }
}

function foremost(steps: readonly Step[]): number {
  let found = 0;
  for (const [at, step] of steps.entries()) {
    const best = steps[found];
    if (best && (step.isLater === best.isLater ? step.bytes < best.bytes : step.isLater)) found = at;
  }
  return found;
}
