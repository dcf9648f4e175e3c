// Does what is to be done again and again, and tells of a failure instead of failing.
import type { Context } from '../context.ts';

/** One failure keeps nothing else from its turn. */
export async function attempt(
  app: Pick<Context, 'decisions'>,
  failure: string,
  work: () => Promise<unknown>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    app.decisions.tell({
      action: 'sweep.failed',
      level: 'error',
      message: `${failure}; it will be tried again`,
      fields: { 'error.message': error instanceof Error ? error.message : String(error) },
    });
  }
}
