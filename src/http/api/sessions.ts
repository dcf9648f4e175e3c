// Sessions of the page: a cookie in place of a token or beside a certificate, bounded in number and time, and lost with the process. A session
// is good as long as the credential that it was begun with.
import { createHash, randomBytes } from 'node:crypto';
import type { Caller } from '../../app/views/access.ts';

const sessionsMax = 1_000;
const ofCredentialMax = 20;
const idleMs = 3_600_000;

interface Session {
  readonly caller: Caller;
  readonly endsAt: number;
  usedAt: number;
}

const keyOf = (secret: string): string => createHash('sha256').update(secret).digest('hex');

export class Sessions {
  readonly #lifetimeMs: number;
  readonly #now: () => number;
  /** By the SHA-256 of the cookie, the oldest first. */
  readonly #open = new Map<string, Session>();

  /** @param now milliseconds of a clock that only goes forward. */
  constructor(lifetimeMs: number, now: () => number = () => performance.now()) {
    this.#lifetimeMs = lifetimeMs;
    this.#now = now;
  }

  get size(): number {
    return this.#open.size;
  }

  /** @returns the cookie's value. The oldest of this credential goes, or else the oldest of all, where there are too many. */
  begin(caller: Caller): string {
    this.#forgetEnded();
    const own = [...this.#open].filter(([, each]) => each.caller.credential.id === caller.credential.id);
    const [oldest] = own.length >= ofCredentialMax ? own : this.#open.size >= sessionsMax ? this.#open : [];
    if (oldest) this.#open.delete(oldest[0]);
    const secret = randomBytes(32).toString('base64url');
    const now = this.#now();
    this.#open.set(keyOf(secret), { caller, endsAt: now + this.#lifetimeMs, usedAt: now });
    return secret;
  }

  /** Who began it; null: there is no such session, or it is over. */
  callerOf(secret: string): Caller | null {
    this.#forgetEnded();
    const session = this.#open.get(keyOf(secret));
    if (!session) return null;
    session.usedAt = this.#now();
    return session.caller;
  }

  end(secret: string): void {
    this.#open.delete(keyOf(secret));
  }

  #forgetEnded(): void {
    const now = this.#now();
    for (const [key, { endsAt, usedAt }] of this.#open) {
      if (endsAt <= now || usedAt + idleMs <= now) this.#open.delete(key);
    }
  }
}
