// What an export for a period reads, page by page: nothing twice, nothing left out, whatever the clock did meanwhile.
import { expect, it } from 'vitest';
import type { Alert, AlertName } from '../../../src/domain/alert.ts';
import type { JournalPlace } from '../../../src/ports/period.ts';
import { day, idOf, now, renewal } from './rows.ts';
import { putRenewals, store } from './under-test.ts';

const record = (...lines: readonly (readonly [string, number])[]): Promise<void> =>
  store.transact(async (tx) => {
    for (const [action, at] of lines) {
      await tx.record({ at, action, principalId: idOf('a'), renewalId: null, detail: `about ${action}`, actor: null });
    }
  });

async function walk(from: number, until: number, limit: number): Promise<string[]> {
  const found: string[] = [];
  let after: JournalPlace = { at: from, id: 0 };
  for (;;) {
    const page = await store.read.journalBetween(after, until, limit);
    expect(page.length).toBeLessThanOrEqual(limit);
    found.push(...page.map(({ entry }) => entry.action));
    const last = page.at(-1);
    if (!last) return found;
    after = last.place;
  }
}

const alert = ({ kind, subject }: AlertName, clearedAt: number | null): Alert => ({
  ...{ kind, subject, clearedAt },
  ...{ severity: 'warning', detail: 'so', owner: null },
  ...{ raisedAt: now, updatedAt: now, seenAt: now, acknowledgedAt: null, acknowledgedBy: null },
});

export function period(): void {
  it('walks the journal of a period by time, from its first moment to just before its end', async () => {
    await record(['before', now - 1], ['first', now], ['second', now + 5], ['last', now + 9], ['after', now + 10]);
    expect(await walk(now, now + 10, 100)).toEqual(['first', 'second', 'last']);
    expect(await walk(now, now, 100)).toEqual([]);
  });

  it('leaves out no line of a moment that has more of them than a page', async () => {
    const many = Array.from({ length: 7 }, (_, i) => [`line ${i}`, now] as const);
    await record(...many, ['later', now + 1]);
    for (const limit of [1, 2, 3, 7, 8]) {
      expect(await walk(now, now + 2, limit)).toEqual([...many.map(([action]) => action), 'later']);
    }
  });

  it('finds what was recorded while the clock was set back, in order of time', async () => {
    await record(['b', now + 5], ['a', now], ['c', now + 9]);
    expect(await walk(now, now + 10, 1)).toEqual(['a', 'b', 'c']);
  });

  it('finds what was decided since, the newest first, beside the lines of devices', async () => {
    await record(['device.quarantined', now - 1], ['campaign.started', now], ['renewal.due', now + 1]);
    await record(['device.quarantined', now + 2], ['policy.reloaded', now + 2]);
    const found = await store.read.notedSince(now, 10);
    expect(found.map(({ action, at }) => [action, at - now])).toEqual([
      ['policy.reloaded', 2],
      ['device.quarantined', 2],
      ['campaign.started', 0],
    ]);
    expect(await store.read.notedSince(now, 1)).toHaveLength(1);
    expect(await store.read.notedSince(now + 3, 10)).toEqual([]);
  });

  it('tells when the journal begins: at its first line that is kept', async () => {
    expect(await store.read.journalBegins()).toBeNull();
    await record(['old', now - day], ['new', now]);
    expect(await store.read.journalBegins()).toBe(now - day);
    await store.transact((tx) => tx.forgetJournal(now, 10));
    expect(await store.read.journalBegins()).toBe(now);
  });

  it('walks every renewal, ended ones too', async () => {
    await putRenewals(renewal('r1', 'a', { state: 'retired' }), renewal('r2', 'b'), renewal('r3', 'a'));
    const [first, second] = await store.read.renewalsAfter(0, 2);
    expect([first?.renewal.id, second?.renewal.id]).toEqual(['r1', 'r2']);
    expect(first?.renewal).toEqual(await store.read.renewal('r1'));
    const rest = await store.read.renewalsAfter(second?.row ?? 0, 2);
    expect(rest.map(({ renewal: { id } }) => id)).toEqual(['r3']);
  });

  it('walks every alert, cleared ones too, by name', async () => {
    const names: readonly AlertName[] = [
      { kind: 'lapsed', subject: 'a' },
      { kind: 'lapsed', subject: 'b' },
      { kind: 'no_owner', subject: 'a' },
    ];
    await store.transact(async (tx) => {
      for (const [i, name] of names.entries()) await tx.putAlert(alert(name, i === 1 ? now : null));
    });
    const first = await store.read.alertsAfter(null, 2);
    const rest = await store.read.alertsAfter(first.at(-1) ?? null, 2);
    expect([...first, ...rest]).toEqual(names.map((name, i) => alert(name, i === 1 ? now : null)));
  });
}
