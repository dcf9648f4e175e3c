// aedes's own suite for a persistence, run on the store: each of its tests is one here, but for one that asks for more than is kept.
import assert from 'node:assert';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AedesPersistence } from '../../../src/broker/aedes-persistence.ts';
import type { MqttBroker, PublishPacket } from '../../../src/ports/mqtt-packets.ts';
import type { MqttPersistence } from '../../../src/ports/mqtt-persistence.ts';
import { temporaryFolder } from './broker.ts';
import { type Keeper, type Kept, keepers } from './keepers.ts';

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

let folder: ReturnType<typeof temporaryFolder>;
const opened: Kept[] = [];
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(async () => {
  for (const kept of opened.splice(0)) await kept.close();
  folder.remove();
});

async function openKept(keeper: Keeper): Promise<MqttPersistence> {
  const kept = await keeper.open(join(folder.path, `${opened.length}.db`), {
    queuedMessagesMax: 1_000,
    queuedBytesMax: 1_000_000,
    onDropped: (clientId, topic) => assert.fail(`dropped ${topic} of ${clientId}`),
  });
  opened.push(kept);
  return kept.persistence;
}

/** As aedes has it, and with the retained messages that the broker sends in another way. */
class WithRetained extends AedesPersistence {
  readonly #kept: MqttPersistence;
  broker: unknown;

  constructor(kept: MqttPersistence) {
    super(kept);
    this.#kept = kept;
  }

  override async setup(broker: MqttBroker): Promise<void> {
    this.broker = broker;
    await super.setup(broker);
  }

  createRetainedStream(filter: string): Readable {
    return this.createRetainedStreamCombi([filter]);
  }

  override createRetainedStreamCombi(filters: readonly string[]): Readable {
    return Readable.from(this.#matching(filters));
  }

  async *#matching(filters: readonly string[]): AsyncGenerator<PublishPacket> {
    for (const filter of filters) {
      const walk = this.#kept.walkRetained(filter);
      while (!walk.isOver) {
        for (const { topic } of (await walk.page(64)).found) {
          const packet = await this.#kept.retainedOf(topic);
          if (packet) yield packet;
        }
      }
    }
  }
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

describe.each(keepers)("aedes-persistence's abstract suite, kept by $name", (keeper) => {
  let tests = 0;
  abstractSuite({
    test: (name, run) => {
      tests += 1;
      if (name !== other) it(name, () => runPlanned(run));
    },
    persistence: async () => new WithRetained(await openKept(keeper)),
    testAsync: true,
  });

  it(`${other}: by its identifier alone`, async () => {
    const persistence = await openKept(keeper);
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
