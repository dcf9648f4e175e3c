// Whom to look at and when, the alerts there are, and who is still to be told: what a store must keep of each.
import { expect, it } from 'vitest';
import type { Alert } from '../../../src/domain/alert.ts';
import type { Transaction } from '../../../src/ports/store.ts';
import { certificate, day, idOf, now, principal, renewal } from './rows.ts';
import { put, putRenewals, reopen, store } from './under-test.ts';

export const alert = (subject: string, facts: Partial<Alert> = {}): Alert => ({
  kind: 'renewal_overdue',
  subject,
  severity: 'warning',
  detail: 'it is open since 2027-01-01',
  owner: 'waterworks',
  raisedAt: now,
  updatedAt: now,
  seenAt: now,
  acknowledgedAt: now,
  acknowledgedBy: 'ana',
  clearedAt: null,
  ...facts,
});

const change = <T>(work: (tx: Transaction) => Promise<T>): Promise<T> => store.transact(work);
const putAlerts = (...alerts: Alert[]) =>
  change(async (tx) => {
    for (const each of alerts) await tx.putAlert(each);
  });
const due = (at = now) => store.read.dueWatches(at, 10);
const forgetAll = () =>
  change(async (tx) => {
    for (const id of ['a', 'b']) await tx.putWatch(idOf(id), null);
  });

export function watches(): void {
  it('has a principal looked at again when its certificate comes into use or goes out of it', async () => {
    await forgetAll();
    await put(certificate('1', 'a', { state: 'issued' }));
    expect(await due()).toEqual([]);
    await put(certificate('1', 'a', { state: 'active' }));
    expect(await due()).toEqual(['a']);
    await forgetAll();
    await put(certificate('1', 'a', { state: 'active', lastSeenAt: now + 1 }));
    expect(await due()).toEqual([]);
    await put(certificate('1', 'a', { state: 'superseded' }));
    expect(await due()).toEqual(['a']);
    await forgetAll();
    await put(certificate('1', 'a', { state: 'retired' }), certificate('2', 'b'));
    expect(await due()).toEqual(['b']);
  });

  it.each([
    ['begins', null, 'due', true],
    ['is offered', 'due', 'offered', false],
    ['is installed', 'delivered', 'installed', true],
    ['fails after it was installed', 'installed', 'failed', true],
    ['is cancelled', 'offered', 'cancelled', true],
    ['ends with grace', 'offered', 'lapsed', true],
  ] as const)('has it looked at when its renewal %s: %s to %s', async (_, from, to, isLookedAt) => {
    if (from) await putRenewals(renewal('r1', 'a', { state: from }));
    await forgetAll();
    await putRenewals(renewal('r1', 'a', { state: to }));
    expect(await due()).toEqual(isLookedAt ? ['a'] : []);
  });

  it('has it looked at when its record changes in what alerts depend on', async () => {
    const write = (facts: object) => change((tx) => tx.putPrincipal(principal('a', facts)));
    for (const facts of [{ owner: 'x' }, { status: 'quarantined' }, { class: 'x' }, { criticality: 'low' }]) {
      await write({});
      await forgetAll();
      await write({ site: 'elsewhere' });
      expect(await due()).toEqual([]);
      await write(facts);
      expect(await due()).toEqual(['a']);
    }
    await change((tx) => tx.putPrincipal(principal('c', { owner: ' ' })));
    expect(await due()).toEqual(['a', 'c']);
  });

  it('keeps when it must be looked at, the longest overdue first', async () => {
    await change(async (tx) => {
      await tx.putWatch(idOf('a'), now);
      await tx.putWatch(idOf('b'), now - 1);
      await tx.putWatch(idOf('c'), now + 1);
    });
    await reopen();
    expect(await due()).toEqual(['b', 'a']);
    expect(await store.read.dueWatches(now, 1)).toEqual(['b']);
    await change((tx) => tx.putWatch(idOf('b'), null));
    expect(await due(now + 1)).toEqual(['a', 'c']);
  });
}

export function alerts(): void {
  it('keeps an alert as it was put, one for each name', async () => {
    const changed = alert('a', { severity: 'critical', owner: null, acknowledgedAt: null, acknowledgedBy: null });
    await putAlerts(alert('a'), changed, alert('a', { kind: 'lapsed' }));
    await reopen();
    expect(await store.read.alert('renewal_overdue', 'a')).toEqual(changed);
    expect(await store.read.alert('renewal_overdue', 'b')).toBeNull();
    expect(await store.read.alerts({}, 10)).toHaveLength(2);
    expect(await store.read.alerts({ kind: 'lapsed' }, 10)).toEqual([alert('a', { kind: 'lapsed' })]);
  });

  it('lists what is open in the order of names, in pages', async () => {
    await putAlerts(alert('b'), alert('a'), alert('c', { clearedAt: now }), alert('z', { kind: 'lapsed' }));
    const first = await store.read.openAlerts(null, 2);
    expect(first.map(({ kind, subject }) => `${kind}/${subject}`)).toEqual(['lapsed/z', 'renewal_overdue/a']);
    expect((await store.read.openAlerts(first[1] ?? null, 2)).map(({ subject }) => subject)).toEqual(['b']);
    expect((await store.read.alerts({ open: true }, 10)).map(({ subject }) => subject).sort()).toEqual(['a', 'b', 'z']);
  });

  it('finds what is open of one principal, and what is told with it', async () => {
    await putAlerts(
      alert('a'),
      alert('a', { kind: 'lapsed' }),
      alert('a', { kind: 'unknown_identity' }),
      alert('a', { kind: 'renewal_failed', clearedAt: now }),
      alert('a', { kind: 'source_failed' }),
      alert('b'),
    );
    const kinds = (await store.read.openAlertsOf(idOf('a'))).map(({ kind }) => kind);
    expect(kinds).toEqual(['lapsed', 'renewal_overdue', 'unknown_identity']);
    const was = { severity: 'warning', owner: 'waterworks' } as const;
    await change((tx) => tx.notify('hook', 'updated', { ...alert('a', { owner: 'ana' }), was }, now));
    await reopen();
    expect((await store.read.notifications('hook', 10)).map(({ alert: { owner, was: had } }) => [owner, had])).toEqual([
      ['ana', was],
    ]);
  });

  it('finds what was not seen for long, and what was seen in a time that has not come', async () => {
    await putAlerts(
      alert('quiet', { seenAt: now - day }),
      alert('seen', { seenAt: now - day + 1 }),
      alert('ahead', { seenAt: now + 1 }),
      alert('over', { seenAt: now - day, clearedAt: now }),
      alert('another', { kind: 'lapsed', seenAt: now - day }),
    );
    const quiet = await store.read.quietAlerts('renewal_overdue', now - day, now, 10);
    expect(quiet.map(({ subject }) => subject).sort()).toEqual(['ahead', 'quiet']);
    expect(await store.read.quietAlerts('renewal_overdue', now - day, now, 1)).toHaveLength(1);
  });

  it('counts what is open by kind and severity, also after an undone change', async () => {
    await putAlerts(alert('a'), alert('b'), alert('c', { clearedAt: now }), alert('d', { kind: 'lapsed' }));
    await putAlerts(alert('a', { severity: 'critical' }), alert('b', { detail: 'another' }));
    await change(async (tx) => {
      await tx.putAlert(alert('b', { clearedAt: now }));
      throw new Error('no');
    }).catch(() => undefined);
    const open = async () => Object.entries((await store.read.counts()).alerts).filter(([, count]) => count !== 0);
    const expected = { 'renewal_overdue/warning': 1, 'renewal_overdue/critical': 1, 'lapsed/warning': 1 };
    expect(Object.fromEntries(await open())).toEqual(expected);
    await putAlerts(alert('a', { severity: 'critical', clearedAt: now - 1 }), alert('b', { clearedAt: now + 1 }));
    await putAlerts(alert('d', { kind: 'lapsed', clearedAt: now + 1 }), alert('c', { clearedAt: null }));
    expect(await open()).toEqual([['renewal_overdue/warning', 1]]);
    expect(await store.transact((tx) => tx.forgetAlerts(now + 2, 9))).toBe(3);
    expect(await open()).toEqual([['renewal_overdue/warning', 1]]);
  });

  it('forgets what was cleared long ago, and nothing else', async () => {
    await putAlerts(alert('a', { clearedAt: now - 1 }), alert('b', { clearedAt: now }), alert('c'));
    expect(await store.transact((tx) => tx.forgetAlerts(now, 9))).toBe(1);
    expect((await store.read.alerts({}, 10)).map(({ subject }) => subject).sort()).toEqual(['b', 'c']);
  });
}

export function forgotten(): void {
  it('forgets no more of them at a time than it is told', async () => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    await putAlerts(...names.map((name) => alert(name, { clearedAt: now - 1 })), alert('f'));
    const forget = () => store.transact((tx) => tx.forgetAlerts(now, 2));
    expect([await forget(), await forget(), await forget(), await forget()]).toEqual([2, 2, 1, 0]);
    expect((await store.read.alerts({}, 10)).map(({ subject }) => subject)).toEqual(['f']);
  });
}

export function notifications(): void {
  it('keeps what each sink is to be told in the order of what happened, whatever was put off', async () => {
    await change(async (tx) => {
      await tx.notify('log', 'raised', alert('a'), now);
      await tx.notify('hook', 'raised', alert('a'), now);
      await tx.notify('hook', 'cleared', alert('a', { clearedAt: now }), now);
    });
    const [first] = await store.read.notifications('hook', 1);
    expect(first).toMatchObject({ sink: 'hook', event: 'raised', alert: alert('a'), dueAt: now, attempts: 0 });
    await change((tx) => tx.putOffNotification(first?.id ?? 0, now + day));
    await reopen();
    const waiting = await store.read.notifications('hook', 10);
    expect(waiting.map(({ event, dueAt, attempts }) => [event, dueAt, attempts])).toEqual([
      ['raised', now + day, 1],
      ['cleared', now, 0],
    ]);
    await change((tx) => tx.dropNotification(first?.id ?? 0));
    expect(await store.read.waitingNotifications('hook')).toBe(1);
    expect((await store.read.notifiedSinks()).sort()).toEqual(['hook', 'log']);
  });

  it('forgets what has waited longest for a sink, beyond what is kept', async () => {
    await change(async (tx) => {
      for (const name of ['a', 'b', 'c', 'd']) await tx.notify('hook', 'raised', alert(name), now);
      await tx.notify('log', 'raised', alert('a'), now);
      expect(await tx.trimNotifications('hook', 4)).toBe(0);
      expect(await tx.trimNotifications('hook', 3)).toBe(1);
    });
    const kept = async () => (await store.read.notifications('hook', 10)).map((each) => each.alert.subject);
    expect(await kept()).toEqual(['b', 'c', 'd']);
    expect(await change((tx) => tx.trimNotifications('hook', 0))).toBe(3);
    expect(await kept()).toEqual([]);
    expect(await store.read.waitingNotifications('log')).toBe(1);
  });

  it('tells its listener of a commit that has something for a sink, once and for which, and of no other', async () => {
    const told: string[][] = [];
    store.onNotify((sinks) => void told.push([...sinks].toSorted()));
    await change((tx) => tx.putAlert(alert('a')));
    await change(async (tx) => {
      await tx.notify('log', 'raised', alert('a'), now);
      throw new Error('no');
    }).catch(() => undefined);
    expect(told).toEqual([]);
    await change(async (tx) => {
      await tx.notify('log', 'raised', alert('a'), now);
      await tx.notify('hook', 'cleared', alert('a'), now);
    });
    await expect.poll(() => told).toEqual([['hook', 'log']]);
  });
}
