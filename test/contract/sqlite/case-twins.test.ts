// Ids that differ by case alone: a home may have such pairs from before they were refused. They are found, and go on.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { PrincipalId } from '../../../src/domain/principal.ts';
import type { CaseTwins } from '../../../src/ports/inventory.ts';
import { openStore } from '../../../src/store/index.ts';
import { idOf, principal } from '../store/rows.ts';

let home: string;
let opened: ReturnType<typeof openStore>;

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'nolapse-twins-'));
  opened = openStore(join(home, 'nolapse.db'));
  await opened.store.transact(async (tx) => {
    for (const id of ['a', 'b', 'x-A', 'c', 'x-C', 'd', 'm1', 'x-M1']) await tx.putPrincipal(principal(id));
  });
  opened.database.sqlite.exec("UPDATE principal SET id = substr(id, 3) WHERE id LIKE 'x-%'");
});
afterEach(async () => {
  await opened.store.close();
  rmSync(home, { recursive: true });
});

it('are found, some ids at a time', async () => {
  const pairs: (readonly [string, string])[] = [];
  let after: PrincipalId | null = null;
  let pages = 0;
  do {
    const { pairs: found, last }: CaseTwins = await opened.store.read.caseTwins(after, 3);
    pairs.push(...found);
    pages += 1;
    after = last;
  } while (after !== null);
  expect(pairs.toSorted()).toEqual([
    ['A', 'a'],
    ['C', 'c'],
    ['M1', 'm1'],
  ]);
  expect(pages).toBe(3);
});

it('may change, both of a pair; no third enters', async () => {
  const { store } = opened;
  await store.transact(async (tx) => {
    for (const id of ['m1', 'M1']) await tx.putPrincipal(principal(id, { owner: 'carla' }));
  });
  for (const id of ['m1', 'M1']) expect(await store.read.principal(idOf(id))).toMatchObject({ owner: 'carla' });
  const third = store.transact((tx) => tx.putPrincipal(principal('aa')));
  await expect(third).resolves.toBeUndefined();
  const twin = store.transact((tx) => tx.putPrincipal(principal('AA')));
  await expect(twin).rejects.toMatchObject({ code: 'conflict' });
});
