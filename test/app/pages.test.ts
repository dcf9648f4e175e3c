// What may be long is read a page at a time: each row once, and no page more than there is.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { afterId, pagesOf } from '../../src/app/pages.ts';

interface Row {
  readonly id: string;
}

function tableOf(count: number) {
  const rows: Row[] = Array.from({ length: count }, (_, i) => ({ id: String(i).padStart(4, '0') }));
  let reads = 0;
  return {
    rows,
    reads: () => reads,
    read: async (last: Row | null, limit: number): Promise<Row[]> => {
      reads += 1;
      const { after } = afterId(last);
      return rows.filter(({ id }) => after === undefined || id > after).slice(0, limit);
    },
  };
}

describe('pages', () => {
  it('bring each row once and in order, in as few reads as find the end', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(40), fc.integer({ min: 1, max: 12 }), async (count, limit) => {
        const { rows, read, reads } = tableOf(count);
        const found: Row[] = [];
        for await (const page of pagesOf(limit, (last: Row | null) => read(last, limit))) found.push(...page);
        expect(found).toEqual(rows);
        expect(reads()).toBe(Math.floor(count / limit) + 1);
      }),
    );
  });

  it('are read no further than somebody goes through them', async () => {
    const { read, reads } = tableOf(100);
    for await (const page of pagesOf(10, (last: Row | null) => read(last, 10))) if (page.length > 0) break;
    expect(reads()).toBe(1);
  });
});
