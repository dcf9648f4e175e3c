// Who may be written into the journal as the one who did something: a name and a reason that fit a line and stay on it.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Actor,
  actorFaults,
  actorTextMax,
  brokerActor,
  principalActor,
  sourceActor,
} from '../../src/domain/actor.ts';
import { idOf } from './samples.ts';

const carla: Actor = { name: 'carla', channel: 'command line', claimed: false, reason: null };

describe('an actor', () => {
  it.each([
    ['no name', { ...carla, name: '' }, ['actor: expected the name of who does this']],
    ['a name of blanks', { ...carla, name: '  ' }, ['actor: expected the name of who does this']],
    ['a name of two lines', { ...carla, name: 'a\nb' }, ['actor: not a text of at most 256 printable characters']],
    [
      'a name that turns the text around',
      { ...carla, name: 'a\u202eb' },
      ['actor: not a text of at most 256 printable characters'],
    ],
    ['a long name', { ...carla, name: 'x'.repeat(257) }, ['actor: not a text of at most 256 printable characters']],
    [
      'a long reason',
      { ...carla, reason: 'x'.repeat(257) },
      ['reason: not a text of at most 256 printable characters'],
    ],
    ['a reason of two lines', { ...carla, reason: 'a\rb' }, ['reason: not a text of at most 256 printable characters']],
    [
      'neither',
      { ...carla, name: '', reason: '\0' },
      ['actor: expected the name of who does this', 'reason: not a text of at most 256 printable characters'],
    ],
  ])('with %s is refused', (_what, actor, faults) => {
    expect(actorFaults(actor)).toEqual(faults);
  });

  it('may have any name and reason that fit on a line', () => {
    expect(actorFaults({ name: 'x'.repeat(actorTextMax), reason: 'y'.repeat(actorTextMax) })).toEqual([]);
    const line = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 60 })
      .filter((text) => !/\p{C}/u.test(text) && text.trim() !== '');
    fc.assert(fc.property(line, fc.option(line), (name, reason) => actorFaults({ name, reason }).length === 0));
  });

  it('of our own has no faults and no reason, and an introduction is only a claim', () => {
    for (const actor of [brokerActor, sourceActor('cmdb'), principalActor(idOf('pump-1'))]) {
      expect(actorFaults(actor)).toEqual([]);
      expect(actor).toMatchObject({ claimed: false, reason: null });
    }
    expect(principalActor(idOf('pump-1'), true)).toMatchObject({ name: 'pump-1', channel: 'mqtt', claimed: true });
  });
});
