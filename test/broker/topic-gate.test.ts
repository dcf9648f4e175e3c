// The gate of a session's access answers as the domain's matching does, for topics that nearly match as well: what begins with another
// principal's id is not that principal's.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { compileTopicGate } from '../../src/broker/topic-gate.ts';
import { matches } from '../../src/domain/topics.ts';

const level = fc.constantFrom('a', 'ab', 'b', '', '$aws', 'x');
const topic = fc.array(level, { minLength: 1, maxLength: 4 }).map((levels) => levels.join('/'));
const pattern = fc
  .tuple(fc.array(fc.oneof(level, fc.constant('+')), { minLength: 1, maxLength: 4 }), fc.boolean())
  .map(([levels, isOpen]) => [...levels, ...(isOpen ? ['#'] : [])].join('/'));

it('opens what the patterns match, and nothing else', () => {
  fc.assert(
    fc.property(
      fc.array(pattern, { maxLength: 4 }),
      fc.array(topic, { minLength: 1, maxLength: 8 }),
      (patterns, topics) => {
        const gate = compileTopicGate(patterns);
        for (const each of topics)
          expect([each, gate(each)]).toEqual([each, patterns.some((one) => matches(one, each))]);
      },
    ),
    { numRuns: 2_000 },
  );
});

it.each([
  [
    'devices/dev-1/#',
    ['devices/dev-1', 'devices/dev-1/', 'devices/dev-1/x/y'],
    ['devices/dev-10', 'devices/dev-10/x', 'devices'],
  ],
  ['devices/dev-1', ['devices/dev-1'], ['devices/dev-1/', 'devices/dev-10']],
  ['devices/+/command', ['devices/dev-1/command'], ['devices/dev-1/commands', 'devices/dev-1/x/command']],
  ['#', ['devices', 'a/b'], ['$aws', '$aws/x']],
  ['$aws/#', ['$aws', '$aws/x'], ['$awsx', '$awsx/y', 'aws/x']],
])('%s opens its own topics alone', (one, open, closed) => {
  const gate = compileTopicGate([one]);
  expect([open.filter((each) => !gate(each)), closed.filter(gate)]).toEqual([[], []]);
});
