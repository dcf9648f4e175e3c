// An import whose every row moves due dates is written in small transactions: others have their turn in between.
import { expect, it } from 'vitest';
import { importDevices } from '../../src/app/inventory/inventory.ts';
import { certificate } from '../contract/store/rows.ts';
import { assembled } from './assembled.ts';

const day = 86_400_000;

/** The rows each change of an import wrote in which all devices change their class. */
async function changeClasses(rows: number): Promise<number[]> {
  const ids = Array.from({ length: rows }, (_, i) => `d${i}`);
  const csv = (name: string): string => `id,owner,class\n${ids.map((id) => `${id},tests,${name}`).join('\n')}\n`;
  const { app, close } = await assembled({ yaml: 'classes: { early: { renewAt: 40% } }' });
  try {
    await importDevices(app, { format: 'csv', text: csv('default') });
    const now = Date.now();
    await app.store.transact(async (tx) => {
      const dates = { notBefore: now, notAfter: now + 90 * day, renewAt: now + 45 * day };
      for (const id of ids) await tx.putCertificate(certificate(id, id, { state: 'active', ...dates }));
    });
    const sizes: number[] = [];
    const { transact } = app.store;
    app.store.transact = async (work) => {
      let written = 0;
      const result = await transact((tx) => {
        written = 0;
        const { putPrincipal } = tx;
        tx.putPrincipal = (each) => {
          written += 1;
          return putPrincipal.call(tx, each);
        };
        return work(tx);
      });
      sizes.push(written);
      return result;
    };
    await importDevices(app, { format: 'csv', text: csv('early') });
    const moved = await app.store.read.certificatesOf(certificate('x', 'd7').principalId, { limit: 10 });
    expect(((moved[0]?.renewAt ?? 0) - now) / day).toBeLessThan(36.1);
    return sizes.filter((size) => size > 0);
  } finally {
    await close();
  }
}

it('an import of a thousand rows is written whole', async () => {
  expect(await changeClasses(1_000)).toEqual([1_000]);
});

it('a larger one lets others in at least every hundred rows', async () => {
  const sizes = await changeClasses(1_250);
  expect(Math.max(...sizes)).toBe(100);
  expect(sizes.reduce((sum, each) => sum + each, 0)).toBe(1_250);
});
