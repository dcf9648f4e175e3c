// Who is here and how rarely everybody comes, over the real store, through restarts, crashes and a clock that is set. The clock is
// the test's.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Presences } from '../../src/app/admission/presences.ts';
import type { App } from '../../src/app/operator/app.ts';
import { loadConfig } from '../../src/config/index.ts';
import type { LedgerEntry } from '../../src/domain/certificate.ts';
import { gapsOf } from '../../src/domain/presence.ts';
import { awayMs } from '../../src/domain/visits.ts';
import { assemble, initHome } from '../../src/home/home.ts';
import type { Presence } from '../../src/ports/presence.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { certificate, renewal } from '../contract/store/rows.ts';
import { idOf, noon, principal } from '../domain/samples.ts';
import { nobody } from '../fakes/nobody.ts';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const id = idOf('pump-7');

let home: string;
let app: App;
let now: number;
/** By how much the clock was set, without that time having passed. */
let setMs: number;

const log = createLog({ level: 'silent', stream: { write: () => undefined } });
const options = () => ({
  home,
  config: loadConfig({ env: {} }),
  log,
  clock: { now: () => now + setMs, steady: () => now },
});

async function start(): Promise<void> {
  ({ app } = await assemble(options(), { tell: () => undefined }, nobody, 'use'));
  await app.presences.begin();
}

/** As nolapse does when it is stopped, after its broker has closed. */
async function stop(): Promise<void> {
  await app.presences.end();
  await app.store.close();
}

/** Everything that is in memory is lost. */
async function crash(): Promise<void> {
  await app.store.close();
}

async function visit(afterMs: number, stayMs = 5_000): Promise<void> {
  now += afterMs;
  app.presences.came(id);
  now += stayMs;
  app.presences.left(id);
  await app.presences.flush();
}

async function presence(): Promise<Presence> {
  const found = await app.store.read.presence(id);
  if (!found) throw new Error('never came');
  return found;
}

/** In minutes, as the classes of gaps round them. */
async function longest(): Promise<number> {
  return gapsOf((await presence()).gaps).longestMs / minute;
}

async function expectLongest(ms: number): Promise<void> {
  expect(await longest()).toBeGreaterThanOrEqual(ms / minute);
  expect(await longest()).toBeLessThan((ms / minute) * 1.27);
}

async function putCertificate(facts: Partial<LedgerEntry> = {}): Promise<LedgerEntry> {
  const validity = { notBefore: now, notAfter: now + 90 * day, issuedAt: now, renewAt: now + 59 * day };
  const entry = certificate('one', id, { ...validity, ...facts });
  await app.store.transact((tx) => tx.putCertificate(entry));
  return entry;
}

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'nolapse-presences-'));
  [now, setMs] = [noon, 0];
  await initHome(options());
  await start();
  await app.store.transact((tx) => tx.putPrincipal(principal({ id })));
});
afterEach(async () => {
  await app.store.close().catch(() => undefined);
  rmSync(home, { recursive: true, force: true });
});

describe('a device', () => {
  it('is here from its first session until its last, whatever comes and goes between', async () => {
    const came = now;
    app.presences.came(id);
    now += hour;
    app.presences.came(id);
    now += hour;
    app.presences.left(id);
    await app.presences.flush();
    expect(app.presences.isHere(id)).toBe(true);
    expect(await presence()).toMatchObject({ cameAt: came, leftAt: null });
    app.presences.left(id);
    await app.presences.flush();
    expect(app.presences.isHere(id)).toBe(false);
    expect(await presence()).toMatchObject({ cameAt: came, leftAt: now });
    expect(await longest()).toBe(0);
  });

  it('has a gap for each time it was away, also where it came and went many times between two flushes', async () => {
    await visit(0);
    await visit(3 * day);
    await expectLongest(3 * day);
    for (let i = 0; i < 100; i += 1) {
      app.presences.came(id);
      now += hour;
      app.presences.left(id);
      now += i === 98 ? 10 * day : 2 * minute;
    }
    await app.presences.flush();
    await expectLongest(10 * day);
    expect(gapsOf((await presence()).gaps).plannedMs).toBeLessThan(4 * day);
  });

  it('that is back after an absence is planned anew at once, and renewed at once when its time has come by that', async () => {
    const entry = await putCertificate();
    await visit(0);
    now += 30 * day;
    app.presences.came(id);
    await expect
      .poll(async () => await app.store.read.openRenewalFor(entry.fingerprint))
      .toMatchObject({
        state: 'due',
        deadline: entry.notAfter,
      });
    expect(await app.store.read.certificate(entry.fingerprint)).toMatchObject({ renewAt: null });
  });

  it('that comes often enough is due when its policy says, to the millisecond, however often it comes', async () => {
    const entry = await putCertificate();
    for (let i = 0; i < 40; i += 1) await visit(12 * hour);
    const { renewAt } = (await app.store.read.certificate(entry.fingerprint)) ?? {};
    // 50% of its life, less its part of the spread of 2%.
    expect(renewAt).toBeLessThanOrEqual(entry.notBefore + 45.1 * day);
    expect(renewAt).toBeGreaterThan(entry.notBefore + 43 * day);
    await visit(11 * hour);
    expect(await app.store.read.certificate(entry.fingerprint)).toMatchObject({ renewAt });
  });

  it('is due earlier for a gap it shows, and later only when its record says so', async () => {
    const entry = await putCertificate();
    const due = async () => ((await app.store.read.certificate(entry.fingerprint))?.renewAt ?? 0) - entry.notBefore;
    await visit(0);
    await visit(17 * day);
    const early = await due();
    expect(early).toBeLessThan(43 * day);
    expect(early).toBeGreaterThan(30 * day);
    for (let i = 0; i < 10; i += 1) {
      await visit(2 * hour);
      expect(await due()).toBe(early);
    }
    for (let i = 0; i < 20; i += 1) await visit(hour);
    // Planned with an hour now; one and a half of the longest gap is kept.
    expect(await due()).toBeGreaterThan(early);
    expect(await due()).toBeLessThan(entry.notAfter - entry.notBefore - 1.5 * 17 * day);
  });

  it('whose certificate is not to be replaced is left as it is', async () => {
    const entry = await putCertificate({ renewAt: null });
    await visit(0);
    await visit(60 * day);
    expect(await app.store.read.certificate(entry.fingerprint)).toMatchObject({ renewAt: null });
    expect(await app.store.read.openRenewalFor(entry.fingerprint)).toBeNull();
  });
});

describe('a device behind a gateway', () => {
  it('is on a visit with each message, and one with those that follow within a minute', async () => {
    app.presences.heard(id, null);
    now += 59_000;
    app.presences.heard(id, null);
    await app.presences.flush();
    now += 59_000;
    app.presences.heard(id, null);
    await app.presences.flush();
    expect(await presence()).toMatchObject({ cameAt: noon, leftAt: now });
    now += 20 * day;
    app.presences.heard(id, null);
    await expect.poll(longest).toBeGreaterThan(0);
    await expectLongest(20 * day);
    expect(app.presences.isHere(id)).toBe(false);
  });

  it('that answers when it is called was silent, not away', async () => {
    app.presences.heard(id, null);
    await app.presences.flush();
    now += 60 * day;
    await app.store.transact((tx) => tx.putRenewal(renewal('r1', id, { createdAt: now })));
    now += 2 * hour;
    app.presences.heard(id, 'r1');
    await expect.poll(longest).toBeGreaterThan(0);
    await expectLongest(2 * hour);
  });

  it('is not looked up under a renewal of somebody else', async () => {
    const other = idOf('pump-8');
    await app.store.transact((tx) => tx.putPrincipal(principal({ id: other })));
    app.presences.heard(id, null);
    await app.presences.flush();
    now += 60 * day;
    await app.store.transact((tx) => tx.putRenewal(renewal('r1', other, { createdAt: now })));
    app.presences.heard(id, 'r1');
    await expect.poll(longest).toBeGreaterThan(0);
    await expectLongest(60 * day);
  });

  it('says nothing of gaps while it has a session of its own', async () => {
    app.presences.came(id);
    now += 3 * day;
    app.presences.heard(id, null);
    await app.presences.flush();
    expect(await presence()).toMatchObject({ cameAt: noon, leftAt: null });
  });
});

describe("the broker's own absence", () => {
  it('is nobody else’s: who was here when it stopped and comes back after the start was never away', async () => {
    app.presences.came(id);
    now += 5 * day;
    await stop();
    now += 2 * day;
    await start();
    now += 10_000;
    app.presences.came(id);
    await app.presences.flush();
    expect(await longest()).toBe(0);
    expect((await presence()).leftAt).toBeNull();
    expect(app.presences.isHere(id)).toBe(true);
  });

  it('is taken from a gap that it lies in', async () => {
    await visit(0);
    now += day;
    await stop();
    now += 10 * day;
    await start();
    await visit(2 * day);
    await expectLongest(3 * day);
  });

  it('ends with a crash the sessions it had, and begins where it was last known to be alive', async () => {
    app.presences.came(id);
    await app.presences.flush();
    now += 3 * day;
    await app.presences.flush();
    now += 29_000;
    await app.presences.flush();
    await crash();
    now += 6 * day;
    await start();
    now += 4 * day;
    const absences = await app.presences.absences();
    expect(awayMs(await presence(), absences, now)).toBe(4 * day);
    app.presences.came(id);
    await app.presences.flush();
    await expectLongest(4 * day);
  });

  it('is no longer than since it was alive, though nobody came for hours before the crash', async () => {
    await visit(0);
    for (let i = 0; i < 8; i += 1) {
      now += hour;
      await app.presences.flush();
    }
    await crash();
    now += 10 * minute;
    await start();
    expect(await app.presences.absences()).toEqual([{ from: now - 10 * minute, to: now, stopped: true }]);
  });

  it('loses no return in a crash right after it', async () => {
    await visit(0);
    now += 7 * day;
    app.presences.came(id);
    await expect.poll(longest).toBeGreaterThan(0);
    now += 2_000;
    await crash();
    now += minute;
    await start();
    await visit(7 * day);
    await expectLongest(7 * day);
  });

  it('is known on a home at rest, without being written there', async () => {
    app.presences.came(id);
    now += day;
    await stop();
    now += 3 * day;
    ({ app } = await assemble(options(), { tell: () => undefined }, nobody, 'use'));
    const absences = await app.presences.absences();
    expect(awayMs(await presence(), absences, now)).toBe(0);
    await app.presences.flush();
    await app.presences.end();
    await app.store.close();
    now += day;
    await start();
    expect(await app.presences.absences()).toEqual([{ from: now - 4 * day, to: now, stopped: true }]);
  });

  it('counts none of the time by which a clock was set, forward or back, while it runs or between', async () => {
    await visit(0);
    setMs = 95 * day;
    await visit(2 * day);
    await expectLongest(2 * day);
    setMs = 0;
    await visit(2 * day);
    await stop();
    setMs = 400 * day;
    await start();
    await visit(2 * day);
    await stop();
    setMs = 0;
    await start();
    await visit(2 * day);
    await visit(2 * day);
    await expectLongest(2 * day);
  });
});

describe('a store that fails', () => {
  it('costs no visit: what could not be written is written later', async () => {
    await visit(0);
    const presences = new Presences({
      ...app,
      get store() {
        return app.store;
      },
    });
    await presences.begin();
    await app.store.close();
    now += 9 * day;
    presences.came(id);
    now += hour;
    presences.left(id);
    await expect(presences.flush()).rejects.toMatchObject({ code: 'store_closed' });
    ({ app } = await assemble(options(), { tell: () => undefined }, nobody, 'use'));
    await presences.flush();
    await expectLongest(9 * day);
    expect((await presence()).leftAt).toBe(now);
  });
});
