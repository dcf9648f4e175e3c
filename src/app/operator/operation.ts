// What an operation is: the shape of its input, strict and bounded, and what carries it out. What the values mean is judged by the verb
// that it calls.
import type { z } from 'zod';
import type { Caller } from '../views/access.ts';
import type { App } from './app.ts';
import type { Catalog, Resource } from './catalog.ts';
import type { Reread } from './reload.ts';

/** What operations are carried out on. */
export interface Ground {
  /** Acts for whoever the operation is carried out for, where it changes something. */
  readonly app: App;
  /** DER of the server certificate in use; null: there is none yet. */
  readonly serverDer: () => Uint8Array | null;
  /** Reads the configuration as it is now; null on a home at rest. */
  readonly reread: Reread | null;
  /** Are devices served? Then they must not wait. */
  readonly isServing: boolean;
  /** Who asks over the HTTP API; null: somebody on the gateway itself. */
  readonly caller: Caller | null;
}

export interface Operation<Input, Output> {
  readonly input: z.ZodType<Input>;
  run(ground: Ground, input: Input): Promise<Output>;
}

export function operation<Input, Output>(
  input: z.ZodType<Input>,
  run: (ground: Ground, input: Input) => Promise<Output>,
): Operation<Input, Output> {
  return { input, run };
}

/** Every operation of a resource, and no other. */
export type OperationsOf<R extends Resource> = Readonly<Record<keyof Catalog[R], Operation<unknown, unknown>>>;
