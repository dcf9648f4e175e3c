// Operations that remember what they were asked, and by whom, and answer with what they were given.
import { type OperationName, operationNames } from '../../src/app/operator/catalog.ts';
import type { Operations, OperationsFor } from '../../src/app/operator/operate.ts';
import type { Actor } from '../../src/domain/actor.ts';

export interface Asked {
  readonly name: OperationName;
  readonly input: unknown;
  readonly actor: Actor | null;
}

/** Every operation resolves with `answer(name, input)`, or rejects with what that throws. */
export function fakeOperations(answer: (name: OperationName, input: unknown) => unknown): {
  operationsFor: OperationsFor;
  asked: Asked[];
} {
  const asked: Asked[] = [];
  const operationsFor: OperationsFor = (actor) => {
    const entries = operationNames.map((name) => [
      name,
      async (input: unknown) => {
        asked.push({ name, input, actor });
        return answer(name, input);
      },
    ]);
    return Object.fromEntries(entries) as Operations;
  };
  return { operationsFor, asked };
}
