// Has revocation lists signed when it is time, each at its own pace and no more than a few side by side: at once for what others must
// hear of, together at an interval for what was only superseded, and before they grow old.
import {
  causeToSign,
  completeListOf,
  isComplete,
  isInForce,
  isSpent,
  mustShard,
  type RevocationList,
  shardBaseOf,
  signingPauseMs,
  spentMs,
  takesMore,
} from '../../domain/revocation-list.ts';
import { pagesOf } from '../pages.ts';
import { retryMs, tellFailed } from '../renewal/put-off.ts';
import { signingNumber } from '../trust.ts';
import { Worker } from '../worker.ts';
import { listWords, type SignListContext, signList } from './sign-list.ts';

/** Shards signed side by side. The complete lists are signed beside them. */
const shardsTogether = 2;
/** Lists looked at in one turn. */
const lookedAt = 100;
const retryMostMs = 300_000;

export class RevocationLists {
  readonly #app: SignListContext;
  readonly #signing = new Map<number, Promise<RevocationList | null>>();
  /** On the steady clock, until when a list is left alone. */
  readonly #restingUntil = new Map<number, number>();
  readonly #failures = new Map<number, number>();
  /** On the steady clock, since when a shard is spent. */
  readonly #spentSince = new Map<number, number>();
  /** Lists to be signed whatever is out of them, by their shard. */
  readonly #wanted = new Set<number>();
  readonly #worker = new Worker(
    () => this.#look(),
    (error) => tellFailed(this.#app, 'revocation lists', error),
  );
  /** By issuing CA. */
  readonly #opening = new Map<number, Promise<RevocationList | null>>();

  constructor(app: SignListContext) {
    this.#app = app;
  }

  /** An authority that publishes its own lists is asked for none: then there are none here. */
  get #signsNone(): boolean {
    return this.#app.authority.signCrl === undefined;
  }

  /** A list may be due. Returns at once; the work goes on by itself. */
  poke(): void {
    if (!this.#signsNone) this.#worker.poke();
  }

  /** Where the list that ends first has grown old, resolves when it was tried to sign it: nobody is alerted of one that is being signed. */
  async refreshed(): Promise<void> {
    const { store, clock } = this.#app;
    const list = await store.read.firstRevocationListToEnd();
    if (!list || causeToSign(list, clock.now(), Number.POSITIVE_INFINITY) !== 'stale') return;
    this.poke();
    await this.idle();
  }

  /** Resolves when no list is due any more that may be signed now. */
  async idle(): Promise<void> {
    await this.#worker.idle();
    while (this.#signing.size > 0) {
      await Promise.allSettled(this.#signing.values());
      await this.#worker.idle();
    }
  }

  /** Begins no more; resolves when those under way are done. */
  async close(): Promise<void> {
    await this.#worker.close();
    await this.idle();
  }

  /**
   * Has every list signed anew: what is out may be of before a restored home's copy, and its number lower than one that was given since.
   * Until then the lists that are there are served.
   */
  async begin(): Promise<void> {
    const { store } = this.#app;
    const read = (last: RevocationList | null) =>
      store.read.revocationLists(last?.shard ?? -Number.MAX_SAFE_INTEGER, lookedAt);
    for await (const lists of pagesOf(lookedAt, read)) for (const { shard } of lists) this.#wanted.add(shard);
    this.poke();
  }

  /**
   * A list for relying parties; signed first when none is to be had. Null: there is no such shard, or its list cannot be signed at this
   * moment. Rejects when signing fails.
   */
  async inForce(shard: number): Promise<RevocationList | null> {
    if (this.#signsNone) return null;
    const list = await this.#app.store.read.revocationList(shard);
    if (!list || (await this.#isToBeHad(list))) return list;
    if (this.#signing.has(shard) || this.#hasRoom(shard)) return this.#sign(list);
    this.#wanted.add(shard);
    return null;
  }

  /**
   * The complete list of an issuing CA with everything on it, signed first where something waits to be listed. Rejects when that fails.
   * @param issuer absent: the one that signs now.
   */
  async whole(issuer = signingNumber(this.#app)): Promise<RevocationList | null> {
    if (this.#signsNone) return null;
    const { store, clock, shelf } = this.#app;
    const shard = completeListOf(issuer);
    await this.#signing.get(shard)?.catch(() => undefined);
    const list = await store.read.revocationList(shard);
    if (!list) return null;
    const isDue = causeToSign(list, clock.now(), 0) !== null || !(await shelf.has(list));
    return isDue ? this.#sign(list) : list;
  }

  /** The shard that a new certificate is to name; null: none, and then also when no shard can be opened. */
  async forNew(): Promise<RevocationList | null> {
    if (this.#signsNone) return null;
    for (;;) {
      const issuer = signingNumber(this.#app);
      const list = await this.#forNewOf(issuer);
      // Another one may have taken its place meanwhile, and no certificate names the list of an issuing CA that did not sign it.
      if (issuer === signingNumber(this.#app)) return list;
    }
  }

  async #forNewOf(issuer: number): Promise<RevocationList | null> {
    const { store, settings } = this.#app;
    const complete = await store.read.revocationList(completeListOf(issuer));
    if (!complete || !mustShard(complete, settings.crlShardAbove)) return null;
    const newest = await store.read.newestShard(issuer);
    if (newest && takesMore(newest, settings.crlShardAbove, shardBaseOf(settings.crlShardBase, issuer))) return newest;
    const opening = this.#opening.get(issuer) ?? this.#open(issuer).finally(() => this.#opening.delete(issuer));
    this.#opening.set(issuer, opening);
    return opening;
  }

  async #open(issuer: number): Promise<RevocationList | null> {
    const app = this.#app;
    // Numbered among the shards of all issuing CAs.
    const shard = ((await app.store.read.newestRevocationList())?.shard ?? 0) + 1;
    try {
      const url = `${shardBaseOf(app.settings.crlShardBase, issuer)}${shard}.crl`;
      await app.store.transact((tx) => tx.openRevocationList({ shard, issuer, url }));
      const list = await app.store.read.revocationList(shard);
      // Whoever is given the first certificate that names it finds a list there.
      return list && (await this.#sign(list));
    } catch (error) {
      tellFailed(app, `crl shard ${shard}`, error);
      return null;
    }
  }

  async #look(): Promise<boolean> {
    const { store, clock, settings } = this.#app;
    const due = await store.read.revocationListsToSign(clock.now(), settings.crlWaitMs, lookedAt);
    for (const list of due) this.#signIfRoom(list);
    for (const shard of [...this.#wanted].filter((each) => this.#hasRoom(each)).slice(0, lookedAt)) {
      const list = await store.read.revocationList(shard);
      if (list) this.#signIfRoom(list);
      else this.#wanted.delete(shard);
    }
    return false;
  }

  #signIfRoom(list: RevocationList): void {
    if (this.#hasRoom(list.shard)) void this.#sign(list).catch(() => undefined);
  }

  #hasRoom(shard: number): boolean {
    const rests = (this.#restingUntil.get(shard) ?? Number.NEGATIVE_INFINITY) > this.#app.clock.steady();
    if (rests || this.#signing.has(shard)) return false;
    if (isComplete({ shard })) return true;
    return [...this.#signing.keys()].filter((each) => !isComplete({ shard: each })).length < shardsTogether;
  }

  async #isToBeHad(list: RevocationList): Promise<boolean> {
    const { clock, shelf } = this.#app;
    return isInForce(list, clock.now()) && (await shelf.has(list));
  }

  #isOver(list: RevocationList): boolean {
    const { clock } = this.#app;
    const { shard } = list;
    const since = this.#spentSince.get(shard) ?? clock.steady();
    this.#spentSince.delete(shard);
    if (!isSpent(list, clock.now())) return false;
    this.#spentSince.set(shard, since);
    return clock.steady() >= since + spentMs;
  }

  /** Joins a signing of this list that is under way. */
  #sign(list: RevocationList): Promise<RevocationList | null> {
    const { shard } = list;
    const underWay = this.#signing.get(shard);
    if (underWay) return underWay;
    const { clock } = this.#app;
    const beganAt = clock.steady();
    const run = signList(this.#app, list, this.#isOver(list))
      .then(
        (signed) => {
          this.#wanted.delete(shard);
          this.#failures.delete(shard);
          if (signed) this.#restingUntil.set(shard, beganAt + signingPauseMs(signed));
          else {
            this.#restingUntil.delete(shard);
            this.#spentSince.delete(shard);
          }
          return signed;
        },
        (error) => {
          const attempts = this.#failures.get(shard) ?? 0;
          this.#failures.set(shard, attempts + 1);
          this.#restingUntil.set(shard, clock.steady() + retryMs({ attempts }, retryMostMs));
          tellFailed(this.#app, listWords('crl', list), error);
          throw error;
        },
      )
      .finally(() => {
        this.#signing.delete(shard);
        this.poke();
      });
    this.#signing.set(shard, run);
    return run;
  }
}
