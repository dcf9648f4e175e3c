// One table of what the bench says on several engines.
import { expect, it } from 'vitest';
import { tableOf } from '../bench/table.ts';

const connect = {
  name: 'CPU per connect',
  measured: '0.79 x, 0.7 to 0.9 (800 against 1000 us)',
  goal: '<= 0.80 x',
  met: true,
};
const sweep = { name: 'a sweep', measured: '5.9 ms', goal: '', met: true };

it('has a row for each figure and a column for each engine, and marks what is not met', () => {
  const slow = { ...connect, measured: '0.95 x, 0.9 to 1.0 (950 against 1000 us)', met: false };
  const lines = tableOf([
    { version: '20.20.2', figures: [slow, sweep] },
    { version: '26.10.0', figures: [connect] },
  ]);
  expect(lines).toEqual([
    '                 Node 20.20.2         Node 26.10.0        goal',
    'CPU per connect  0.95 x, 0.9 to 1.0*  0.79 x, 0.7 to 0.9  <= 0.80 x',
    'a sweep          5.9 ms               -',
    '',
    '* not met',
  ]);
});

it('says on which engine the bench failed', () => {
  const failed = { version: '26.10.0', figures: null };
  expect(tableOf([{ version: '20.20.2', figures: [sweep] }, failed])).toEqual([
    '         Node 20.20.2  Node 26.10.0  goal',
    'a sweep  5.9 ms        failed',
  ]);
  expect(tableOf([failed])).toEqual(['  Node 26.10.0  goal', '  failed']);
});
