import { describe, expect, it } from 'vitest';
import {
  type Approval,
  afterAsking,
  afterRelease,
  isReleased,
  type NamedStep,
} from '../../src/domain/trust-approval.ts';
import { fingerprintA, fingerprintB } from './samples.ts';

const asked: NamedStep = { step: 'activate', sequence: 1_796_083_200, root: fingerprintA };
const waiting = afterAsking(null, asked);
const others: [string, NamedStep][] = [
  ['other_step', { ...asked, step: 'abort' }],
  ['other_sequence', { ...asked, sequence: asked.sequence + 1 }],
  ['other_root', { ...asked, root: fingerprintB }],
];

function released(approval: Approval): Approval {
  const after = afterRelease(approval, asked);
  if (!after.ok) throw new Error(after.reason);
  return after.approval;
}

describe('a step that needs a release', () => {
  it('waits until a second command names it', () => {
    expect(isReleased(waiting, asked, 'required')).toBe(false);
    expect(isReleased(released(waiting), asked, 'required')).toBe(true);
    expect(isReleased(null, asked, 'required')).toBe(false);
  });

  it('needs none where the configuration says so', () => {
    expect(isReleased(null, asked, 'none')).toBe(true);
  });

  it.each(others)('is not released by a command that names another (%s), nor carried out for it', (reason, other) => {
    expect(afterRelease(waiting, other)).toEqual({ ok: false, reason });
    expect(isReleased(released(waiting), other, 'required')).toBe(false);
  });

  it('cannot be released before it is asked for', () => {
    expect(afterRelease(null, asked)).toEqual({ ok: false, reason: 'nothing_asked' });
  });

  it('stays released when it is asked for again', () => {
    expect(afterAsking(released(waiting), asked)).toEqual({ asked, isReleased: true });
  });

  it.each(others)('loses its release when another is asked for (%s)', (_, other) => {
    const after = afterAsking(released(waiting), other);
    expect(isReleased(after, other, 'required')).toBe(false);
    expect(isReleased(afterAsking(after, asked), asked, 'required')).toBe(false);
  });
});
