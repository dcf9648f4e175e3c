// What could not be carried out is told, and comes again: the later, the more often it failed.
import { backoffMs } from '../../domain/backoff.ts';
import { effectKey, putOffMaxMs } from '../../domain/effect.ts';
import { NolapseError } from '../../domain/errors.ts';
import type { WaitingEffect } from '../../ports/outbox.ts';
import type { Context } from '../context.ts';
import type { CarriedOut } from './course.ts';

const retryFirstMs = 1_000;

/** Milliseconds until an effect comes again that has failed once more. */
export function retryMs({ attempts }: Pick<WaitingEffect, 'attempts'>, mostMs: number): number {
  return backoffMs(attempts, retryFirstMs, mostMs);
}

export function putOff(app: Pick<Context, 'clock' | 'decisions'>, waiting: WaitingEffect, error: unknown): CarriedOut {
  tellFailed(app, effectKey(waiting.effect), error);
  return { id: waiting.id, laterAt: app.clock.now() + retryMs(waiting, putOffMaxMs) };
}

export function tellFailed(app: Pick<Context, 'decisions'>, what: string, error: unknown): void {
  app.decisions.tell({
    action: 'effect.failed',
    level: 'error',
    message: `${what} failed and will be tried again`,
    fields: {
      'error.message': error instanceof Error ? error.message : String(error),
      ...(error instanceof NolapseError && { 'error.code': error.code }),
    },
  });
}
