// A fleet of which much is dark, and to much of which nothing was ever issued: its figures are counted a page at a time, and others have their
// turn after each; so are ids compared that differ by case alone.
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { doctor } from '../../src/app/operator/doctor.ts';
import { type Assembled, assembled } from './assembled.ts';

const each = 25_000;

let parts: Assembled;
beforeEach(async () => {
  parts = await assembled();
  const { app, database } = parts;
  const rows = (prefix: string, litUntil: number | null) => `
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${each})
    INSERT INTO principal (id, kind, status, owner, class, criticality, modes, lit_until)
    SELECT '${prefix}' || printf('%06d', i), 'device', 'active', 'tests', 'default', 'medium', '', ${litUntil} FROM n;`;
  // Most went dark at one moment.
  database.sqlite.exec(`${rows('dark-', app.clock.now() - 1)}${rows('new-', null)}${rows('TWIN-', null)}
    INSERT INTO principal (id, kind, status, owner, class, criticality, modes) VALUES
    ('twin-025000', 'device', 'quarantined', 'tests', 'default', 'medium', '');`);
});
afterEach(() => parts.close());

it('takes a turn for each page, and counts each device once', async () => {
  const { app } = parts;
  const turns = vi.spyOn(app.turns, 'take');
  const pages = vi.spyOn(app.store.read, 'darkPage');
  const view = await app.foresight.view(0, { fresh: false });
  expect(view.dark).toEqual({ all: each, quarantined: 0, devices: each });
  expect(view.without).toEqual({ all: 2 * each + 1, quarantined: 1, devices: 2 * each + 1 });
  expect(view.nearestEndAt).toBeNull();
  const rows = pages.mock.calls.map(([, , limit]) => limit);
  expect(rows.length).toBeGreaterThan(2);
  expect(Math.max(...rows)).toBeLessThanOrEqual(each / 2);
  expect(turns.mock.calls.length).toBeGreaterThanOrEqual(rows.length - 1);
});

it('has those who ask at the same time wait for one count', async () => {
  const { app } = parts;
  const pages = vi.spyOn(app.store.read, 'darkPage');
  const views = await Promise.all([1, 2, 3].map(() => app.foresight.view(0, { fresh: false })));
  expect(views.map(({ dark }) => dark.all)).toEqual([each, each, each]);
  expect(pages.mock.calls.filter(([, after]) => after === null)).toHaveLength(1);
});

it('names the pair that differs by case alone among all, some ids at a time', async () => {
  const { app } = parts;
  const pages = vi.spyOn(app.store.read, 'caseTwins');
  const found = (await doctor(app, null, true)).filter(({ subject }) => subject === 'ids');
  expect(found.map(({ detail }) => detail)).toEqual([expect.stringContaining('TWIN-025000 and twin-025000')]);
  expect(pages.mock.calls.length).toBeGreaterThan(10);
});
