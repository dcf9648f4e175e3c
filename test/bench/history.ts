// What a broker of a million devices has gathered over the years, put straight into the tables, and the work that must not grow with it.

import { settleAlerts } from '../../src/app/oversight/settle-alerts.ts';
import { startCampaign } from '../../src/app/rollout/campaigns.ts';
import { walkCampaigns } from '../../src/app/rollout/walk-campaigns.ts';
import { forgetJournal } from '../../src/app/upkeep/forget-journal.ts';
import type { Parts } from '../../src/home/home.ts';
import { MqttAbsences } from '../../src/store/mqtt/absences.ts';
import { Changed } from '../../src/store/mqtt/changed.ts';
import { MqttKept } from '../../src/store/mqtt/kept.ts';
import { MqttStoredSessions } from '../../src/store/mqtt/stored-sessions.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { measureLists } from '../../src/wiring/served-crl.ts';
import { inOneGo } from './fleet.ts';
import { idOf } from './rows.ts';

/** Share of the devices that have a retired certificate which has not ended. */
const retiredShare = 0.84;
/** Devices that come within one beat of the sweep. */
const coming = 10_000;
const scrapes = 100;
const beats = 100;

/** One retired certificate, journal line, alert that is over and stored session for each device, or nearly. */
export function fillHistory({ app, database }: Parts, devices: number): void {
  const { sqlite } = database;
  const now = app.clock.now();
  const long = now - 3_000 * 86_400_000;
  inOneGo(sqlite, () => {
    sqlite.exec(`
      INSERT INTO certificate (fingerprint, serial, principal_id, state, not_before, not_after, key_fingerprint, issued_at,
        activated_at, revoked_at, revocation_reason, der)
      SELECT printf('%064x', id), printf('%032x', id), principal_id, 'retired', not_before, not_after, printf('%064x', id),
        issued_at, issued_at, ${now - 1}, 'superseded', x'30' FROM certificate LIMIT ${Math.floor(devices * retiredShare)};
      UPDATE revocation_list SET revoked = revoked + 1;
      DELETE FROM journal;
      INSERT INTO journal (at, action, principal_id, detail) SELECT ${long}, 'renewal.retired', id, 'complete' FROM principal;
      INSERT INTO alert (kind, subject, severity, detail, raised_at, updated_at, seen_at, cleared_at)
      SELECT 'renewal_overdue', id, 'warning', 'late', ${long}, ${long}, ${long}, ${long} FROM principal;
      INSERT INTO mqtt_session (client_id) SELECT id || ':main' FROM principal;`);
  });
}

/** A part of that work: what is made ready before it is measured, and the work itself with what came of it in words. */
export type Work = (parts: Parts) => () => Promise<string>;

const count = (number: number): string => number.toLocaleString('en');

function storedSessions({ database }: Parts): () => Promise<string> {
  const sessions = new MqttStoredSessions({
    parts: [],
    absences: new MqttAbsences(database, new Changed()),
    kept: new MqttKept(database, new Changed()),
    perPrincipalMax: 10,
    isConnected: () => false,
    submit: (work) => database.submit(work),
    failed: (error) => {
      throw error;
    },
  });
  sessions.load();
  return async () => {
    let forgotten = 0;
    for (const away of [1, 86_400_000]) {
      for await (const gone of sessions.forgetAbsent(away, 86_400_000)) forgotten += gone.length;
    }
    return `${count(forgotten)} forgotten`;
  };
}

export const historyWork = {
  'the complete CRL':
    ({ app }) =>
    async () => {
      const list = await app.crls.whole();
      return `${count(list?.entries ?? 0)} entries, ${((list?.bytes ?? 0) / 1e6).toFixed(0)} MB`;
    },
  'old journal lines':
    ({ app }) =>
    async () =>
      `${count(await forgetJournal(app))} forgotten in one look`,
  'old alerts':
    ({ app }) =>
    async () => {
      await settleAlerts(app);
      return `${(await app.store.read.alerts({}, 100)).length} of the rest listed`;
    },
  'stored sessions': storedSessions,
  presence:
    ({ app }) =>
    async () => {
      for (let i = 0; i < coming; i += 1) app.presences.came(idOf(`device-${String(i).padStart(7, '0')}`));
      await app.presences.flush();
      return `${count(coming)} devices come`;
    },
  campaigns:
    ({ app }) =>
    async () => {
      await startCampaign(app, { reason: 'bench', all: true });
      for (let beat = 0; beat < beats; beat += 1) await walkCampaigns(app);
      return `${beats} beats of one over the whole fleet`;
    },
  '/metrics': ({ app }) => {
    const metrics = createMetrics();
    return async () => {
      for (let scrape = 0; scrape < scrapes; scrape += 1) {
        await app.store.read.counts();
        await measureLists(app, metrics, 1);
        await app.turns.take();
      }
      return `${scrapes} times; ${count((await metrics.render()).length)} bytes`;
    };
  },
} as const satisfies Record<string, Work>;

export type HistoryWork = keyof typeof historyWork;
