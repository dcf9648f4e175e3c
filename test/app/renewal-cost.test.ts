// What a whole renewal costs the ledger, step by step: statements and commits, counted at the driver. A step may cost less at any time;
// whoever has it cost more changes the numbers here, and says why.

import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { entranceOf } from '../../src/app/admission/entrance.ts';
import { Seen } from '../../src/app/admission/seen.ts';
import { onListening } from '../../src/app/enrollment/answer.ts';
import type { Entrance, Session } from '../../src/app/session.ts';
import { sweep } from '../../src/app/upkeep/sweep.ts';
import type { DownMessage, UpMessage } from '../../src/domain/message.ts';
import { enrollmentTopic } from '../../src/domain/topics.ts';
import { pemToDer } from '../../src/pki/pem.ts';
import type { Sessions } from '../../src/ports/sessions.ts';
import { makeRequest } from '../../src/simulator/key.ts';
import { companyMs } from '../../src/store/sqlite/unit-queue.ts';
import { decodeDown, encodeUp } from '../../src/wire/index.ts';
import { idOf } from '../domain/samples.ts';
import { nobody } from '../fakes/nobody.ts';
import { operationsIn } from '../fakes/tester.ts';
import { watched } from '../fakes/watched-units.ts';
import { type Assembled, assembled } from './assembled.ts';

const day = 86_400_000;
const device = idOf('dev-1');

interface Cost {
  readonly statements: number;
  readonly commits: number;
}

/**
 * The most that each step may cost. A device goes on as soon as it hears something: what was sent and is yet to be recorded is recorded with
 * what follows, and what is left in the end is counted in the last step.
 */
const most = {
  hello: { statements: 3, commits: 1 },
  'due to offered': { statements: 14, commits: 1 },
  'request to delivered': { statements: 21, commits: 2 },
  installed: { statements: 7, commits: 1 },
  activated: { statements: 8, commits: 1 },
  done: { statements: 0, commits: 0 },
  watched: { statements: 8, commits: 1 },
  retired: { statements: 18, commits: 2 },
} as const satisfies Readonly<Record<string, Cost>>;
type Step = keyof typeof most;

let house: Assembled;
let entrance: Entrance;
let offsetMs = 0;
let heard: DownMessage[] = [];
let listens = false;
let onHeard: (message: DownMessage) => void = () => undefined;

const sessions: Sessions = {
  ...nobody,
  listens: async (id) => listens && id === device,
  send: async (id, topic, payload) => {
    if (!listens || id !== device) return 0;
    const decoded = decodeDown(topic.split('/')[3] ?? '', payload);
    if (decoded.ok) {
      heard.push(decoded.message);
      onHeard(decoded.message);
    }
    return 1;
  },
};

beforeEach(async () => {
  offsetMs = 0;
  heard = [];
  // Each unit of work once, whatever the environment says: they are counted.
  const throughStore = watched;
  house = await assembled({ sessions, throughStore, clock: { now: () => Date.now() + offsetMs } });
  entrance = entranceOf(house.app, new Seen(house.app));
});
afterEach(async () => {
  vi.useRealTimers();
  await house.close();
});

/** Calls of the driver while `work` runs, and how many of them were commits. */
async function costOf(work: () => Promise<void>): Promise<Cost> {
  const prototype = Object.getPrototypeOf(house.database.sqlite.prepare('SELECT 1'));
  let [statements, commits] = [0, 0];
  const kept = new Map<string, (...values: unknown[]) => unknown>();
  for (const name of ['run', 'get', 'all']) {
    const call = prototype[name];
    kept.set(name, call);
    prototype[name] = function (this: { readonly source: string }, ...values: unknown[]) {
      statements += 1;
      if (this.source === 'COMMIT') commits += 1;
      return call.apply(this, values);
    };
  }
  try {
    await work();
  } finally {
    for (const [name, call] of kept) prototype[name] = call;
  }
  return { statements, commits };
}

async function connected(der: Uint8Array): Promise<Session> {
  const facts = { presented: { der, issuers: () => [] }, clientId: device, remoteAddress: '192.0.2.1', root: 1 };
  const admission = await entrance.admit(facts);
  if (!admission.admitted) throw new Error(admission.reason);
  entrance.came(admission.session);
  return admission.session;
}

/** Resolves when the device hears a message of this word next. */
function hearing(word: DownMessage['word']): Promise<void> {
  return new Promise((resolve) => {
    onHeard = (message) => {
      if (message.word === word) resolve();
    };
  });
}

/** Resolves when all is carried out and recorded. */
async function idle(): Promise<void> {
  let isIdle = false;
  void house.outbox.idle().finally(() => {
    isIdle = true;
  });
  while (!isIdle) {
    await new Promise((resolve) => setImmediate(resolve));
    vi.advanceTimersByTime(companyMs);
  }
}

function lastHeard<Word extends DownMessage['word']>(word: Word): Extract<DownMessage, { word: Word }> {
  const message = heard.findLast((each): each is Extract<DownMessage, { word: Word }> => each.word === word);
  if (!message) throw new Error(`no ${word} among ${heard.map((each) => each.word)}`);
  return message;
}

it('is bounded at each step of a device that renews on its own connection', async () => {
  const { app } = house;
  const operations = operationsIn(app);
  await operations.addDevice({ id: device, owner: 'tests' });
  const [der = new Uint8Array()] =
    pemToDer((await operations.issueDevice({ id: device })).certificatePem, 'CERTIFICATE') ?? [];
  const session = await connected(der);
  const say = (message: UpMessage): Promise<void> =>
    entrance.receive(session, enrollmentTopic(device, message.word), encodeUp('json', message));
  await say({ word: 'hello', maxPacket: 4_096 });
  while ((await sweep(app)).watched > 0);
  listens = true;
  offsetMs = 62 * day;
  // A revocation list that has grown old meanwhile is no part of a renewal.
  house.outbox.poke();
  await house.outbox.idle();

  // What may wait for company waits until the test says so, however slow the machine.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const costs: Partial<Record<Step, Cost>> = {};
  const step = async (name: Step, work: () => Promise<void>): Promise<void> => {
    costs[name] = await costOf(work);
  };
  await step('hello', () => say({ word: 'hello', maxPacket: 4_096 }));
  await step('due to offered', async () => void (await Promise.all([hearing('offer'), sweep(app)])));
  const { renewal } = lastHeard('offer');
  const { csr } = await makeRequest(device);
  await step('request to delivered', async () => {
    await Promise.all([hearing('cert'), say({ word: 'csr', renewal, csr })]);
  });
  const [leaf = new Uint8Array()] = lastHeard('cert').certificates;
  await step('installed', () => say({ word: 'ack', renewal, status: 'installed' }));
  listens = false;
  const sessions: Session[] = [];
  await step('activated', async () => void sessions.push(await connected(leaf)));
  listens = true;
  const listening: Promise<void>[] = [];
  await step('done', async () => {
    const done = hearing('done');
    for (const next of sessions) listening.push(onListening(app, next, true));
    await done;
  });
  await step('watched', async () => void (await sweep(app)));
  await Promise.all(listening);
  offsetMs += 15 * day;
  house.outbox.poke();
  await idle();
  await step('retired', async () => {
    await sweep(app);
    await idle();
  });
  expect(await app.store.read.renewal(renewal)).toMatchObject({ state: 'retired' });
  console.log(
    costs,
    Object.values(costs).reduce((a, b) => ({
      statements: a.statements + b.statements,
      commits: a.commits + b.commits,
    })),
  );

  for (const [name, cost] of Object.entries(costs)) {
    expect(cost.commits, `commits, ${name}`).toBeLessThanOrEqual(most[name as Step].commits);
    expect(cost.statements, `statements, ${name}`).toBeLessThanOrEqual(most[name as Step].statements);
  }
});
