// What touches many, or cannot be undone, can be asked for first: a dry run says what the decision then does, and leaves the ledger as it
// was, row for row.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Operations } from '../../src/app/operator/operate.ts';
import { loadConfig } from '../../src/config/index.ts';
import { initHome, openHome } from '../../src/home/home.ts';
import { openSqlite } from '../../src/store/sqlite/sqlite.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { operated } from '../fakes/tester.ts';
import { OtherCa } from '../pki/made.ts';

const hour = 3_600_000;
const ca = new OtherCa('Old Waterworks', Date.now() + 1_000 * hour);
const inUse = { notBefore: Date.now() - hour, notAfter: Date.now() + 1_000 * hour };
const rowOf = (id: string): string => {
  const certificate = Buffer.from(ca.issue(id, inUse).der).toString('base64');
  return `${JSON.stringify({ file: `${id}.crt`, certificate })}\n`;
};
/** Of devices that have none yet. */
const handedIn = rowOf('pump-3') + rowOf('pump-4');

let home: string;
beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'nolapse-'));
  // Changes are also recorded in a file, which a dry run leaves as it was.
  writeFileSync(join(home, 'nolapse.yaml'), `issued: { file: ${join(home, 'issued.jsonl')} }\n`);
  await initHome(options());
  await atRest(async (operations) => {
    await operations.addDevice({ id: 'gw-north', owner: 'o', kind: 'gateway', site: 'north' });
    for (const id of ['pump-1', 'pump-2', 'pump-3', 'pump-4']) {
      await operations.addDevice({ id, owner: 'o', site: 'north', gateway: 'gw-north', modes: ['recertify', 'csr'] });
    }
    await operations.importCertificates({ text: rowOf('pump-1') + rowOf('pump-2') });
    await operations.issueDevice({ id: 'pump-1' });
    await operations.runRenewal({ device: 'pump-1' });
    await operations.addDelegation(delegation);
  });
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const delegation = { gateway: 'gw-north', site: 'north', modes: ['recertify'], until: '90d', daily: 5 };
const options = () => ({
  home,
  config: loadConfig({ file: join(home, 'nolapse.yaml'), env: {} }),
  log: createLog({ level: 'silent' }),
});

async function atRest<T>(work: (operations: Operations) => Promise<T>): Promise<T> {
  const opened = operated(await openHome(options()));
  try {
    return await work(opened.operations);
  } finally {
    await opened.close();
  }
}

/** Every row of every table. */
function rows(): Record<string, unknown[]> {
  const sqlite = openSqlite(join(home, 'nolapse.db'));
  try {
    const tables = sqlite.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all() as { name: string }[];
    const issued = readFileSync(join(home, 'issued.jsonl'), 'utf8').split('\n');
    const found = tables.map(({ name }) => [name, sqlite.prepare(`SELECT * FROM "${name}"`).all()]);
    return { ...Object.fromEntries(found), issued };
  } finally {
    sqlite.close();
  }
}

type Dry = { readonly dryRun?: boolean };
const first = async (operations: Operations, device: string): Promise<string> =>
  (await operations.listCertificates({ device }))[0]?.fingerprint ?? '';

/** Each with what is told of it, in part, and with what it has recorded. */
const decisions: Readonly<
  Record<string, { ask: (operations: Operations, dry: Dry) => Promise<object>; says: object; steps: RegExp[] }>
> = {
  'decommissioning a device': {
    ask: (operations, dry) => operations.decommissionDevice({ id: 'pump-1', ...dry }),
    says: { revoked: 2, cancelled: 1, delegations: 0 },
    steps: [/^pump-1: certificate \S+ revoked/, /^pump-1: renewal cancelled/, /^pump-1 decommissioned/],
  },
  'decommissioning a gateway': {
    ask: (operations, dry) => operations.decommissionDevice({ id: 'gw-north', ...dry }),
    says: { delegations: 1, cutOff: { devices: 2, first: { owner: 'o' } } },
    steps: [/^gw-north may no longer act for site north/, /^gw-north decommissioned/],
  },
  'revoking a delegation': {
    ask: async (operations, dry) => {
      const [{ id } = { id: '' }] = await operations.listDelegations({});
      return operations.revokeDelegation({ id, ...dry });
    },
    says: { cutOff: { devices: 2 } },
    steps: [/^gw-north may no longer act for site north: revoked by hand/],
  },
  'adding a delegation': {
    ask: (operations, dry) => operations.addDelegation({ ...delegation, ...dry }),
    says: { covers: 4 },
    steps: [/^gw-north may act for site north until /],
  },
  'revoking a certificate': {
    ask: async (operations, dry) => operations.revokeCertificate({ id: await first(operations, 'pump-2'), ...dry }),
    says: { principalId: 'pump-2', state: 'revoked', also: 0 },
    steps: [/^pump-2: certificate \S+ revoked \(unspecified\)/],
  },
  'revoking for a compromised key': {
    ask: async (operations, dry) => {
      const id = await first(operations, 'pump-2');
      return operations.revokeCertificate({ id, reason: 'keyCompromise', ...dry });
    },
    says: { principalId: 'pump-2', state: 'revoked', also: 0 },
    steps: [/^pump-2: certificate \S+ revoked \(keyCompromise\)/],
  },
  'importing certificates': {
    ask: (operations, dry) => operations.importCertificates({ text: handedIn, ...dry }),
    says: { imported: 2, known: 0 },
    steps: [/^pump-3: certificate \S+ taken into the ledger/, /^pump-4: certificate \S+ taken into the ledger/],
  },
  'importing devices': {
    ask: (operations, dry) =>
      operations.importDevices({ format: 'csv', text: 'id,owner,site\npump-1,p,north\npump-9,p,south\n', ...dry }),
    says: { added: 1, updated: 1, unchanged: 0 },
    steps: [/^inventory import: 1 added, 1 updated/],
  },
  'changing a record': {
    ask: (operations, dry) => operations.setDevice({ id: 'pump-2', owner: 'anna', ...dry }),
    says: { changed: [{ field: 'owner', from: 'o', to: 'anna' }] },
    steps: [/^pump-2: owner o -> anna, by hand/],
  },
  'changing a record although it is refused': {
    ask: (operations, dry) =>
      operations.setDevice({ id: 'pump-2', owner: '', force: true, reason: 'nobody has it', by: 'anna', ...dry }),
    says: { changed: [{ field: 'owner', from: 'o' }] },
    steps: [/^pump-2: owner o -> /],
  },
};

/** What depends on the moment. */
const momentary = new Set(['id', 'createdAt', 'endsAt', 'revokedAt', 'dryRun']);
const lasting = (view: object) => Object.fromEntries(Object.entries(view).filter(([name]) => !momentary.has(name)));

describe('a dry run', () => {
  for (const [name, { ask, says, steps }] of Object.entries(decisions)) {
    it(`shows ${name}, changes no row, and is what is done then`, async () => {
      const before = rows();
      const shown = await atRest((operations) => ask(operations, { dryRun: true }));
      expect(shown).toMatchObject(says);
      const { dryRun } = shown as { dryRun: { steps: string[]; more: number } };
      for (const step of steps) expect(dryRun.steps).toContainEqual(expect.stringMatching(step));
      expect(rows()).toEqual(before);
      const done = await atRest((operations) => ask(operations, {}));
      expect(lasting(done)).toEqual(lasting(shown));
      expect(done).not.toHaveProperty('dryRun');
      expect(rows()).not.toEqual(before);
    });
  }

  it('names the first twenty of its steps, and counts the rest', async () => {
    await atRest(async (operations) => {
      const ids = Array.from({ length: 30 }, (_, index) => `meter-${index}`);
      await operations.importDevices({ format: 'csv', text: `id,owner\n${ids.map((id) => `${id},o`).join('\n')}\n` });
      const done = await operations.importCertificates({ text: ids.map(rowOf).join(''), dryRun: true });
      expect(done).toMatchObject({ imported: 30, dryRun: { more: 10 } });
      expect(done.dryRun?.steps).toHaveLength(20);
    });
  });

  it('refuses what would be refused', async () => {
    await atRest(async (operations) => {
      const asked = operations.setDevice({ id: 'pump-2', owner: '', dryRun: true });
      await expect(asked).rejects.toMatchObject({ code: 'conflict' });
    });
  });
});
