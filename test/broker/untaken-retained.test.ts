// Which retained message is kept from which client, for how long, and what shows that it was taken.
import { expect, it } from 'vitest';
import { type ConnectionEnd, UntakenRetained, withheldMs } from '../../src/broker/untaken-retained.ts';
import { cutsMax } from '../../src/domain/untaken.ts';

const payload = 'x'.repeat(1_000);
const minute = 60_000;

/** Connections a minute apart that end so, a second after the message. @returns whether it is kept from the client from then on. */
function connections(untaken: UntakenRetained, count: number, end: Partial<ConnectionEnd>, topic = 't'): boolean[] {
  return Array.from({ length: count }, (_, index) => {
    const cameAt = index * minute;
    const sent = untaken.suspect(null, topic, payload, cameAt);
    if (!sent) throw new Error('too small to be suspected');
    return untaken.ended('c', sent, { cause: 'closed', cameAt, heardAt: cameAt, endedAt: cameAt + 1_000, ...end });
  });
}

it('suspects the largest of what was sent, and nothing that everybody takes', () => {
  const untaken = new UntakenRetained();
  const small = untaken.suspect(null, 't', 'x'.repeat(100), 0);
  expect(small).toBeNull();
  const one = untaken.suspect(null, 'one', payload, 1);
  const two = untaken.suspect(one, 'two', `${payload}x`, 2);
  expect(untaken.suspect(two, 'six', payload, 3)).toMatchObject({ topic: 'two', sentAt: 2 });
});

it('keeps a message for a day, and no other version of it', () => {
  const untaken = new UntakenRetained();
  expect(connections(untaken, cutsMax, {})).toEqual([...Array(cutsMax - 1).fill(false), true]);
  const at = (cutsMax - 1) * minute + 1_000;
  expect(untaken.isWithheld('c', 't', payload, at + withheldMs - 1)).toBe(true);
  expect(untaken.isWithheld('c', 't', payload, at + withheldMs)).toBe(false);
  expect(untaken.isWithheld('c', 't', `${payload}.`, at)).toBe(false);
  expect(untaken.isWithheld('c', 'u', payload, at)).toBe(false);
  expect(untaken.isWithheld('d', 't', payload, at)).toBe(false);
});

it.each<[string, Partial<ConnectionEnd>]>([
  ['a goodbye', { cause: 'disconnected' }],
  ['silence', { cause: 'silent' }],
  ['a decision of the broker', { cause: 'decided' }],
  ['a word of the client well after the message', { heardAt: 1e9 }],
  ['an end long after the message', { endedAt: 1e9 }],
])('keeps nothing after %s', (_, end) => {
  expect(connections(new UntakenRetained(), 3 * cutsMax, end)).not.toContain(true);
});

it('keeps so many messages from one client at most', () => {
  const untaken = new UntakenRetained();
  const topics = Array.from({ length: 40 }, (_, index) => `t${index}`);
  for (const topic of topics) connections(untaken, cutsMax, {}, topic);
  const kept = topics.filter((topic) => untaken.isWithheld('c', topic, payload, cutsMax * minute));
  expect(kept).toEqual(topics.slice(-16));
});
