// aedes's own suite for a persistence, run on the store: each of its tests is one here, but for one that asks for more than is kept.
import assert from 'node:assert';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { createMqttPersistence } from '../../../src/store/mqtt/persistence.ts';
import { Database } from '../../../src/store/sqlite/database.ts';
import { migrate } from '../../../src/store/sqlite/migrate.ts';
import { migrations } from '../../../src/store/sqlite/migrations/index.ts';
import { openSqlite } from '../../../src/store/sqlite/sqlite.ts';

/** The part of node:test's context that the suite uses. */
interface Context {
  plan(assertions: number): void;
  diagnostic(message: string): void;
  readonly assert: Pick<typeof assert, 'equal' | 'deepEqual' | 'notEqual' | 'ok'>;
}
type RunContext = (context: Context) => Promise<void>;
type AbstractSuite = (options: {
  test: (name: string, run: RunContext) => void;
  persistence: () => unknown;
  testAsync: boolean;
}) => void;

// Exactly the suite of the persistence that aedes itself comes with.
const require = createRequire(createRequire(import.meta.url).resolve('aedes'));
const abstractSuite = require('aedes-persistence/abstract.js') as AbstractSuite;

function openPersistence() {
  const sqlite = openSqlite(':memory:');
  migrate(sqlite, migrations);
  return createMqttPersistence(new Database(sqlite), {
    queuedMessagesMax: 1_000,
    queuedBytesMax: 1_000_000,
    onDropped: (clientId, topic) => assert.fail(`dropped ${topic} of ${clientId}`),
  });
}

/** Runs one test of the suite, and holds it to the number of assertions it planned. */
async function runPlanned(run: RunContext): Promise<void> {
  let planned: number | null = null;
  let made = 0;
  const counted = <Args extends unknown[]>(check: (...args: Args) => void): ((...args: Args) => void) => {
    return (...args) => {
      made += 1;
      check(...args);
    };
  };
  await run({
    plan: (assertions) => {
      planned = assertions;
    },
    diagnostic: () => undefined,
    assert: {
      equal: counted(assert.equal),
      deepEqual: counted(assert.deepEqual),
      notEqual: counted(assert.notEqual),
      ok: counted(assert.ok) as typeof assert.ok,
    },
  });
  if (planned !== null) expect(made).toBe(planned);
}

/** Wants the payload of a received QoS 2 message back, which aedes itself never asks for, and which is not kept. */
const other = 'add incoming packet, get it, and clear with messageId';

describe("aedes-persistence's abstract suite", () => {
  let tests = 0;
  abstractSuite({
    test: (name, run) => {
      tests += 1;
      if (name !== other) it(name, () => runPlanned(run));
    },
    persistence: openPersistence,
    testAsync: true,
  });

  it(`${other}: by its identifier alone`, async () => {
    const persistence = openPersistence();
    await persistence.setup({ id: 'b', counter: 0, mq: { emit: () => undefined }, emit: () => undefined });
    const [client, packet] = [{ id: 'abcde' }, { topic: 'hello', payload: 'world', qos: 2, messageId: 42 } as const];
    await persistence.incomingStorePacket(client, packet);
    expect(await persistence.incomingGetPacket(client, packet)).toEqual({ messageId: 42 });
    await persistence.incomingDelPacket(client, packet);
    await expect(persistence.incomingGetPacket(client, packet)).rejects.toThrow('no such message');
    await expect(persistence.incomingDelPacket(client, packet)).rejects.toThrow('no such message');
  });

  it('is all there', () => {
    expect(tests).toBeGreaterThanOrEqual(50);
  });
});
