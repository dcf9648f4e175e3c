// Runs one device through a rollover of the root. What it keeps and tries, and what is known of it, are the domain's own functions.
import type { Fingerprint } from '../../domain/certificate.ts';
import { type GapRecord, gapsOf, withVisit } from '../../domain/presence.ts';
import type { PrincipalId } from '../../domain/principal.ts';
import { type TrustProgress, type UnprovedFacts, unprovedReason } from '../../domain/trust-proof.ts';
import {
  afterConnect,
  afterOffer,
  afterStored,
  firstRoot,
  noRecord,
  progressTowards,
  type TrustRecord,
} from '../../domain/trust-record.ts';
import type { TrustStep } from '../../domain/trust-step.ts';
import {
  afterConnack,
  attempts,
  isTaken,
  newTrustStore,
  type ProvenPair,
  type TrustStore,
  takeStep,
} from '../../domain/trust-store.ts';
import { day, firstAt, type Stay, type World } from '../lapses/world.ts';
import type { Traits } from './fleet.ts';
import { type Chain, type Dates, ports, type Way } from './ways.ts';

const roots = { old: '1'.repeat(64) as Fingerprint, next: '2'.repeat(64) as Fingerprint } as const;
const root = Uint8Array.of(0x30);
/** The number of the next root. */
const next = firstRoot + 1;
const principalId = 'device' as PrincipalId;
const step: TrustStep = { kind: 'successor', sequence: 1, signer: roots.old, named: roots.next, root };
/** How often those are looked for who will not make it. */
const lookEveryMs = day;

/** When what happened to a device; null: it did not. Milliseconds from the beginning. */
export interface Rolled {
  readonly storedAt: number | null;
  readonly provedAt: number | null;
  /** First time that it was there and nothing it tried led to the broker, or since when nothing would. */
  readonly darkAt: number | null;
  /** When it was first named as one that will not make it. */
  readonly namedAt: number | null;
}

/** The root by which a device verifies a chain with these; null: with none. */
function verifiedBy(chain: Chain, given: readonly Fingerprint[], { stack, usesNext }: Traits): Fingerprint | null {
  const hasOld = given.includes(roots.old);
  const hasNext = usesNext && given.includes(roots.next);
  if (chain === 'old') return hasOld ? roots.old : null;
  if (chain === 'next') return hasNext ? roots.next : null;
  const support = chain === 'cross, path length 1' ? stack.limited : stack.unlimited;
  if (hasOld && hasNext) return support.both ? roots.next : null;
  if (hasNext) return support.next ? roots.next : null;
  return hasOld && support.old ? roots.old : null;
}

class Follower {
  readonly #traits: Traits;
  readonly #way: Way;
  store: TrustStore = afterConnack(newTrustStore(roots.old, ports.first), { port: ports.first, root: roots.old });
  record: TrustRecord = noRecord(principalId);
  darkAt: number | null = null;

  constructor(traits: Traits, way: Way) {
    this.#traits = traits;
    this.#way = way;
  }

  get progress(): TrustProgress {
    return progressTowards(this.record, next);
  }

  /** The first attempt that leads to the broker. */
  connect(now: number, trial: number | null): ProvenPair | null {
    const served = this.#way.serves(now);
    for (const { port, roots: given } of attempts(this.store, this.#traits.together, trial)) {
      const chain = served.get(port);
      if (!chain || (port === ports.second && !this.#traits.reachesSecondPort)) continue;
      const by = verifiedBy(chain, given, this.#traits);
      if (by !== null) return { port, root: by };
    }
    return null;
  }

  #connected(pair: ProvenPair, now: number): void {
    this.store = afterConnack(this.store, pair);
    const chain = this.#way.serves(now).get(pair.port);
    if (this.#way.warnsFrom === null) return;
    const root = chain === 'next' ? next : firstRoot;
    this.record = afterConnect(this.record, { principalId, root, introduced: false }, now);
  }

  /** Comes, is told of the next root if it does not keep it, and tries the port. */
  visit(now: number, isDistributed: boolean): void {
    const pair = this.connect(now, null);
    if (!pair) {
      this.darkAt ??= now;
      return;
    }
    this.#connected(pair, now);
    if (!isDistributed || this.progress.provedAt !== null) return;
    this.record = afterOffer(this.record, { sequence: step.sequence, root: next }, now);
    if (!this.#traits.takesSteps) return;
    if (!isTaken(this.store, step.sequence)) {
      const port = this.#way.warnsFrom === null ? ports.first : ports.second;
      const answer = takeStep(this.store, { step, verifies: true, port }, 2);
      if (answer.outcome !== 'taken') return;
      this.store = answer.store;
    }
    const answer = afterStored(this.record, step.sequence, null, now);
    if (answer.outcome === 'taken') this.record = answer.record;
    if (this.#way.warnsFrom === null) return;
    const proof = this.connect(now, ports.second);
    if (proof) this.#connected(proof, now);
  }
}

/** Follows one device to the end of the simulated time. */
export function followRollover(
  world: World,
  { index, traits, stays }: { readonly index: number; readonly traits: Traits; readonly stays: readonly Stay[] },
  way: Way,
  { distributedAt, endsAt }: Dates,
): Rolled {
  const device = new Follower(traits, way);
  const turns = [...new Set([distributedAt, ...way.changes])].sort((a, b) => a - b);
  let namedAt: number | null = null;
  for (const [i, from] of turns.entries()) {
    const until = turns[i + 1] ?? Number.POSITIVE_INFINITY;
    // Between two changes a visit that changes nothing is like all that follow it.
    for (let at = firstAt(stays, from); at < stays.length; at += 1) {
      const stay = stays[at];
      if (!stay || stay.from >= until) break;
      const now = world.firstSuccess(index, stay, Math.max(from, stay.from));
      if (now === null || now >= until) continue;
      const { store, progress } = device;
      device.visit(now, now >= distributedAt);
      const isSame = device.store.roots.length === store.roots.length && device.progress.provedAt === progress.provedAt;
      if (isSame || device.progress.provedAt !== null) break;
    }
    if (way.warnsFrom === from) namedAt = firstNamed(device.progress, stays, from, endsAt);
    if (device.connect(from, null) === null && until === Number.POSITIVE_INFINITY) device.darkAt ??= from;
  }
  const { storedAt, provedAt } = device.progress;
  return { storedAt, provedAt, darkAt: device.darkAt, namedAt };
}

/** What a broker has seen of how a device comes, up to a time that moves on. */
class Presence {
  readonly #stays: readonly Stay[];
  #record: GapRecord = new Uint8Array();
  #at = 0;

  constructor(stays: readonly Stay[]) {
    this.#stays = stays;
  }

  until(now: number): Omit<UnprovedFacts, 'progress'> {
    let before = this.#stays[this.#at - 1] ?? { from: 0, to: 0 };
    for (; (this.#stays[this.#at]?.from ?? Number.POSITIVE_INFINITY) <= now; this.#at += 1) {
      const stay = this.#stays[this.#at] ?? before;
      this.#record = withVisit(this.#record, stay.from - before.to, before.to - before.from);
      before = stay;
    }
    const stayedMs = now <= before.to ? now - before.from : 0;
    return { gaps: gapsOf(this.#record), awayMs: this.#at === 0 ? null : Math.max(0, now - before.to), stayedMs };
  }
}

/** When it is first named between `from` and the end; null: never. `progress`: as it is once the stretch is over. */
function firstNamed(progress: TrustProgress, stays: readonly Stay[], from: number, endsAt: number): number | null {
  const presence = new Presence(stays);
  for (let now = from; now < endsAt; now += lookEveryMs) {
    const known = progressAt(progress, stays, now);
    if (known.provedAt !== null) return null;
    if (unprovedReason({ progress: known, ...presence.until(now) }, endsAt, now) !== null) return now;
  }
  return null;
}

function progressAt(progress: TrustProgress, stays: readonly Stay[], now: number): TrustProgress {
  const before = (at: number | null): number | null => (at !== null && at <= now ? at : null);
  const [offeredAt, storedAt, provedAt] = [
    before(progress.offeredAt),
    before(progress.storedAt),
    before(progress.provedAt),
  ];
  const visits = firstAt(stays, now) - firstAt(stays, storedAt ?? offeredAt ?? now);
  return { ...progress, offeredAt, storedAt, provedAt, visits };
}
