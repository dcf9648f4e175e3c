// What is to be done about the roots of a home, from the slots and the clock.
import { describe, expect, it } from 'vitest';
import type { Fingerprint } from '../../src/domain/certificate.ts';
import { type RootStanding, rootDue } from '../../src/domain/root-due.ts';
import { type RootSlot, rootPolicyDefault } from '../../src/domain/root-slots.ts';

const year = 365 * 86_400_000;
const root = (number: number, facts: Partial<RootSlot & { backupAt: number | null }> = {}) => ({
  number,
  state: 'current' as const,
  fingerprint: `${number}`.repeat(64) as Fingerprint,
  notBefore: 0,
  notAfter: 20 * year,
  preparedAt: 0,
  distributedAt: null,
  activatedAt: 0,
  backupAt: null,
  ...facts,
});
const next = (backupAt: number | null) =>
  root(2, { state: 'next', preparedAt: 10 * year, activatedAt: null, backupAt });
const dueAt = (now: number, standing: Partial<RootStanding> = {}) =>
  rootDue(
    { slots: [root(1)], isAwaited: false, isDropMissing: false, hasPort: true, onAborted: 0, ...standing },
    rootPolicyDefault,
    now,
  );

describe('what is to be done about the roots', () => {
  it('is nothing in the first half of the life of the present one', () => {
    expect(dueAt(10 * year - 1)).toBeNull();
    expect(dueAt(10 * year)).toEqual({ step: 'prepare', root: 1, endsAt: 20 * year, severity: 'warning' });
  });

  it('is critical in its last year', () => {
    expect(dueAt(19 * year - 1)?.severity).toBe('warning');
    expect(dueAt(19 * year)?.severity).toBe('critical');
  });

  it('is to give it a port first', () => {
    expect(dueAt(10 * year, { hasPort: false })?.step).toBe('set_port');
    expect(dueAt(year, { hasPort: false })).toBeNull();
  });

  it('is to install what is awaited, whenever that was asked for', () => {
    expect(dueAt(year, { isAwaited: true })?.step).toBe('install');
    expect(dueAt(12 * year, { isAwaited: true })?.step).toBe('install');
  });

  it('is to back the next one up, and a backup from before it is none', () => {
    expect(dueAt(11 * year, { slots: [root(1), next(null)] })?.step).toBe('back_up');
    expect(dueAt(11 * year, { slots: [root(1), next(10 * year - 1)] })?.step).toBe('back_up');
    expect(dueAt(11 * year, { slots: [root(1), next(10 * year)] })?.step).toBe('distribute');
  });

  it('is to have the new one sign that it drops the older ones', () => {
    expect(dueAt(11 * year, { slots: [root(1), next(null)], isDropMissing: true })?.step).toBe('sign_drop');
    const slots = [root(1, { state: 'former' }), root(2, { activatedAt: 15 * year })];
    expect(dueAt(15 * year, { slots, isDropMissing: true })?.step).toBe('sign_drop');
  });

  it('is to activate it five years before the end, whoever has not proved it, once it was announced', () => {
    const distributed = { ...next(10 * year), distributedAt: 11 * year };
    expect(dueAt(15 * year - 1, { slots: [root(1), distributed] })).toBeNull();
    expect(dueAt(15 * year, { slots: [root(1), distributed] })?.step).toBe('activate');
    expect(dueAt(15 * year, { slots: [root(1), next(10 * year)] })?.step).toBe('distribute');
  });

  it('is to retire the former one a year later, and critical in the last year of that', () => {
    const slots = [root(1, { state: 'former' }), root(2, { activatedAt: 15 * year, notAfter: 30 * year })];
    expect(dueAt(16 * year - 1, { slots })).toBeNull();
    expect(dueAt(16 * year, { slots })).toEqual({ step: 'retire', root: 1, endsAt: 20 * year, severity: 'warning' });
    expect(dueAt(19 * year, { slots })?.severity).toBe('critical');
  });

  it('is nothing while somebody is on the port of a root that was given up', () => {
    const aborted = root(2, { state: 'aborted', activatedAt: null, distributedAt: 10 * year });
    expect(dueAt(11 * year, { slots: [root(1), aborted], onAborted: 1 })).toBeNull();
    expect(dueAt(11 * year, { slots: [root(1), aborted] })?.step).toBe('prepare');
  });

  it('is nothing while the former root is served', () => {
    const former = root(1, { state: 'former' });
    expect(
      dueAt(16 * year, { slots: [former, root(2, { notAfter: 21 * year, activatedAt: 15.5 * year })] }),
    ).toBeNull();
  });
});
