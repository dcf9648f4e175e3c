// Alerts about identities that try to come in and may not. Whoever wants can make up certificates in any number of names, so they are
// bounded in number; those whose certificates the ledger holds can be made up by nobody, and have places of their own.
import type { Condition } from '../../domain/alert.ts';
import type { Principal } from '../../domain/principal.ts';
import type { Change } from '../change.ts';

/** Alerts that stand at a time for names anybody can claim, and with those whose certificates are known. */
const claimedMax = 100;
const standingMax = 200;

/** Subject of the alert for all beyond that; it is no id. */
const restSubject = '*';

interface Stranger {
  readonly subject: string;
  readonly detail: string;
  readonly principal: Principal | null;
  /** Does the ledger hold the certificate, so that it cannot be made up? */
  readonly isKnown: boolean;
}

export class StrangerAlerts {
  readonly #within: Change;
  readonly #standing: Set<string>;

  private constructor(within: Change, standing: Set<string>) {
    this.#within = within;
    this.#standing = standing;
  }

  static async within(within: Change): Promise<StrangerAlerts> {
    const standing = await within.tx.alerts({ open: true, kind: 'unknown_identity' }, standingMax + 1);
    return new StrangerAlerts(within, new Set(standing.map(({ subject }) => subject)));
  }

  async raise({ subject, detail, principal, isKnown }: Stranger): Promise<void> {
    const hasPlace = this.#standing.has(subject) || this.#standing.size < (isKnown ? standingMax : claimedMax);
    const owner = principal?.owner || null;
    await this.#put(
      hasPlace
        ? { subject, detail, owner }
        : {
            subject: restSubject,
            detail: 'more unknown identities try to connect than have alerts of their own',
            owner: null,
          },
    );
  }

  async #put(condition: Pick<Condition, 'subject' | 'detail' | 'owner'>): Promise<void> {
    this.#standing.add(condition.subject);
    await this.#within.alert({ kind: 'unknown_identity', severity: 'warning', ...condition });
  }
}
