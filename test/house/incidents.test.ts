// The table of incidents in docs/operations.md: each row names alerts that there are, and a test that there is.
import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { alertKinds } from '../../src/domain/alert.ts';

const page = readFileSync('docs/operations.md', 'utf8');
const [, table = ''] = /### What went wrong elsewhere\n[\s\S]*?\n(\|[\s\S]*?)\n\n/.exec(page) ?? [];
const rows = table
  .split('\n')
  .slice(2)
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .map(([, incident = '', wrong = '', first = '', test = '']) => ({ incident, wrong, first, test }));

it('has an incident in each row, with what went wrong, what comes first and a test', () => {
  expect(rows.length).toBeGreaterThanOrEqual(8);
  for (const { incident, wrong, first, test } of rows) {
    for (const cell of [incident, wrong, first, test]) expect(cell, incident).not.toBe('');
    expect(existsSync(test.replaceAll('`', '')), test).toBe(true);
  }
});

it('names alerts that there are, or says that there is none and why', () => {
  for (const { incident, first } of rows) {
    const named = [...first.matchAll(/`([a-z_]+)`/g)].map(([, kind = '']) => kind);
    expect(
      named.every((kind) => Object.hasOwn(alertKinds, kind)),
      incident,
    ).toBe(true);
    expect(named.length > 0 || first.startsWith('none: '), incident).toBe(true);
  }
});

it('is replayed: the test of each alert waits for it', () => {
  for (const { incident, first, test } of rows) {
    const source = readFileSync(test.replaceAll('`', ''), 'utf8');
    const named = [...first.matchAll(/`([a-z_]+)`/g)].map(([, kind = '']) => kind);
    for (const kind of named) expect(source.includes(kind) || source.includes('alert.raised'), incident).toBe(true);
  }
});
