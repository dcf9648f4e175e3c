// A server of an inventory that asks to be left alone for a while.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { Source } from '../../src/ports/source.ts';
import { createHttpSource } from '../../src/source/http.ts';

let server: Server;
let asked = 0;
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

type Answer = readonly [status: number, headers?: Record<string, string>];

/** A source whose server gives these answers, and after them its list. */
async function sourceOf(answers: readonly Answer[]): Promise<Source> {
  asked = 0;
  server = createServer((_request, response) => {
    const [status, headers] = answers[asked] ?? [200];
    asked += 1;
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(status === 200 ? '[{"id":"meter-1"}]' : '');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return createHttpSource({
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    ...{ rows: null, next: null, page: null, count: null, timeoutMs: 5_000, pagesMax: 10, bytesMax: 10_000 },
    ...{ tokenFile: null, authorization: 'Bearer', caFile: null },
  });
}

async function read(source: Source, signal = new AbortController().signal) {
  const all = { records: 0, faults: [] as string[] };
  for await (const { records, faults } of source.read(signal)) {
    all.records += records.length;
    all.faults.push(...faults);
  }
  return all;
}

const [at, later] = ['Sun, 29 Nov 2026 08:00:00 GMT', 'Sun, 29 Nov 2026 08:00:01 GMT'];

describe('a source that asks to be left alone', () => {
  it.each<[string, Answer]>([
    ['429 and seconds', [429, { 'retry-after': '1' }]],
    ['503 and seconds', [503, { 'retry-after': '1' }]],
    ['429 and a date', [429, { date: at, 'retry-after': later }]],
    ['503 and a date', [503, { date: at, 'retry-after': later }]],
  ])('is asked again when that is over: %s', async (_name, answer) => {
    const source = await sourceOf([answer]);
    const began = performance.now();
    expect(await read(source)).toEqual({ records: 1, faults: [] });
    expect(performance.now() - began).toBeGreaterThan(990);
    expect(asked).toBe(2);
  });

  it.each<[string, Answer]>([
    ['no word of when', [503]],
    ['a word that is none', [429, { 'retry-after': 'soon' }]],
    ['a status that says nothing of later', [500, { 'retry-after': '1' }]],
  ])('has failed at once with %s', async (_name, answer) => {
    const source = await sourceOf([answer]);
    expect(await read(source)).toEqual({ records: 0, faults: [`page 1: answered ${answer[0]}`] });
    expect(await read(source)).toEqual({ records: 1, faults: [] });
  });

  it('for longer than a read waits has failed, and is not asked before: for an hour at most', async () => {
    const source = await sourceOf([[429, { 'retry-after': '1000000' }]]);
    expect(await read(source)).toEqual({ records: 0, faults: ['page 1: answered 429'] });
    expect(await read(source)).toEqual({
      records: 0,
      faults: [expect.stringMatching(/^it asks to be left alone for 3(600|59\d) s/)],
    });
    expect(asked).toBe(1);
  });

  it('again and again has failed', async () => {
    const source = await sourceOf(Array.from({ length: 100 }, () => [503, { 'retry-after': '0' }] as const));
    expect((await read(source)).faults).toEqual(['page 1: answered 503']);
    expect(asked).toBe(6);
  });

  it('does not hold up whoever stops the read', async () => {
    const source = await sourceOf([[503, { 'retry-after': '200' }]]);
    const stopping = new AbortController();
    const reading = read(source, stopping.signal);
    await expect.poll(() => asked).toBe(1);
    stopping.abort();
    expect((await reading).faults).toEqual(['page 1: stopped']);
  });
});
