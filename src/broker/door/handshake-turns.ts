// The shares of the event loop that handshakes may have, and what comes after them of somebody who is not known.
import type { TurnRules } from '../../pacing/turns.ts';

/** For blocks that have shown no known certificate: a tenth of the loop for all of them. A step costs 90 ms at most. */
export const strangerTurns: TurnRules = {
  all: { share: 0.1, burstMs: 100, waitMsMax: 1_000 },
  block: { share: 0.05, burstMs: 50, waitMsMax: 2_000 },
  turnMs: 10,
  blocksMax: 50_000,
};

/** For those that have, where a stranger among them holds up devices: more, so that a thousand of its connections are soon through. */
export const neighbourTurns: TurnRules = {
  all: { share: 0.25, burstMs: 250, waitMsMax: 500 },
  block: { share: 0.2, burstMs: 100, waitMsMax: 500 },
  turnMs: 10,
  blocksMax: 50_000,
};

/** For all that comes after a handshake until a known certificate is there: a refusal is soon had, whatever handshakes have cost. */
export const unprovenTurns: TurnRules = {
  all: { share: 0.1, burstMs: 500, waitMsMax: 500 },
  block: { share: 0.05, burstMs: 250, waitMsMax: 500 },
  turnMs: 10,
  blocksMax: 50_000,
};
