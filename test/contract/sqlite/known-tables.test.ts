// What the store remembers of its rows is what its file holds: after any course of units, of which some are undone, every read answers as
// a reader does that remembers nothing.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { certificateStates } from '../../../src/domain/certificate.ts';
import { renewalStates } from '../../../src/domain/renewal.ts';
import type { Store, Transaction } from '../../../src/ports/store.ts';
import { openStore } from '../../../src/store/index.ts';
import { KnownRows, rowsKnownMax } from '../../../src/store/sqlite/known-rows.ts';
import { knownTables } from '../../../src/store/sqlite/known-tables.ts';
import { Queries } from '../../../src/store/sqlite/query.ts';
import { tablesOf } from '../../../src/store/sqlite/tables/index.ts';
import { alert } from '../store/alerts.ts';
import { approvedRequest, certificate, contact, day, digest, idOf, now, principal, renewal } from '../store/rows.ts';

const ids = ['a', 'b'];
const names = ['one', 'two', 'three'];

let home: string;
let opened: ReturnType<typeof openStore>;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'nolapse-known-'));
  opened = openStore(join(home, 'nolapse.db'));
});
afterEach(async () => {
  await opened.store.close();
  rmSync(home, { recursive: true });
});

type Write = (tx: Transaction) => Promise<unknown>;

/** Whose each certificate and renewal is never changes but by chance: then it is another's from the next write on. */
const owner = fc.oneof({ weight: 9, arbitrary: fc.constant('a') }, { weight: 1, arbitrary: fc.constant('b') });
const name = fc.constantFrom(...names);
const instant = fc.integer({ min: now, max: now + day });

const write: fc.Arbitrary<Write> = fc.oneof(
  fc.tuple(fc.constantFrom(...ids), fc.constantFrom('x', 'y')).map(
    ([id, by]): Write =>
      (tx) =>
        tx.putPrincipal(principal(id, { owner: by, modes: by === 'x' ? ['csr', 'recertify'] : [] })),
  ),
  fc.tuple(fc.constantFrom(...ids), instant).map(
    ([id, lastSeenAt]): Write =>
      (tx) =>
        tx.putContact(contact(id, { lastSeenAt })),
  ),
  fc.tuple(fc.constantFrom(...ids), instant).map(
    ([id, cameAt]): Write =>
      (tx) =>
        tx.putPresence({ principalId: idOf(id), gaps: new Uint8Array([1, 2]), cameAt, leftAt: null }),
  ),
  fc.tuple(name, owner, fc.constantFrom(...certificateStates), instant).map(
    ([of, id, state, renewAt]): Write =>
      (tx) =>
        tx.putCertificate(certificate(of, id, { state, renewAt })),
  ),
  fc.tuple(name, owner, instant).map(
    ([of, id, at]): Write =>
      (tx) =>
        tx.noteSeen(digest(`certificate ${of}`), idOf(id), at),
  ),
  fc.tuple(name, owner, fc.constantFrom(...renewalStates), fc.constantFrom(null, ...names)).map(
    ([id, of, state, old]): Write =>
      (tx) =>
        tx.putRenewal(renewal(id, of, { state, oldFingerprint: old === null ? null : digest(`certificate ${old}`) })),
  ),
  name.map(
    (id): Write =>
      (tx) =>
        tx.putRequest(id, approvedRequest(`request ${id}`, 'a')),
  ),
  fc.tuple(name, instant).map(
    ([renewalId, at]): Write =>
      (tx) =>
        tx.putRefusal({
          renewalId,
          via: null,
          code: 'key_refused',
          detail: '',
          firstAt: at,
          lastAt: at,
          times: 1,
          overAt: null,
        }),
  ),
  fc.tuple(name, instant).map(
    ([id, at]): Write =>
      (tx) =>
        tx.settleRefusals(id, at),
  ),
  fc.tuple(name, fc.nat(9)).map(
    ([id, total]): Write =>
      (tx) =>
        tx.putUpload(id, total, new Uint8Array([total])),
  ),
  fc.tuple(name, fc.constantFrom(...ids), fc.nat(9)).map(
    ([id, gateway, total]): Write =>
      (tx) =>
        tx.putCarriedUpload(id, { gatewayId: idOf(gateway), total, bytes: new Uint8Array([total]) }),
  ),
  fc.tuple(name, fc.constantFrom(...ids)).map(
    ([id, gateway]): Write =>
      (tx) =>
        tx.dropCarriedUpload(id, idOf(gateway)),
  ),
  name.map(
    (id): Write =>
      (tx) =>
        tx.dropUpload(id),
  ),
  name.map(
    (id): Write =>
      (tx) =>
        tx.dropUploads(id),
  ),
  fc.tuple(name, fc.constantFrom('x', 'y')).map(
    ([of, value]): Write =>
      (tx) =>
        tx.putSetting(of, value),
  ),
  fc.tuple(fc.constantFrom(...ids), fc.option(fc.constant(now))).map(
    ([id, clearedAt]): Write =>
      (tx) =>
        tx.putAlert(alert(id, { clearedAt })),
  ),
);

interface Unit {
  readonly writes: readonly Write[];
  readonly reads: boolean;
  readonly fails: boolean;
}
const unit: fc.Arbitrary<Unit> = fc.record({
  writes: fc.array(write, { maxLength: 4 }),
  reads: fc.boolean(),
  fails: fc.integer({ min: 0, max: 3 }).map((n) => n === 0),
});

async function answers(read: Pick<Store['read'], keyof ReturnType<typeof plainReader>>) {
  const of = await Promise.all(
    ids.map(async (text) => {
      const id = idOf(text);
      return [
        await read.principal(id),
        await read.contact(id),
        await read.presence(id),
        await read.unendedRenewals(id),
        await read.currentRenewal(id),
        await read.heldCertificates(id, { limit: 10 }),
        await read.heldCertificates(id, { limit: 10, after: digest('certificate two') }),
        await read.openAlertsOf(id),
      ];
    }),
  );
  const named = await Promise.all(
    names.map(async (each) => [
      await read.certificate(digest(`certificate ${each}`)),
      await read.renewal(each),
      await read.openRenewalFor(digest(`certificate ${each}`)),
      await read.request(each),
      await read.refusalsOf(each),
      await read.upload(each),
      await read.setting(each),
      await read.carriedUploads(each),
    ]),
  );
  const at = now + day / 2;
  return {
    of,
    named,
    due: [await read.dueCertificates(at, 10), await read.endedCertificates(at, 10), await read.dueRenewals(at, 10)],
  };
}

/** The tables as they are, read anew each time. */
function plainReader() {
  const tables = tablesOf(new Queries(opened.database.sqlite));
  return {
    principal: async (...given: Parameters<typeof tables.principal>) => tables.principal(...given),
    contact: async (...given: Parameters<typeof tables.contact>) => tables.contact(...given),
    presence: async (...given: Parameters<typeof tables.presence>) => tables.presence(...given),
    unendedRenewals: async (...given: Parameters<typeof tables.unendedRenewals>) => tables.unendedRenewals(...given),
    currentRenewal: async (...given: Parameters<typeof tables.currentRenewal>) => tables.currentRenewal(...given),
    heldCertificates: async (...given: Parameters<typeof tables.heldCertificates>) => tables.heldCertificates(...given),
    certificate: async (...given: Parameters<typeof tables.certificate>) => tables.certificate(...given),
    renewal: async (...given: Parameters<typeof tables.renewal>) => tables.renewal(...given),
    openRenewalFor: async (...given: Parameters<typeof tables.openRenewalFor>) => tables.openRenewalFor(...given),
    request: async (...given: Parameters<typeof tables.request>) => tables.request(...given),
    refusalsOf: async (...given: Parameters<typeof tables.refusalsOf>) => tables.refusalsOf(...given),
    setting: async (...given: Parameters<typeof tables.setting>) => tables.setting(...given),
    upload: async (...given: Parameters<typeof tables.upload>) => tables.upload(...given),
    carriedUploads: async (...given: Parameters<typeof tables.carriedUploads>) => tables.carriedUploads(...given),
    openAlertsOf: async (...given: Parameters<typeof tables.openAlertsOf>) => tables.openAlertsOf(...given),
    endedCertificates: async (...given: Parameters<typeof tables.endedCertificates>) =>
      tables.endedCertificates(...given),
    dueRenewals: async (...given: Parameters<typeof tables.dueRenewals>) => tables.dueRenewals(...given),
    dueCertificates: async (...given: Parameters<typeof tables.dueCertificates>) => tables.dueCertificates(...given),
  };
}

it('answers as the file does, whatever was written, and whatever of it was undone', async () => {
  const { store } = opened;
  const plain = plainReader();
  await store.transact(async (tx) => {
    for (const id of ids) await tx.putPrincipal(principal(id));
    for (const each of names) await tx.putCertificate(certificate(each, 'a'));
    for (const each of names) await tx.putRenewal(renewal(each, 'a'));
  });
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(unit, { minLength: 1, maxLength: 3 }), { maxLength: 8 }), async (batches) => {
      for (const batch of batches) {
        // Submitted together they are committed together, each in its savepoint; one alone is its transaction.
        const within: { readonly known: unknown; readonly plain: unknown }[] = [];
        const run = ({ writes, reads, fails }: Unit): Promise<void> =>
          store.transact(async (tx) => {
            for (const each of writes) {
              await each(tx);
              if (reads) within.push({ known: await answers(tx), plain: await answers(plain) });
            }
            if (fails) throw new Error('undone');
          });
        const ended = await Promise.allSettled(batch.map(run));
        const failed = ended.filter((each) => each.status === 'rejected').map(({ reason }) => String(reason));
        expect(failed).toEqual(batch.filter(({ fails }) => fails).map(() => 'Error: undone'));
        for (const each of within) expect(each.known).toEqual(each.plain);
        expect(await answers(store.read)).toEqual(await answers(plain));
      }
    }),
    { numRuns: 150 },
  );
});

it('forgets what it knew when a whole transaction is undone', async () => {
  const { store, database } = opened;
  await store.transact((tx) => tx.putPrincipal(principal('a', { owner: 'before' })));
  const commit = Object.getPrototypeOf(database.sqlite.prepare('SELECT 1'));
  const { run } = commit;
  commit.run = function (this: { readonly source: string }, ...values: unknown[]) {
    if (this.source === 'COMMIT') throw new Error('the disk is full');
    return run.apply(this, values);
  };
  try {
    await expect(store.transact((tx) => tx.putCertificate(certificate('one', 'a')))).rejects.toThrow();
  } finally {
    commit.run = run;
  }
  expect(await store.read.certificate(digest('certificate one'))).toBeNull();
  expect(await store.read.principal(idOf('a'))).toMatchObject({ owner: 'before' });
});

it('forgets what a unit has written that awaited something else and is undone for it', async () => {
  const { store } = opened;
  await store.transact((tx) => tx.putPrincipal(principal('a', { owner: 'before' })));
  const stalled = store.transact(async (tx) => {
    await tx.putCertificate(certificate('one', 'a'));
    await new Promise((resolve) => setTimeout(resolve, 20));
  });
  await expect(stalled).rejects.toMatchObject({ code: 'unit_stalled' });
  expect(await store.read.certificate(digest('certificate one'))).toBeNull();
});

it('settles a refusal that came when none was left to settle', async () => {
  const { store } = opened;
  const refusal = { renewalId: 'one', via: null, code: 'key_refused', detail: '', times: 1, overAt: null } as const;
  await store.transact(async (tx) => {
    await tx.putPrincipal(principal('a'));
    await tx.putRenewal(renewal('one', 'a'));
    await tx.settleRefusals('one', now);
  });
  for (const at of [now + 1, now + 2]) {
    await store.transact((tx) => tx.putRefusal({ ...refusal, firstAt: at, lastAt: at }));
    await store.transact((tx) => tx.settleRefusals('one', at));
    expect(await store.read.refusalsOf('one')).toMatchObject([{ lastAt: at, overAt: at }]);
  }
});

it('knows of a renewal that is new that it has nothing, until it has', async () => {
  const { store } = opened;
  const plain = plainReader();
  const first = { renewalId: 'new', via: null, code: 'key_refused', detail: '', times: 1, overAt: null } as const;
  await store.transact(async (tx) => {
    await tx.putPrincipal(principal('a'));
    await tx.putRenewal(renewal('new', 'a'));
    expect([await tx.refusalsOf('new'), await tx.upload('new'), await tx.carriedUploads('new')]).toEqual([
      [],
      null,
      [],
    ]);
  });
  const carried = { gatewayId: idOf('a'), total: 3, bytes: new Uint8Array([2]) };
  await store.transact(async (tx) => {
    await tx.putRefusal({ ...first, firstAt: now, lastAt: now });
    await tx.putUpload('new', 2, new Uint8Array([1]));
    await tx.putCarriedUpload('new', carried);
  });
  const has = async (read: Pick<ReturnType<typeof plainReader>, 'refusalsOf' | 'upload' | 'carriedUploads'>) => {
    return [(await read.refusalsOf('new')).length, (await read.upload('new'))?.total, await read.carriedUploads('new')];
  };
  expect(await has(store.read)).toEqual([1, 2, [carried]]);
  await store.transact(async (tx) => {
    await tx.settleRefusals('new', now + 1);
    await tx.dropUploads('new');
  });
  expect(await has(plain)).toEqual([1, undefined, []]);
  expect(await has(store.read)).toEqual([1, undefined, []]);
  expect(await store.read.refusalsOf('new')).toMatchObject([{ overAt: now + 1 }]);
});

it('remembers a bounded number of rows, and none that nobody has', () => {
  const tables = knownTables(tablesOf(new Queries(opened.database.sqlite)));
  for (let i = 0; i < 2 * rowsKnownMax; i += 1) tables.renewal(`made up ${i}`);
  for (let i = 0; i < 2 * rowsKnownMax; i += 1) tables.certificate(digest(`made up ${i}`));
  expect(tables.rowsKnown()).toBe(0);
  for (let i = 0; i < 2 * rowsKnownMax; i += 1) tables.contact(idOf(`made-up-${i}`));
  expect(tables.rowsKnown()).toBe(rowsKnownMax);
});

it('reads no row again that a visit has written', () => {
  const plain = tablesOf(new Queries(opened.database.sqlite));
  let reads = 0;
  const counted = {
    ...plain,
    certificate: (fingerprint: Parameters<typeof plain.certificate>[0]) => {
      reads += 1;
      return plain.certificate(fingerprint);
    },
    presence: (id: Parameters<typeof plain.presence>[0]) => {
      reads += 1;
      return plain.presence(id);
    },
  };
  const tables = knownTables(counted);
  tables.putPrincipal(principal('a'));
  const entry = certificate('one', 'a');
  tables.putCertificate(entry);
  const readsBefore = reads;
  for (let at = now; at < now + 3; at += 1) {
    tables.certificateSeen(entry.fingerprint, at);
    tables.putPresence({ principalId: idOf('a'), gaps: new Uint8Array([1]), cameAt: at, leftAt: null });
    expect(tables.certificate(entry.fingerprint)).toEqual(plain.certificate(entry.fingerprint));
    expect(tables.presence(idOf('a'))).toEqual(plain.presence(idOf('a')));
  }
  expect(tables.certificate(entry.fingerprint)?.lastSeenAt).toBe(now + 2);
  expect(reads).toBe(readsBefore);
});

it('lets the row go first that was remembered first', () => {
  const rows = new KnownRows<string, string>(
    2,
    (row) => row,
    (key) => key,
  );
  for (const key of ['a', 'b', 'c']) rows.get(key);
  expect(rows.size).toBe(2);
  rows.forget('a');
  expect(rows.size).toBe(2);
  rows.forget('c');
  expect(rows.size).toBe(1);
});
