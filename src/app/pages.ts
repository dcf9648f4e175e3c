// Reads what may be long a page at a time, in the order of its keys.

/**
 * Pages until one is not full, which comes too.
 * @param read the page after this row, of `limit` rows at most; null: the first page.
 */
export async function* pagesOf<Row>(
  limit: number,
  read: (last: Row | null) => Promise<readonly Row[]>,
): AsyncGenerator<readonly Row[]> {
  let last: Row | null = null;
  do {
    const page: readonly Row[] = await read(last);
    yield page;
    last = page.length === limit ? (page.at(-1) ?? null) : null;
  } while (last !== null);
}

/** What a page after this row is asked for with, where rows are in the order of their ids. */
export function afterId(last: { readonly id: string } | null): { readonly after?: string } {
  return last === null ? {} : { after: last.id };
}
