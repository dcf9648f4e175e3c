// How often one principal may do a thing: a token bucket each, so that one gone wild costs its answers and nobody else's time.
// What a site gateway says for a device is charged to the two of them together: it takes nothing of what the device may say itself.
import type { PrincipalId } from '../../domain/principal.ts';
import type { Instant } from '../../domain/time.ts';

export interface Allowance {
  /** Times at once. */
  readonly burst: number;
  /** Times a second, in the long run. */
  readonly perSecond: number;
}

/** Messages a principal may send on its enrollment topics; and as many each site gateway for each device behind it. */
export const speech: Allowance = { burst: 30, perSecond: 3 };

/** Messages a gateway may send for the devices behind it: a thousand of them at once, each within its own allowance. */
export const speechForOthers: Allowance = { burst: 10_000, perSecond: 500 };

/** Errors a principal is sent for what it may not say, in the name of one other or in its own; all that it says is counted. */
export const answers: Allowance = { burst: 150, perSecond: 1 };

/** The same in the names of all others together. */
export const answersInAll: Allowance = { burst: 2_000, perSecond: 100 };

/** Seconds a speaker is told to wait when it has spoken too much. */
export const slowDownSeconds = 5;

/** It is told once in that time; what it says meanwhile is only counted. */
export const slowDowns: Allowance = { burst: 1, perSecond: 1 / slowDownSeconds };

/** Refusals of a gateway that are kept in the ledger's journal; all are logged and counted. */
export const keptRefusals: Allowance = { burst: 100, perSecond: 1 / 60 };

/** Answers to messages that were too large. */
export const oversized: Allowance = { burst: 5, perSecond: 1 / 10 };

/** Buckets remembered at once. Only those that are not full are: a full one and one that is forgotten are the same. */
const bucketsMax = 100_000;

/** Devices of one speaker: more than {@link speechForOthers} lets it speak for before the first of them is full again. */
const devicesMax = 20_000;

interface Bucket {
  readonly tokens: number;
  readonly at: Instant;
}

export class Throttle {
  readonly #allowance: Allowance;
  readonly #max: number;
  /** The one used longest ago first. */
  readonly #buckets = new Map<PrincipalId, Bucket>();

  constructor(allowance: Allowance, max = bucketsMax) {
    this.#allowance = allowance;
    this.#max = max;
  }

  /** Buckets remembered. */
  get size(): number {
    return this.#buckets.size;
  }

  /** Takes one of this principal's. False: it has none left now. */
  take(id: PrincipalId, now: Instant): boolean {
    const { burst } = this.#allowance;
    const tokens = this.#tokensAt(this.#buckets.get(id) ?? { tokens: burst, at: now }, now);
    const granted = tokens >= 1;
    this.#buckets.delete(id);
    this.#buckets.set(id, { tokens: granted ? tokens - 1 : tokens, at: now });
    this.forgetFull(now);
    return granted;
  }

  /** Forgets the buckets used longest ago that are full by now. */
  forgetFull(now: Instant): void {
    for (const [id, bucket] of this.#buckets) {
      const isFull = this.#tokensAt(bucket, now) >= this.#allowance.burst;
      if (!isFull && this.#buckets.size <= this.#max) return;
      this.#buckets.delete(id);
    }
  }

  #tokensAt({ tokens, at }: Bucket, now: Instant): number {
    const { burst, perSecond } = this.#allowance;
    return Math.min(burst, tokens + (Math.max(0, now - at) / 1_000) * perSecond);
  }
}

/**
 * A bucket for each pair of speaker and device. They are kept by speaker, and bounded for each: whatever one speaker does, it has
 * nothing forgotten of another's, and nothing of its own before that is full.
 */
export class PairThrottle {
  readonly #allowance: Allowance;
  /** The one that spoke longest ago first. */
  readonly #speakers = new Map<PrincipalId, Throttle>();

  constructor(allowance: Allowance) {
    this.#allowance = allowance;
  }

  /** Buckets remembered, of all speakers. */
  get size(): number {
    return [...this.#speakers.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /** Takes one of what this speaker may say for this device. False: it has none left now. */
  take(speaker: PrincipalId, device: PrincipalId, now: Instant): boolean {
    const devices = this.#speakers.get(speaker) ?? new Throttle(this.#allowance, devicesMax);
    this.#speakers.delete(speaker);
    this.#speakers.set(speaker, devices);
    const granted = devices.take(device, now);
    this.#forgetSilent(now);
    return granted;
  }

  #forgetSilent(now: Instant): void {
    for (const [speaker, devices] of this.#speakers) {
      devices.forgetFull(now);
      if (devices.size > 0) return;
      this.#speakers.delete(speaker);
    }
  }
}

export interface Throttles {
  readonly speech: Throttle;
  readonly speechThroughOthers: PairThrottle;
  readonly speechForOthers: Throttle;
  readonly answers: PairThrottle;
  readonly answersInAll: Throttle;
  readonly slowDowns: PairThrottle;
  readonly keptRefusals: Throttle;
  readonly oversized: Throttle;
}

export function newThrottles(): Throttles {
  return {
    speech: new Throttle(speech),
    speechThroughOthers: new PairThrottle(speech),
    speechForOthers: new Throttle(speechForOthers),
    answers: new PairThrottle(answers),
    answersInAll: new Throttle(answersInAll),
    slowDowns: new PairThrottle(slowDowns),
    keptRefusals: new Throttle(keptRefusals),
    oversized: new Throttle(oversized),
  };
}

/** May this speaker say one more thing about this principal, which may be itself? */
export function maySpeak(throttles: Throttles, speaker: PrincipalId, about: PrincipalId, now: Instant): boolean {
  if (speaker === about) return throttles.speech.take(speaker, now);
  return throttles.speechThroughOthers.take(speaker, about, now);
}

/** Is a speaker to be told that it was refused, or has it been told often enough? The first of a stretch is. */
export function isAnswered(
  throttles: Throttles,
  speaker: PrincipalId,
  about: PrincipalId,
  isSlowDown: boolean,
  now: Instant,
): boolean {
  const { answers: each, answersInAll: all, slowDowns } = throttles;
  return (isSlowDown ? slowDowns : each).take(speaker, about, now) && all.take(speaker, now);
}

export interface WithThrottles {
  /** How often principals may do things, by what they do. */
  readonly throttles: Throttles;
}
