// The ledger's disk is full: people are told at once although nothing can be written, once for as long as it lasts, and what
// happened is on record once there is room. SQLite is given no page more, which it takes for a full disk.
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Database } from '../../src/store/sqlite/database.ts';
import { type Credentials, connect, type House, openHouse } from './harness.ts';
import { publishPacket, Raw } from './raw.ts';
import { AlertmanagerLike, CloudEventsReceiver, type Receiver } from './receivers.ts';

const classes = 'classes: { default: { lifetime: 10h, renewAt: 66%, overlap: 10m, grace: 1h } }';
const kind = 'ledger_unwritable';

/** Time passes only as a test says. */
let passedMs: number;
const started = Date.now();
const clock = { now: () => started + passedMs, steady: () => passedMs };
let house: House;
let receivers: Receiver[];
/** The broker's own connection to its ledger. */
let database: Database;

async function open(alerts: (urls: readonly string[]) => string, ...more: Receiver[]): Promise<void> {
  receivers = more;
  for (const each of receivers) await each.open();
  const submit = vi.spyOn(Database.prototype, 'submit');
  house = await openHouse({ yaml: `${classes}\nalerts: ${alerts(receivers.map(({ url }) => url))}\n`, clock });
  database = submit.mock.contexts[0] as Database;
  submit.mockRestore();
}

beforeEach(() => {
  passedMs = 0;
});
afterEach(async () => {
  await house.close();
  await Promise.all(receivers.map((each) => each.close()));
});

function fillDisk(): void {
  const pages = Number(database.sqlite.pragma('page_count', { simple: true }));
  database.sqlite.pragma(`max_page_count = ${pages}`);
}

function makeRoom(): void {
  database.sqlite.pragma('max_page_count = 1000000');
  // After a refusal it counts as full for a while.
  passedMs += 200_000;
}

let messages = 0;

/** Publishes what has to be kept and does not fit; the publisher is ended. */
async function beRefused(credentials: Credentials): Promise<void> {
  const raw = await Raw.connect(house.gateway.ports.mqtt, credentials, 'dev-1');
  messages += 1;
  const more = { qos: 1, messageId: 1, retain: true };
  raw.send(publishPacket(`devices/dev-1/${messages}`, Buffer.alloc(200_000, 'x'), more));
  await raw.ended();
  expect(raw.of('puback')).toEqual([]);
}

async function scrape(name: string): Promise<string | undefined> {
  const text = await (await fetch(`http://127.0.0.1:${house.gateway.ports.http}/metrics`)).text();
  return text.split('\n').find((line) => line.startsWith(name));
}

const recorded = () => house.gateway.operations.listAlerts({ open: false, kind });

it('is told to every sink at once and once, and is on record with how long it lasted when there is room', async () => {
  const [hook, manager] = [new CloudEventsReceiver(null), new AlertmanagerLike()];
  await open(
    ([hookUrl, managerUrl]) => `{ webhooks: { hook: { kind: cloudevents, url: '${hookUrl}' },
      manager: { kind: alertmanager, url: '${managerUrl}', repeat: 1s } } }`,
    hook,
    manager,
  );
  const credentials = await house.device('dev-1');
  const began = clock.now();
  fillDisk();
  for (let times = 0; times < 3; times += 1) await beRefused(credentials);
  const line = await house.log.until('alert.raised', { 'event.reason': kind });
  expect(line.message).toMatch(/^ALERT raised: ledger_unwritable: ledger: it takes no writes: SQLITE_FULL: /);
  await hook.untilTold(`${kind}/ledger`, 'raised');
  // Alertmanager forgets, so it is told again.
  passedMs += 1_000;
  await manager.until(
    () => (manager.told.length >= 2 ? true : undefined),
    () => 'Alertmanager was told once',
  );
  await expect.poll(() => scrape('nolapse_ledger_writable')).toBe('nolapse_ledger_writable 0');
  await expect.poll(() => scrape(`nolapse_alerts_total{kind="${kind}"}`)).toMatch(/ 1$/);
  expect((await fetch(`http://127.0.0.1:${house.gateway.ports.http}/healthz`)).status).toBe(503);
  // Nothing of it can be on record, and who has nothing to write is served.
  expect(await recorded()).toEqual([]);
  const other = await connect(house, credentials, 'dev-1:other');
  await other.publishAsync('devices/dev-1/x', 'not kept', { qos: 1 });
  await other.endAsync(true);

  makeRoom();
  await house.log.until('alert.cleared', { 'event.reason': kind });
  await hook.untilTold(`${kind}/ledger`, 'cleared');
  await manager.untilHaving({ alertname: kind, severity: 'critical' }, 'resolved');
  const [alert] = await recorded();
  expect(alert?.detail).toMatch(/^it took no writes for 3m 21s: SQLITE_FULL: /);
  expect(alert).toMatchObject({ raisedAt: began, clearedAt: began + 201_000 });
  expect(hook.events.map(({ type }) => type)).toEqual(['nolapse.alert.raised', 'nolapse.alert.cleared']);
  expect(house.log.count('alert.raised', { 'event.reason': kind })).toBe(1);
  expect(house.log.count('alert.cleared', { 'event.reason': kind })).toBe(1);
  await expect.poll(() => scrape('nolapse_ledger_writable')).toBe('nolapse_ledger_writable 1');
  expect(manager.faults).toEqual([]);
});

it('is told to a sink that could not be told before: while it lasts, or both at the end; and each time anew', async () => {
  const [late, deaf] = [new CloudEventsReceiver(null), new CloudEventsReceiver(null)];
  await open(
    ([lateUrl, deafUrl]) => `{ webhooks: { late: { kind: cloudevents, url: '${lateUrl}' },
      deaf: { kind: cloudevents, url: '${deafUrl}' } } }`,
    late,
    deaf,
  );
  const credentials = await house.device('dev-1');
  for (const each of [late, deaf]) await each.close();
  fillDisk();
  await beRefused(credentials);
  for (const name of ['late', 'deaf']) await house.log.until('sink.failed', { 'nolapse.sink': `webhooks.${name}` });
  await late.open();
  // A sink that could not be told is told again after a while. Small writes find room meanwhile: that alone ends nothing.
  for (let times = 0; times < 4; times += 1) {
    passedMs += 8_000;
    await beRefused(credentials);
  }
  await late.untilTold(`${kind}/ledger`, 'raised');
  await deaf.open();
  makeRoom();
  for (const each of [late, deaf]) await each.untilTold(`${kind}/ledger`, 'cleared');
  for (const each of [late, deaf]) {
    expect(each.events.map(({ type }) => type)).toEqual(['nolapse.alert.raised', 'nolapse.alert.cleared']);
  }

  const since = house.log.lines.length;
  fillDisk();
  await beRefused(credentials);
  await house.log.until('alert.raised', { 'event.reason': kind }, since);
  await deaf.until(
    () => (deaf.events.length === 3 ? true : undefined),
    () => 'not told of the second time',
  );
  expect((await recorded()).map(({ clearedAt }) => clearedAt)).toEqual([expect.any(Number)]);
});
