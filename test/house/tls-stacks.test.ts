// The tables of docs/tls-stacks.md are those that test/peers/stacks.test.ts holds against real handshakes.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { chainsTable, stacksTable } from '../peers/stacks/page.ts';

const page = readFileSync('docs/tls-stacks.md', 'utf8');
const tables = page.match(/^\|.*(?:\n\|.*)*/gm) ?? [];

describe('docs/tls-stacks.md', () => {
  it('shows which chains are accepted with which roots', () => {
    expect(tables[0]).toBe(chainsTable());
  });

  it('shows what each stack needs', () => {
    expect(tables[1]).toBe(stacksTable());
  });
});
