// Devices that were given thousands of certificates over the years, over new keys or over one: each connects, renews and is shown as if it
// were new, and no read along the way brings more than a few of them.

import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { KeyMode } from '../../src/domain/principal.ts';
import { openDatabase } from '../../src/store/sqlite/database.ts';
import { TableReader } from '../../src/store/sqlite/reader.ts';
import { type Credentials, connackOf, connect, type House, openHouse, pemOf, Speaker } from './harness.ts';
import { fetchStretch, nextIssued, replacementOf, totalOf } from './piecemeal.ts';
import { renewed } from './renewed.ts';

const yaml = `
classes:
  default: { lifetime: 1h, renewAt: 66%, overlap: 3s, grace: 1h, retryFirst: 1s, retryMax: 1s, keyModes: [csr, recertify] }
`;
const given = 3_000;
/** Rows of one read: a page, or a list that has a bound of its own. */
const rowsMax = 100;
const others = ['constructor', 'listEntries'];

let house: House;
let most: { read: string; rows: number };
/** Rows of all lists together. */
let total: number;

/** Notes how much all lists bring that are read, in a transaction or beside it, save the pages of the CRL, which is the fleet's. */
function watchReads(): void {
  const reads = TableReader.prototype as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
  for (const name of Object.getOwnPropertyNames(TableReader.prototype).filter((each) => !others.includes(each))) {
    const read = reads[name];
    if (!read) continue;
    vi.spyOn(reads, name).mockImplementation(async function (this: unknown, ...args: unknown[]) {
      const found = await read.apply(this, args);
      const rows = Array.isArray(found) ? found.length : 0;
      total += rows;
      if (rows > most.rows) most = { read: name, rows };
      return found;
    });
  }
}

/** What the certificate in use has come after: as many retired ones, over its key if it keeps that, each with its renewal and a journal line. */
function plantHistory(home: string, id: string, key: 'one' | 'many', first: number): void {
  const { sqlite } = openDatabase(join(home, 'nolapse.db'));
  const hex = (digits: number) => `printf('%0${digits}x', n.i)`;
  sqlite
    .prepare(
      `WITH RECURSIVE n (i) AS (SELECT ${first} UNION ALL SELECT i + 1 FROM n WHERE i < ${first + given - 1})
       INSERT INTO certificate (fingerprint, serial, principal_id, state, not_before, not_after, key_fingerprint, issued_at, activated_at,
         last_seen_at, revoked_at, revocation_reason, der)
       SELECT ${hex(64)}, ${hex(32)}, principal_id, 'retired', not_before - n.i, not_after, ${key === 'one' ? 'key_fingerprint' : hex(64)},
         issued_at - n.i, issued_at - n.i, issued_at - n.i, issued_at - 1, 'superseded', der
       FROM certificate, n WHERE principal_id = ? AND state = 'active'`,
    )
    .run(id);
  sqlite.exec(`
    INSERT INTO renewal (id, principal_id, state, mode, created_at, deadline, closes_at, attempts, requests, carried_requests, updated_at, ended)
    SELECT 'old-' || fingerprint, principal_id, 'retired', 'csr', issued_at, not_after, not_after, 1, 1, 0, issued_at, 1
    FROM certificate WHERE principal_id = '${id}' AND state = 'retired';
    INSERT INTO journal (at, action, principal_id, renewal_id, detail)
    SELECT created_at, 'renewal.retired', principal_id, id, 'complete' FROM renewal WHERE principal_id = '${id}';`);
  sqlite.close();
}

async function withHistory(id: string, modes: readonly KeyMode[], key: 'one' | 'many'): Promise<Credentials> {
  await house.gateway.operations.addDevice({ id, owner: 'tests', modes: [...modes] });
  const issued = await house.gateway.operations.issueDevice({ id });
  await (await connect(house, issued, id)).endAsync();
  await house.restart(() => plantHistory(house.home, id, key, 1));
  return issued;
}

describe('a device with a long history', () => {
  beforeEach(async () => {
    house = await openHouse({ yaml });
    most = { read: 'nothing', rows: 0 };
    total = 0;
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await house.close();
  });

  it('connects, makes a new key and renews, and is shown', async () => {
    const old = await withHistory('meter-1', ['csr'], 'many');
    watchReads();
    await renewed(house, old, 'meter-1');
    await house.log.until('renewal.retired', { 'nolapse.principal': 'meter-1' });
    const { operations } = house.gateway;
    expect((await operations.showDevice({ id: 'meter-1' })).certificates.map(({ state }) => state).slice(0, 2)).toEqual(
      ['active', 'retired'],
    );
    await operations.explainPolicy({ id: 'meter-1' });
    expect(most.rows, most.read).toBeLessThanOrEqual(rowsMax);
    expect(total).toBeLessThan(given / 2);
    expect(await operations.listCertificates({ device: 'meter-1', limit: 10_000 })).toHaveLength(given + 2);
    expect(await operations.listCertificates({ device: 'meter-1', state: 'active' })).toHaveLength(1);
  });

  it('connects and has the one key it ever had certified once more, and is decommissioned', async () => {
    const old = await withHistory('pump-1', ['recertify'], 'one');
    watchReads();
    await house.gateway.operations.runRenewal({ device: 'pump-1' });
    const device = await new Speaker(await connect(house, old, 'pump-1'), 'pump-1', 'cbor').listen();
    await device.say({ word: 'hello', maxPacket: 256 });
    const offer = await nextIssued(device);
    expect(offer.mode).toBe('recertify');
    const der = replacementOf(offer, await fetchStretch(device, offer, 0, totalOf(offer)));
    await device.say({ word: 'ack', renewal: offer.renewal, status: 'installed' });
    await device.client.endAsync();
    const second = { certificatePem: pemOf([der]), keyPem: old.keyPem };
    expect(await connackOf(house, second, 'pump-1')).toBe(0);
    await house.log.until('renewal.activated', { 'nolapse.principal': 'pump-1' });
    const { revoked } = await house.gateway.operations.decommissionDevice({ id: 'pump-1' });
    expect(revoked).toBeGreaterThan(0);
    expect(most.rows, most.read).toBeLessThanOrEqual(rowsMax);
    expect(total).toBeLessThan(given / 2);
  });
});
