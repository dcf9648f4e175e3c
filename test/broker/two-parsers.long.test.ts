// The two parsers that the broker has, held against each other over a million packets. NOLAPSE_SEED repeats a run.
import process from 'node:process';
import { expect, it } from 'vitest';
import { compareParsers } from './two-parsers.ts';

const packets = 1_000_000;

it('makes of a million packets what mqtt-packet makes of them', () => {
  const seed = Number(process.env['NOLAPSE_SEED'] ?? Date.now() % 1_000_000);
  expect(compareParsers(packets, seed).packets, `seed ${seed}`).toBeGreaterThan(packets / 5);
});
