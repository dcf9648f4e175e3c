// Operations that remember what they were asked and answer with what they were given.
import type { OperationName, Operations } from '../../src/app/operations.ts';
import { operationSchemas } from '../../src/http/control-schemas.ts';

export interface Asked {
  readonly name: OperationName;
  readonly input: unknown;
}

/** Every operation resolves with `answer(name, input)`, or rejects with what that throws. */
export function fakeOperations(answer: (name: OperationName, input: unknown) => unknown): {
  operations: Operations;
  asked: Asked[];
} {
  const asked: Asked[] = [];
  const names = Object.keys(operationSchemas) as OperationName[];
  const entries = names.map((name) => [
    name,
    async (input: unknown) => {
      asked.push({ name, input });
      return answer(name, input);
    },
  ]);
  return { operations: Object.fromEntries(entries) as Operations, asked };
}
