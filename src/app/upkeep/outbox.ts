// Carries out what the ledger owes, at least once: right after each commit that owed something, and again after a failure
// or a restart. What fails is put off, never dropped. Offers, issuance and what the authority is told of revocations have a course
// each, at its own pace, in which whoever has least time left goes first.
import type { Effect } from '../../domain/effect.ts';
import type { QueuedKind, WaitingEffect } from '../../ports/outbox.ts';
import type { Sessions } from '../../ports/sessions.ts';
import { type PromptContext, prompt, queueOffer, Settling } from '../enrollment/prompt.ts';
import { type TellStepContext, tellStep } from '../enrollment/tell-step.ts';
import { type CarriedOut, Course, type CoursePlan, effectsTogether, type Settled } from '../renewal/course.ts';
import { type IssuanceContext, issuancePlan } from '../renewal/issuance.ts';
import { putOff, tellFailed } from '../renewal/put-off.ts';
import { type TellAuthorityContext, tellAuthorityPlan } from '../renewal/tell-authority.ts';
import type { TokenBucket } from '../renewal/token-bucket.ts';
import { announceOn } from './announce.ts';
import type { RevocationLists } from './revocation-lists.ts';

/** Why a prompt is sent that was owed, and to whom. */
const itsTime = { reason: 'due', asked: 'everywhere', heard: false, pace: 'soon' } as const;

const toldAgain = { reason: 'due', asked: 'everywhere' } as const;

type OutboxContext = PromptContext &
  TellStepContext &
  IssuanceContext &
  TellAuthorityContext & { readonly crls: RevocationLists };

export class Outbox {
  readonly #app: OutboxContext;
  readonly #courses: readonly Course[];

  constructor(app: OutboxContext) {
    this.#app = app;
    const sundries = new Course(app, this.#sundries());
    const offers = new Course(app, this.#atRate('prompt', app.rates.offers));
    const announcements = new Course(app, this.#atRate('announce', app.rates.announcements));
    const issuance = new Course(app, issuancePlan(app));
    const { revoke } = app.authority;
    const revocations =
      revoke &&
      new Course(
        app,
        tellAuthorityPlan(app, (each) => revoke.call(app.authority, each)),
      );
    this.#courses = [sundries, offers, issuance, announcements, ...(revocations ? [revocations] : [])];
    app.store.onOwed((owed) => {
      if (owed.has('prompt') || owed.has('close') || owed.has('announce-all')) sundries.poke();
      if (owed.has('announce')) announcements.poke();
      if (owed.has('offer')) offers.poke();
      if (owed.has('issue')) issuance.poke();
      if (owed.has('revoke')) revocations?.poke();
      // Whose sessions are to end may have been revoked.
      if (owed.has('close')) app.crls.poke();
    });
  }

  /** Something may be due. Returns at once; the work goes on by itself. */
  poke(): void {
    for (const course of this.#courses) course.poke();
    this.#app.crls.poke();
  }

  /** Resolves when nothing is due any more that there is room for. */
  async idle(): Promise<void> {
    // What is carried out in one course may owe something in another.
    for (let round = 0; round < this.#courses.length; round += 1) {
      for (const course of this.#courses) await course.idle();
    }
    await this.#app.crls.idle();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#courses.map((course) => course.close()), this.#app.crls.close()]);
  }

  #sundries(): CoursePlan {
    const { store, clock } = this.#app;
    return {
      room: () => ({ most: effectsTogether, waitMs: 0 }),
      claim: (lease, most) => store.claims.claim(null, lease, clock.now(), most),
      carryOut: (waiting) => this.#carryOut(waiting),
      onFailure: (error) => tellFailed(this.#app, 'outbox', error),
    };
  }

  /** What waits for its turn: as many as the bucket has room for. */
  #atRate(kind: QueuedKind, bucket: TokenBucket): CoursePlan {
    const { store, clock } = this.#app;
    return {
      room: () => ({ most: Math.min(effectsTogether, bucket.left), waitMs: bucket.waitMs }),
      claim: async (lease, most) => {
        const due = await store.claims.claim(kind, lease, clock.now(), most);
        bucket.contended = due.length === most;
        return due;
      },
      carryOut: (waiting) => this.#carryOut(waiting),
      onFailure: (error) => tellFailed(this.#app, kind === 'prompt' ? 'offers' : 'announcements', error),
    };
  }

  async #carryOut(waiting: WaitingEffect): Promise<CarriedOut | Settled> {
    const { id, effect } = waiting;
    await this.#app.turns.take();
    try {
      const settling = new Settling(id);
      const kept = await this.#perform(effect, settling);
      return settling.settled ? 'settled' : (kept ?? { id, laterAt: null });
    } catch (error) {
      return putOff(this.#app, waiting, error);
    }
  }

  /** @returns `kept` when others took what room there was; null: it is done. */
  async #perform(effect: Effect, settling: Settling): Promise<Settled | null> {
    const app = this.#app;
    switch (effect.kind) {
      case 'issue':
      case 'revoke':
        throw new Error('what the authority is asked or told has a course of its own');
      case 'prompt':
        if ((await prompt(app, effect.renewalId, { ...itsTime, effect: settling })) !== 'queued') return null;
        // Owed as something else, it has become an offer since: it waits with the others.
        if (effect.by === undefined) await queueOffer(app, effect.renewalId);
        return 'kept';
      case 'announce':
        return (await tellStep(app, effect.principalId, toldAgain)) === 'queued' ? 'kept' : null;
      case 'announce-all':
        await announceOn(app, effect, settling);
        return null;
      case 'close-certificate':
        await app.sessions.closeByCertificate(effect.fingerprint, effect.reason);
        return null;
      case 'close-principal':
        await endSessionsOf(app.sessions, effect);
        return null;
    }
  }
}

async function endSessionsOf(
  sessions: Sessions,
  { principalId, reason, only }: Extract<Effect, { kind: 'close-principal' }>,
): Promise<void> {
  if (only === 'introduced') await sessions.closeIntroduced(principalId, reason);
  else if (only === 'claimed') await sessions.closeClaimed(principalId, reason);
  else await sessions.closeByPrincipal(principalId, reason);
}
