// How long the walks of ARCHITECTURE.md are, measured on a broker that runs: the calls of src from the packet, the timer or the round of
// a worker to the last thing that the walk does. A walk may become shorter at any time. If yours is longer, change the page and say why.
import { readFileSync } from 'node:fs';
import { OutgoingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SessionRegistry } from '../../src/broker/session-registry.ts';
import { Database } from '../../src/store/sqlite/database.ts';
import { TableReader } from '../../src/store/sqlite/reader.ts';
import { UnitTransaction } from '../../src/store/sqlite/transaction.ts';
import { connect, type House, newRequest, openHouse, Speaker } from '../scenarios/harness.ts';
import { CloudEventsReceiver } from '../scenarios/receivers.ts';
import { type Call, CallChains } from './call-chain.ts';
import { functionsOfARequest } from './request-functions.ts';

const callsMost = 20;
/** Beside the walks: all three of a request in one, and what one of them calls in all. */
const whole = 'a request, all three and what wakes the workers';
const functions = 'a request, functions of `src/app` called before PUBACK';
const page = readFileSync('ARCHITECTURE.md', 'utf8');

interface Length {
  readonly calls: number;
  readonly files: number;
}

/** The last column of the page's table, by row. */
const stated = new Map(
  [...page.matchAll(/^\| ([^|]+) \| \d+ in \d+ \| (\d+) in (\d+) \|$/gm)].map(
    ([, name = '', calls, files]): [string, Length] => [name, { calls: Number(calls), files: Number(files) }],
  ),
);

type Cut = (chain: readonly Call[]) => readonly Call[] | null;

const isHook = ({ file }: Call): boolean => /^src\/broker\/(?:publish|admission)-hooks\.ts$/.test(file);
const isWorker = ({ file, name }: Call): boolean => file === 'src/app/worker.ts' && name === '#run';

/** aedes has read a packet and calls its hook. */
const fromPacketOn: Cut = (chain) => upTo(chain, chain.findLastIndex(isHook));
const fromPacket: Cut = (chain) => (chain.some(isWorker) ? null : fromPacketOn(chain));
/** A worker takes what waits, whoever has told it that something does. */
const fromRound: Cut = (chain) => upTo(chain, chain.findIndex(isWorker));
const fromTimer: Cut = (chain) => (chain.at(-1)?.file === 'src/app/upkeep/maintenance.ts' ? chain : null);

function upTo(chain: readonly Call[], last: number): readonly Call[] | null {
  return last < 0 ? null : chain.slice(0, last + 1);
}

type Phase = 'connect' | 'prompt' | 'request' | 'alert';

interface Walk {
  readonly phase: Phase;
  readonly from: Cut;
  /** The functions that it may end with, by file. */
  readonly to: Readonly<Record<string, readonly string[]>>;
}

const transaction = 'src/store/sqlite/transaction.ts';
const onTheWire = { 'src/broker/sessions.ts': ['send'] };
const walks: Readonly<Record<string, Walk>> = {
  'a connect, to its verdict': { phase: 'connect', from: fromPacket, to: { 'src/domain/admission.ts': ['admit'] } },
  'a connect, to its answer': { phase: 'connect', from: fromPacket, to: { 'src/broker/admission-hooks.ts': ['take'] } },
  'a due date, to the prompt that is owed': { phase: 'prompt', from: fromTimer, to: { [transaction]: ['enqueue'] } },
  'a prompt, to the offer on the wire': { phase: 'prompt', from: fromRound, to: onTheWire },
  'a request, to what is written of it': {
    phase: 'request',
    from: fromPacket,
    to: { [transaction]: ['putRenewal', 'putRequest', 'enqueue'] },
  },
  'a request, on to the certificate in the ledger': {
    phase: 'request',
    from: fromRound,
    to: { [transaction]: ['putCertificate'] },
  },
  'a request, on to the certificate on the wire': { phase: 'request', from: fromRound, to: onTheWire },
  'an alert, to what is written of it': { phase: 'alert', from: fromTimer, to: { [transaction]: ['notify'] } },
  'an alert, on to its post': { phase: 'alert', from: fromRound, to: { 'src/notify/post.ts': ['post'] } },
};
/** Its three walks and, between them, how a worker is woken. */
const wholeRequest: Walk = { phase: 'request', from: fromPacketOn, to: onTheWire };

const chains = new CallChains();
const seen: { readonly phase: Phase; readonly chain: readonly Call[] }[] = [];
const untap: (() => void)[] = [];
let phase: Phase = 'connect';

type Method = (this: unknown, ...given: never[]) => unknown;

/** Has each call of a method noted, as the innermost of its chain where `file` says where it stands. */
function tap(prototype: object, name: string, through: (call: Method) => Method): void {
  const call = Reflect.get(prototype, name) as Method;
  Reflect.set(prototype, name, through(call));
  untap.push(() => void Reflect.set(prototype, name, call));
}

function noted(prototype: object, name: string, file?: string): void {
  tap(
    prototype,
    name,
    (call) =>
      function (...given) {
        const own = file === undefined ? [] : [{ file, name, place: name }];
        seen.push({ phase, chain: [...own, ...chains.now()] });
        return call.apply(this, given);
      },
  );
}

/** What is noted of a row is who reads it: the verdict is a pure function, which calls nothing that could be tapped. */
function notedRows(prototype: object, name: string): void {
  tap(
    prototype,
    name,
    (call) =>
      async function (...given) {
        const row = (await call.apply(this, given)) as object | null;
        if (row === null) return row;
        return new Proxy(row, {
          get: (target, key) => {
            seen.push({ phase, chain: chains.now() });
            return Reflect.get(target, key);
          },
        });
      },
  );
}

/** The longest of those seen; null: none was. */
function longest({ phase, from, to }: Walk): readonly Call[] | null {
  const found = seen.flatMap((each) => {
    const end = each.chain.findIndex(({ file, name }) => to[file]?.includes(name));
    const cut = each.phase === phase && end >= 0 ? from(each.chain.slice(end)) : null;
    return cut === null ? [] : [cut];
  });
  return found.toSorted((a, b) => b.length - a.length)[0] ?? null;
}

function lengthOf(chain: readonly Call[]): Length {
  return { calls: chain.length, files: new Set(chain.map(({ file }) => file)).size };
}

let house: House;
const hook = new CloudEventsReceiver(null);
const classes = `
classes:
  default: { lifetime: 40s, renewAt: 10%, spread: 0%, overlap: 3s, grace: 60s, retryFirst: 1s, retryMax: 1s }
  brief: { lifetime: 10s, renewAt: 10%, spread: 0%, overlap: 1s, grace: 60s, retryFirst: 1s, retryMax: 1s }
`;

async function renew(id: string): Promise<void> {
  const credentials = await house.device(id);
  phase = 'connect';
  const speaker = await new Speaker(await connect(house, credentials, id), id).listen();
  phase = 'prompt';
  await speaker.say({ word: 'hello', maxPacket: 4_096 });
  const { renewal } = await speaker.next('offer');
  const { csr } = await newRequest(id);
  phase = 'request';
  await speaker.say({ word: 'csr', renewal, csr });
  await speaker.next('cert');
  await speaker.client.endAsync();
}

/** Rows that this file measures and the page states. */
const rows = [...Object.keys(walks), whole, functions];

describe('ARCHITECTURE.md', () => {
  it('states the length of each walk', () => {
    expect([...stated.keys()].toSorted()).toEqual(rows.toSorted());
  });

  it.each(Object.keys(walks))(`states no more than ${callsMost} calls for %s`, (name) => {
    expect(stated.get(name)?.calls).toBeLessThanOrEqual(callsMost);
  });
});

describe('a renewal on a broker that runs', () => {
  beforeAll(async () => {
    noted(SessionRegistry.prototype, 'of');
    noted(SessionRegistry.prototype, 'ofPrincipal');
    noted(OutgoingMessage.prototype, 'end');
    for (const name of ['putRenewal', 'putRequest', 'putCertificate', 'enqueue', 'notify']) {
      noted(UnitTransaction.prototype, name, transaction);
    }
    notedRows(TableReader.prototype, 'certificate');
    // The lane of one, the pace of the other.
    for (const name of ['submit', 'transact'] as const) {
      tap(
        Database.prototype,
        name,
        (submit) =>
          function (...[work, how]: unknown[]) {
            return Reflect.apply(submit, this, [chains.handedOver(work as (unit: unknown) => unknown), how]);
          },
      );
    }
    chains.start();
    await hook.open();
    house = await openHouse({
      yaml: `alerts: { webhooks: { hook: { kind: cloudevents, url: '${hook.url}' } } }${classes}`,
    });
    // Another may have woken the worker that signs: then the chain of the whole request begins with that.
    for (let n = 1; n <= 10 && (n === 1 || longest(wholeRequest) === null); n += 1) await renew(`dev-${n}`);
    phase = 'alert';
    await house.device('late-1', { class: 'brief' });
    await hook.untilTold('lapsed/late-1', 'raised');
  });
  afterAll(async () => {
    chains.stop();
    for (const put of untap.toReversed()) put();
    await house.close();
    await hook.close();
  });

  const measured = (name: string, walk: Walk): void => {
    const chain = longest(walk) ?? [];
    const length = lengthOf(chain);
    console.log(
      `${name}: ${length.calls} in ${length.files}\n${chain.map((call) => `  ${call.name} ${call.file}`).join('\n')}`,
    );
    expect(length.calls).toBeGreaterThan(2);
    expect(length.calls).toBeLessThanOrEqual(stated.get(name)?.calls ?? 0);
    expect(length.files).toBeLessThanOrEqual(stated.get(name)?.files ?? 0);
  };

  it.each(Object.entries(walks))('takes no more calls than stated for %s', (name, walk) => measured(name, walk));

  it('takes no more calls than stated for the whole of a request', () => measured(whole, wholeRequest));
});

describe('a request', () => {
  it('calls no more functions of the application than stated', async () => {
    const called = await functionsOfARequest();
    const files = new Set(called.map((each) => each.split(' ')[0])).size;
    console.log(`${functions}: ${called.length} in ${files}\n${called.map((each) => `  ${each}`).join('\n')}`);
    expect(called).toContain('src/app/enrollment/receive.ts receive');
    expect(called.length).toBeLessThanOrEqual(stated.get(functions)?.calls ?? 0);
    expect(files).toBeLessThanOrEqual(stated.get(functions)?.files ?? 0);
  });
});
