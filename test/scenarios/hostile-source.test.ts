// An inventory source that was taken over, or never was what it seemed: what it can send, and that nothing of it harms broker or
// inventory. The server is real; what it answers is written byte by byte.

import { writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ReconcileReport, ReconcileRequest } from '../../src/app/views/inventory.ts';
import { type House, openHouse } from './harness.ts';

const day = 86_400_000;
const clock = { aheadMs: 0, now: () => Date.now() + clock.aheadMs };
let house: House;
let server: Server;
let answer: RequestListener;
let asked: { url: string; authorization: string | undefined }[];

const origin = (of = server): string => `http://127.0.0.1:${(of.address() as AddressInfo).port}`;
const json = { 'content-type': 'application/json' };
const saying =
  (text: string | Buffer, headers: Record<string, string> = {}): RequestListener =>
  (_request, response) => {
    response.writeHead(200, { ...json, ...headers }).end(text);
  };
const listing = (...results: readonly object[]): RequestListener => saying(JSON.stringify({ results, next: null }));

async function listen(listener: RequestListener): Promise<Server> {
  const made = createServer(listener);
  await new Promise<void>((resolve) => made.listen(0, '127.0.0.1', resolve));
  return made;
}

const yaml = (timeout: string): string => `
classes: { default: { lifetime: 1h, renewAt: 66%, overlap: 10m, grace: 1h } }
sources:
  outside:
    kind: http
    url: ${origin()}/devices
    rows: results
    next: next
    tokenFile: token
    every: 365d
    missingMax: 20%
    pagesMax: 50
    timeout: ${timeout}
`;

beforeEach(async () => {
  clock.aheadMs = 0;
  asked = [];
  answer = listing({ id: 'meter-1' }, { id: 'meter-2' });
  server = await listen((request, response) => {
    asked.push({ url: request.url ?? '', authorization: request.headers.authorization });
    answer(request, response);
  });
  house = await openHouse({ clock, yaml: yaml('20s'), files: { token: { text: 'secret\n', mode: 0o600 } } });
  await house.log.until('source.reconciled');
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await house.close();
});

const reconcile = (more: Partial<ReconcileRequest> = {}): Promise<ReconcileReport> =>
  house.gateway.operations.reconcile({ source: 'outside', ...more });
const faultsOf = async (): Promise<string[]> =>
  reconcile().then(
    () => [],
    (error: { faults?: string[] }) => error.faults ?? [String(error)],
  );
const devices = async () => (await house.gateway.operations.listDevices({})).map(({ id, status }) => `${id} ${status}`);

describe('a source that was taken over', () => {
  const deep = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

  it.each<[string, () => RequestListener, RegExp]>([
    [
      'a status as deep as a page is long',
      () => saying(`{"next":null,"results":[{"id":"meter-1","status":${deep(4_000_000)}}]}`),
      /^page 1: lists and fields within one another 64 times and more$/,
    ],
    ['a page that is nothing but depth', () => saying(deep(8_000_000)), /within one another 64 times/],
    [
      'a page of nothing but empty records',
      () => saying(`{"next":null,"results":[${'{},'.repeat(5_000_000)}{}]}`),
      /^page 1: more than 2000000 names and values/,
    ],
    [
      'names without an end',
      () => saying(`{"next":null,"results":[{${'"a":1,'.repeat(1_500_000)}"id":"a"}]}`),
      /names and values/,
    ],
    [
      'a record that has two owners',
      () => saying('{"next":null,"results":[{"id":"a","owner":"o","owner":"p"}]}'),
      /^page 1: a name stands twice in one of its records$/,
    ],
    [
      'a field within a record that stands twice, once escaped',
      () => saying('{"next":null,"results":[{"id":"a","site":{"name":"s","n\\u0061me":"t"}}]}'),
      /^page 1: a name stands twice/,
    ],
    [
      'two links to the next page',
      () => saying('{"next":null,"next":"/2","results":[]}'),
      /^page 1: a name stands twice/,
    ],
    [
      'a status that is a list',
      () => saying('{"next":null,"results":[{"id":"a","status":[["active"]]}]}'),
      /^page 1, record 1: status: a list is on no list/,
    ],
    ['an owner that is one', () => listing({ id: 'a', owner: { name: ['b'] } }), /owner: not a text/],
    [
      'brackets in a text, which are none',
      () => listing({ id: 'meter-1', owner: '"[\\{'.repeat(300) }),
      /owner: not a text/,
    ],
    [
      'a packed page that is larger than memory',
      () => saying(gzipSync(Buffer.alloc(50_000_000, ' ')), { 'content-encoding': 'gzip' }),
      /^page 1: answered in the encoding gzip, which was not asked for$/,
    ],
    [
      'names no field may have',
      () => saying('{"next":null,"results":[{"id":"a","__proto__":{"kind":"gateway"}}]}'),
      /__proto__: no such field/,
    ],
    ['the name of what every object has', () => listing({ id: '__proto__' }), /id: not an id/],
    ['a name with a terminal in it', () => listing({ id: 'a\u001b[2J' }), /^page 1, record 1: id: not an id: 1 to 64/],
    ['one device twice', () => listing({ id: 'a' }, { id: 'a' }), /record 2: id: a is listed already/],
    [
      'a link to a file',
      () => saying('{"results":[{"id":"a"}],"next":"file:///etc/passwd"}'),
      /the next page is at null, not at/,
    ],
    [
      'a link without a scheme',
      () => saying('{"results":[{"id":"a"}],"next":"//169.254.169.254/latest/"}'),
      /is at http:\/\/169\.254\.169\.254, not/,
    ],
    [
      'a link to another port',
      () => saying('{"results":[{"id":"a"}],"next":"http://127.0.0.1:1/devices"}'),
      /is at http:\/\/127\.0\.0\.1:1, not/,
    ],
    [
      'a link to another scheme',
      () => saying(`{"results":[{"id":"a"}],"next":"${origin().replace('http', 'https')}/"}`),
      /is at https:/,
    ],
    [
      'links without an end',
      () => (request, response) => {
        const page = Number(new URL(request.url ?? '', origin()).searchParams.get('n') ?? 0);
        response.writeHead(200, json).end(JSON.stringify({ results: [{ id: `x-${page}` }], next: `?n=${page + 1}` }));
      },
      /^page 50: more than 50 pages$/,
    ],
  ])('and sends %s changes nothing', (_what, mischief, fault) => changesNothing(mischief(), fault));

  it('and sends a byte now and then changes nothing', async () => {
    house.configure(yaml('2s'));
    await house.restart();
    const dripping: RequestListener = (_request, response) => {
      response.writeHead(200, json);
      const timer = setInterval(() => response.write(' '), 100);
      response.once('close', () => clearInterval(timer));
    };
    await changesNothing(dripping, /no whole answer within 2 s/);
  });

  async function changesNothing(mischief: RequestListener, fault: RegExp): Promise<void> {
    const before = await devices();
    answer = mischief;
    expect(await faultsOf()).toEqual([expect.stringMatching(fault)]);
    await house.log.until('alert.raised', { 'event.reason': 'source_failed' });
    expect(await devices()).toEqual(before);
    expect(house.log.count('chore.failed')).toBe(0);
    answer = listing({ id: 'meter-1' }, { id: 'meter-2' });
    expect(await reconcile()).toMatchObject({ applied: true, counts: { unchanged: 2 } });
  }

  it('gets the token to nobody else: by a redirect, by a link, by a name in a link', async () => {
    const others: string[] = [];
    const other = await listen((request, response) => {
      others.push(request.url ?? '');
      response.writeHead(200, json).end('{"results":[{"id":"stolen"}],"next":null}');
    });
    for (const mischief of [
      ((_request, response) =>
        response.writeHead(307, { location: `${origin(other)}/devices` }).end()) as RequestListener,
      saying(`{"results":[{"id":"a"}],"next":"${origin(other)}/devices"}`),
    ]) {
      answer = mischief;
      expect(await faultsOf()).toHaveLength(1);
    }
    expect(others).toEqual([]);
    other.close();
    // A name and a password in a link are not sent instead of the token.
    answer = (request, response) => {
      const next = request.url === '/devices' ? `${origin().replace('//', '//user:word@')}/more` : null;
      const results = [{ id: request.url === '/devices' ? 'meter-1' : 'meter-2' }];
      response.writeHead(200, json).end(JSON.stringify({ results, next }));
    };
    await reconcile();
    expect(asked.at(-1)).toMatchObject({ authorization: 'Bearer secret' });
  });

  it('says little in log and alert, however much it says', async () => {
    answer = saying('{}', { 'content-type': `text/${'x'.repeat(10_000)}` });
    const [fault = ''] = await faultsOf();
    expect(fault.length).toBeLessThan(200);
    answer = listing({ id: 'a', status: 'y'.repeat(1_000_000) });
    expect((await faultsOf())[0]?.length).toBeLessThan(200);
    const longest = Math.max(...house.log.lines.map((line) => JSON.stringify(line).length));
    expect(longest).toBeLessThan(2_000);
  });
});

describe('a source that lies about what there is', () => {
  it('makes no device of a gateway, neither of its own nor of somebody else', async () => {
    const { operations } = house.gateway;
    await operations.addDevice({ id: 'gw-1', kind: 'gateway', owner: 'site' });
    answer = listing(
      { id: 'meter-1' },
      { id: 'meter-2' },
      { id: 'gw-1', kind: 'device' },
      { id: 'gw-2', kind: 'gateway' },
    );
    expect(await reconcile()).toMatchObject({ conflicts: [{ id: 'gw-1' }], counts: { added: 1, changed: 0 } });
    expect((await operations.showDevice({ id: 'gw-1' })).principal).toMatchObject({ kind: 'gateway', owner: 'site' });
    await expect(reconcile({ takeOver: true })).rejects.toMatchObject({
      faults: [expect.stringContaining('gw-1: kind:')],
    });
    answer = listing({ id: 'meter-1' }, { id: 'meter-2' }, { id: 'gw-2', kind: 'device' });
    expect(await faultsOf()).toEqual(['gw-2: kind: it is no device here, and a kind cannot change']);
    answer = listing({ id: 'meter-1', gateway: 'meter-2' }, { id: 'meter-2' }, { id: 'gw-2', kind: 'gateway' });
    expect(await faultsOf()).toEqual(['meter-1: gateway: meter-2 is a device']);
  });

  it('adds no device whose id differs from another by case alone, and changes nothing meanwhile', async () => {
    const before = await devices();
    answer = listing({ id: 'meter-1', owner: 'x' }, { id: 'METER-1' }, { id: 'meter-2' }, { id: 'new' }, { id: 'New' });
    expect(await faultsOf()).toEqual([
      'id: METER-1 differs from meter-1 by case alone',
      'id: New differs from new by case alone',
    ]);
    expect(await devices()).toEqual(before);
    expect((await house.gateway.operations.showDevice({ id: 'meter-1' })).principal.owner).toBe('');
    answer = listing({ id: 'meter-1' }, { id: 'meter-2' }, { id: 'new' });
    expect(await reconcile()).toMatchObject({ applied: true, counts: { added: 1, unchanged: 2 } });
  });

  it('cannot take the fleet away bit by bit: what it lost within a day counts together', async () => {
    const fleet = Array.from({ length: 20 }, (_, i) => ({ id: `meter-${i + 1}` }));
    const without = (count: number): RequestListener => listing(...fleet.slice(count));
    answer = listing(...fleet);
    await reconcile();
    answer = without(2);
    expect(await reconcile()).toMatchObject({ applied: true, counts: { decommissioned: 2 } });
    answer = without(4);
    expect(await reconcile()).toMatchObject({ applied: true, counts: { decommissioned: 2 } });
    answer = without(5);
    const objection = 'the source lacks 1 of 16 devices, and 4 before within a day, more than 20%';
    expect(await reconcile()).toMatchObject({ applied: false, objection });
    // What goes wrong meanwhile does not let it forget.
    answer = saying('<html>', { 'content-type': 'text/html' });
    await faultsOf();
    answer = without(5);
    expect(await reconcile()).toMatchObject({ applied: false, objection });
    expect((await house.gateway.operations.listSources())[0]?.state).not.toHaveProperty('losses');
    clock.aheadMs = day;
    expect(await reconcile()).toMatchObject({ applied: true, counts: { decommissioned: 1 } });
    answer = without(12);
    expect(await reconcile()).toMatchObject({ applied: false });
    expect(await reconcile({ acceptLoss: true })).toMatchObject({ applied: true, counts: { decommissioned: 7 } });
    // Somebody looked: it begins anew.
    answer = without(13);
    expect(await reconcile()).toMatchObject({ applied: true, counts: { decommissioned: 1 } });
  });
});

describe('a file that was made elsewhere', () => {
  it('is refused for what no text of the inventory may have', async () => {
    const text = 'id,owner,site\r\np-1,"a\r\nb",\r\np-2,x\u0000y,\r\np-3,ok,\u009b31m\r\n';
    const file = join(house.home, 'devices.csv');
    writeFileSync(file, text);
    const importing = house.gateway.operations.importDevices({ format: 'csv', text });
    await expect(importing).rejects.toMatchObject({
      faults: [
        expect.stringMatching(/^line 3: owner: not a text/),
        expect.stringMatching(/^line 4: owner: not a text/),
        expect.stringMatching(/^line 5: site: not a text/),
      ],
    });
  });
});
