// Whom operations are carried out for in tests that are not about that.
import type { App } from '../../src/app/operator/app.ts';
import { type Operations, type OperationsFor, operationsOn } from '../../src/app/operator/operate.ts';
import type { Actor } from '../../src/domain/actor.ts';

export const tester: Actor = { name: 'tester', channel: 'command line', claimed: false, reason: null };

/** The same home or broker, with the operations at hand. */
export function operated<Opened extends { readonly operationsFor: OperationsFor }>(
  opened: Opened,
): Opened & { readonly operations: Operations } {
  return { ...opened, operations: opened.operationsFor(tester) };
}

/** The operations of an application that no broker has, such as a test puts together. */
export function operationsIn(app: App): Operations {
  return operationsOn({ app, serverDer: () => null, reread: null, isServing: false })(tester);
}
