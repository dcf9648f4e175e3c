// Whose client ids a new id in the inventory would take: a client id belongs to the longest id it matches, so the principal that uses it now
// is refused under it from then on, and may never get to its renewal.
import { hasFormOf, outerIds } from '../../domain/client-id.ts';
import type { PrincipalId } from '../../domain/principal.ts';
import type { Context } from '../context.ts';
import type { Objection } from '../renewal/decide.ts';

/** Client ids named; all are counted. */
const namedMax = 20;

/** A client id that somebody uses, or has a stored session under. */
interface Claim {
  readonly clientId: string;
  readonly owner: PrincipalId;
  readonly connected: boolean;
}

export class Claims {
  count = 0;
  readonly #first: Claim[] = [];

  /** Adds what this id, which is not in the inventory yet, would take from others. */
  async weigh({ store, sessions }: Pick<Context, 'store' | 'sessions'>, id: PrincipalId): Promise<void> {
    for (const owner of outerIds(id)) {
      if (!store.glance.principal(owner)) continue;
      const live = new Set(await sessions.clientIdsOf(owner));
      const stored = await store.read.storedClientIds(owner);
      for (const clientId of new Set([...live, ...stored])) {
        if (!hasFormOf(id, clientId)) continue;
        this.count += 1;
        if (this.#first.length < namedMax) this.#first.push({ clientId, owner, connected: live.has(clientId) });
      }
    }
  }

  /** None, or one with all of them. */
  objections(): Objection[] {
    const [first] = this.#first;
    if (!first) return [];
    const { count } = this;
    const ids = count === 1 ? '1 client id that another uses' : `${count} client ids that others use`;
    const sentence = `it takes ${ids}; the first is ${wordsFor(first)}`;
    return [{ count, sentence, named: this.#first.map(wordsFor) }];
  }
}

function wordsFor({ clientId, owner, connected }: Claim): string {
  return `${clientId} of ${owner}, ${connected ? 'which is connected' : 'which has a stored session'}`;
}
