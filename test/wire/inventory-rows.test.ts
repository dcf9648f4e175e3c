// What comes out of an inventory file, however it is cut into pieces, and what is said of one that cannot be read.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type RowBatch, type RowFormat, readRows } from '../../src/wire/inventory-rows.ts';

async function read(format: RowFormat, content: string | readonly Uint8Array[]): Promise<RowBatch> {
  const all: RowBatch = { rows: [], faults: [] };
  const pieces = async function* (chunks: readonly Uint8Array[]) {
    yield* chunks;
  };
  for await (const batch of readRows(format, typeof content === 'string' ? content : pieces(content))) {
    all.rows.push(...batch.rows);
    all.faults.push(...batch.faults);
  }
  return all;
}

const csv = 'id,owner\n"p,1",Wasserwerk Süd\n\np-2, water \np-3\np-4,"a ""b""\nc"\n';
const csvRead: RowBatch = {
  rows: [
    { line: 2, fields: { id: 'p,1', owner: 'Wasserwerk Süd' } },
    { line: 4, fields: { id: 'p-2', owner: 'water' } },
    { line: 7, fields: { id: 'p-4', owner: 'a "b"\nc' } },
  ],
  faults: [{ line: 5, fault: 'the number of fields differs from the header' }],
};
const jsonl = '{"id":"p-1","owner":"Süd"}\n\n[1]\n{"id":"p-2"}\r\n{"id":';
const jsonlRead: RowBatch = {
  rows: [
    { line: 1, fields: { id: 'p-1', owner: 'Süd' } },
    { line: 4, fields: { id: 'p-2' } },
  ],
  faults: [
    { line: 3, fault: 'not a JSON object' },
    { line: 5, fault: 'not a JSON object' },
  ],
};

const notClosed = 'not CSV: a quote that begins in this row is not closed';
const tooLong = 'not CSV: this row is longer than 65536 characters: a quote that is not closed?';

describe('an inventory file', () => {
  it.each([
    ['csv', csv, csvRead],
    ['jsonl', jsonl, jsonlRead],
  ] as const)('in %s says the same however it arrives', async (format, text, expected) => {
    expect(await read(format, text)).toEqual(expected);
    expect(await read(format, `\ufeff${text}`)).toEqual(expected);
    const bytes = Buffer.from(text);
    const cuts = fc.array(fc.integer({ min: 0, max: bytes.length }), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(cuts, async (unsorted) => {
        const at = [0, ...unsorted.toSorted((a, b) => a - b), bytes.length];
        const pieces = at.slice(1).map((end, index) => bytes.subarray(at[index], end));
        expect(await read(format, pieces)).toEqual(expected);
      }),
      { numRuns: 50 },
    );
  });

  it('of many batches keeps every row and its line', async () => {
    const rows = Array.from({ length: 5_000 }, (_, i) => `{"id":"p-${i}"}`).join('\n');
    const { rows: found } = await read('jsonl', rows);
    expect(found.map(({ line }) => line)).toEqual(Array.from({ length: 5_000 }, (_, i) => i + 1));
    const { rows: records } = await read('csv', `id\n${rows.replaceAll(/[{}":]|id/g, '')}`);
    expect(records.at(-1)).toEqual({ line: 5_001, fields: { id: 'p-4999' } });
  });

  it.each([
    ['csv', '', { line: 1, fault: 'the file has no rows' }],
    ['csv', 'id,owner\n', { line: 1, fault: 'the file has no rows' }],
    ['jsonl', '\n\n', { line: 1, fault: 'the file has no rows' }],
    ['csv', 'id,owner\np-1,"water\np-2,water\n', { line: 2, fault: notClosed }],
    ['csv', 'id,owner\np-1,"wa\nter"\np-2,water\np-3,"water\np-4,water\n', { line: 5, fault: notClosed }],
    ['csv', `id,owner\np-1,water\np-2,"${'water\n'.repeat(20_000)}`, { line: 3, fault: tooLong }],
    ['csv', 'id,"owner\np-1,water\n', { line: 1, fault: notClosed }],
    ['csv', 'id,owner\np-1,wa"ter\n', { line: 2, fault: 'not CSV: INVALID_OPENING_QUOTE' }],
    ['csv', 'id,owner,id\np-1,water,p-2\n', { line: 1, fault: 'two columns are named "id"' }],
    ['csv', 'id,__proto__\np-1,x\n', { line: 1, fault: 'no column can be named "__proto__"' }],
    ['csv', `id\n${'x'.repeat(70_000)}\n`, { line: 2, fault: tooLong }],
    ['jsonl', `{"id":"${'x'.repeat(70_000)}"}`, { line: 1, fault: 'longer than 65536 characters' }],
  ] as const)('in %s that reads %j has a fault', async (format, text, fault) => {
    expect((await read(format, text)).faults).toEqual([fault]);
  });

  it('that is no UTF-8, or ends within a character, is refused as a whole', async () => {
    const fault = { line: 0, fault: 'not UTF-8 text' };
    for (const format of ['csv', 'jsonl'] as const) {
      const latin = Buffer.from('{"id":"S\xfcd"}\n', 'latin1');
      expect((await read(format, [latin])).faults).toContainEqual(fault);
      const cut = Buffer.from('id\nSü').subarray(0, -1);
      expect((await read(format, [cut])).faults).toContainEqual(fault);
    }
  });

  it('is not read on once a line is longer than one may be', async () => {
    for (const start of ['id\n', 'id,owner\np-1,"']) {
      let pieces = 0;
      const endless = async function* () {
        yield Buffer.from(start);
        for (; pieces < 8_192; pieces += 1) yield Buffer.alloc(65_536, 'x');
      };
      const faults: string[] = [];
      for await (const batch of readRows('csv', endless())) faults.push(...batch.faults.map(({ fault }) => fault));
      expect(faults).toEqual([tooLong]);
      expect(pieces).toBeLessThan(64);
    }
  });

  it('that never ends its line, or never ends, ends at 512 MiB and is never held', { timeout: 120_000 }, async () => {
    const piece = Buffer.alloc(1_048_576, 'x');
    let pieces = 0;
    const endless = async function* () {
      for (; pieces < 1_000; pieces += 1) yield piece;
    };
    const before = process.memoryUsage.rss();
    const faults: unknown[] = [];
    for await (const batch of readRows('jsonl', endless())) faults.push(...batch.faults);
    expect(faults).toEqual([{ line: 0, fault: 'larger than 536870912 bytes' }]);
    expect(pieces).toBe(512);
    expect(process.memoryUsage.rss() - before).toBeLessThan(256 * 1_048_576);
  });

  it('of rows that are nothing but names is handed on in small batches', async () => {
    const names = Array.from({ length: 6_000 }, (_, i) => `"a${i}":1`).join(',');
    const rows = `{${names}}\n`.repeat(200);
    for await (const batch of readRows('jsonl', rows)) expect(batch.rows.length).toBeLessThan(30);
    const wide = `id${',a'.repeat(5_000)}\n`;
    expect((await read('csv', `${wide}p-1\n`)).faults[0]).toEqual({ line: 1, fault: 'more than 1000 columns' });
    const cells = `${'x'.repeat(60_000)}\n`.repeat(200);
    for await (const batch of readRows('csv', `id\n${cells}`)) expect(batch.rows.length).toBeLessThan(30);
  });

  it('from Windows, with a mark at its beginning and quotes, is read like any other', async () => {
    const text = '\ufeffid;,owner,"site"\r\np-1;,"Water, ""North"" End","a\r\nb"\r\n\r\np-2;,x\u0000y,z\r\n';
    const { rows, faults } = await read('csv', text);
    expect(faults).toEqual([]);
    // What a value may be is judged with the record: NUL and line ends are no text of the inventory.
    expect(rows.map(({ line }) => line)).toEqual([3, 5]);
    expect(rows.map(({ fields }) => fields)).toEqual([
      { 'id;': 'p-1;', owner: 'Water, "North" End', site: 'a\nb' },
      { 'id;': 'p-2;', owner: 'x\u0000y', site: 'z' },
    ]);
  });

  it('whose source fails fails with it', async () => {
    const broken = async function* () {
      yield Buffer.from('id\np-1\n');
      throw new Error('the disk is gone');
    };
    for (const format of ['csv', 'jsonl'] as const) {
      const reading = async () => {
        for await (const _batch of readRows(format, broken()));
      };
      await expect(reading()).rejects.toThrow('the disk is gone');
    }
  });
});

describe('an object of JSON lines', () => {
  const values = fc.jsonValue({ depthSize: 'small' });
  const names = fc.uniqueArray(fc.oneof(fc.string(), fc.constantFrom('id', 'a"b', '\\', '{', ':', '[')), {
    minLength: 1,
    maxLength: 6,
  });
  const escaped = (name: string): string =>
    `"${[...Array(name.length).keys()].map((at) => `\\u${name.charCodeAt(at).toString(16).padStart(4, '0')}`).join('')}"`;

  it('is refused where it names a field twice, however it is written, and for nothing within a field', async () => {
    await fc.assert(
      fc.asyncProperty(names, values, fc.nat(), fc.boolean(), async (all, value, which, plainly) => {
        const twice = all[which % all.length] ?? '';
        const fields = all.map((name) => `${JSON.stringify(name)} : ${JSON.stringify([value, { [name]: value }])}`);
        const once = await read('jsonl', `{${fields.join(' , ')}}`);
        expect({ rows: once.rows.length, faults: once.faults }).toEqual({ rows: 1, faults: [] });
        const again = `${plainly ? JSON.stringify(twice) : escaped(twice)}:1`;
        const { rows, faults } = await read('jsonl', `{${[...fields, again].join(',')}}`);
        expect(rows).toEqual([]);
        expect(faults).toEqual([{ line: 1, fault: `two fields are named ${JSON.stringify(twice)}` }]);
      }),
    );
  });
});
