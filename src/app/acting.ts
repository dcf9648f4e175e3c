// The same application, with somebody else on whose behalf it changes things.
import type { Actor } from '../domain/actor.ts';

/** What is changed through the result is recorded as the actor's doing. */
export function actingAs<C extends { readonly actor: Actor }>(context: C, actor: Actor): C {
  return { ...context, actor };
}
