// An authoritative source outside says which devices exist, and the broker's inventory follows: what is new, what is other, what
// is gone; and a source that cannot be relied on changes nothing.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ReconcileReport } from '../../src/app/views/inventory.ts';
import { connackOf, connect, type House, openHouse } from './harness.ts';
import { type Mischief, NetBox, send } from './netbox.ts';

const token = '0123456789abcdef0123456789abcdef01234567';
let netbox: NetBox;
let house: House;

/** The worked example of docs/operations.md, with pages of ten. */
function yaml(more = '', timeout = '20s'): string {
  return `
classes: { default: { lifetime: 1h, renewAt: 66%, overlap: 10m, grace: 1h } }
sources:
  netbox:
    kind: http
    url: ${netbox.origin}/api/dcim/devices/?limit=10
    rows: results
    next: next
    count: count
    tokenFile: netbox-token
    authorization: Token
    every: 365d
    missingMax: 20%
    timeout: ${timeout}
    map: { id: name, owner: tenant.slug, site: site.slug, status: status.value }
    statuses: { active: [active, offline], decommissioned: [decommissioning], ignored: [planned] }
${more}`;
}

async function open(more = '', timeout?: string): Promise<void> {
  const files = { 'netbox-token': { text: `${token}\n`, mode: 0o600 } };
  house = await openHouse({ yaml: yaml(more, timeout), files });
  // What the broker reads by itself at its start is over before a test begins.
  await house.log.until('source.reconciled', { 'nolapse.source': 'netbox' });
}

beforeEach(async () => {
  netbox = await new NetBox(token).listen();
  netbox.devices = Array.from({ length: 25 }, (_, i) => ({ name: `meter-${i}` }));
});
afterEach(async () => {
  netbox.close();
  await house.close();
});

const reconcile = (more: object = {}): Promise<ReconcileReport> =>
  house.gateway.operations.reconcile({ source: 'netbox', ...more });
const recordOf = async (id: string) => (await house.gateway.operations.showDevice({ id })).principal;
const stateOf = async () => (await house.gateway.operations.listSources())[0]?.state;
const nothing = { added: 0, changed: 0, decommissioned: 0, conflicts: 0 };

describe('a source', () => {
  it('is read page by page at the start, and its devices are in the inventory', async () => {
    await open();
    expect(netbox.asked).toHaveLength(3);
    expect(await recordOf('meter-24')).toMatchObject({
      owner: 'water',
      site: 'north',
      status: 'active',
      source: 'netbox',
    });
    const all = await house.gateway.operations.listDevices({ source: 'netbox' });
    expect(all).toHaveLength(25);
    expect(await reconcile()).toMatchObject({ applied: true, counts: { ...nothing, unchanged: 25 } });
    expect(await stateOf()).toMatchObject({ outcome: 'good' });
  });

  it('is shown what it would change before anything of it is done', async () => {
    await open();
    netbox.devices = netbox.devices.slice(0, 24);
    netbox.devices[3] = { name: 'meter-3', site: 'south', tenant: null };
    netbox.devices.push({ name: 'meter-99' });
    const shown = await reconcile({ dryRun: true });
    expect(shown).toMatchObject({
      applied: false,
      objection: null,
      counts: { added: 1, changed: 1, decommissioned: 1, unchanged: 23 },
      added: ['meter-99'],
      changed: [
        {
          id: 'meter-3',
          fields: [
            { name: 'owner', from: 'water', to: '' },
            { name: 'site', from: 'north', to: 'south' },
          ],
        },
      ],
      decommissioned: ['meter-24'],
    });
    await expect(recordOf('meter-99')).rejects.toMatchObject({ code: 'not_found' });
    expect(await recordOf('meter-3')).toMatchObject({ site: 'north' });
    expect(await reconcile()).toMatchObject({ applied: true, counts: shown.counts });
    expect(await recordOf('meter-3')).toMatchObject({ site: 'south', owner: '', source: 'netbox' });
    expect(await recordOf('meter-99')).toMatchObject({ status: 'active', source: 'netbox' });
    expect(await recordOf('meter-24')).toMatchObject({ status: 'decommissioned' });
    expect(await reconcile({ dryRun: true })).toMatchObject({ counts: { ...nothing, unchanged: 25 } });
  });

  it('is read by itself at its own pace', async () => {
    house = await openHouse({
      yaml: yaml().replace('every: 365d', 'every: 1s'),
      files: { 'netbox-token': { text: token, mode: 0o600 } },
    });
    await house.log.until('source.reconciled');
    netbox.devices.push({ name: 'meter-new' });
    await house.log.until('source.reconciled', {
      message: 'source netbox: 1 added, 0 changed, 0 decommissioned, 25 unchanged',
    });
    expect(await recordOf('meter-new')).toMatchObject({ source: 'netbox' });
  });

  it('is not read again before its time, also after a restart', async () => {
    await open(`
  plant:
    kind: file
    path: plant.csv
    every: 1s
`);
    const asked = netbox.asked.length;
    await house.restart(() => writeFileSync(join(house.home, 'plant.csv'), 'id,owner\nplant-1,plant\n'));
    // By then the broker has looked at what is due, netbox before plant.
    await house.log.until('source.reconciled', { 'nolapse.source': 'plant' });
    expect(netbox.asked).toHaveLength(asked);
  });
});

describe('a device that is decommissioned in the source', () => {
  it('loses its certificates, its session, its renewal and its delegations at once', async () => {
    await open();
    const { operations } = house.gateway;
    const credentials = await operations.issueDevice({ id: 'meter-1' });
    const client = await connect(house, credentials, 'meter-1');
    const ended = new Promise<void>((resolve) => client.once('close', () => resolve()));
    await operations.runRenewal({ device: 'meter-1' });
    netbox.devices[1] = { name: 'meter-1', status: 'decommissioning' };
    const report = await reconcile();
    expect(report).toMatchObject({ counts: { added: 0, changed: 0, decommissioned: 1, unchanged: 24 } });
    await ended;
    const shown = await operations.showDevice({ id: 'meter-1' });
    expect(shown.principal.status).toBe('decommissioned');
    expect(shown.certificates.map(({ state, revocationReason }) => [state, revocationReason])).toEqual([
      ['revoked', 'cessationOfOperation'],
    ]);
    expect(shown.renewals.map(({ state }) => state)).toEqual(['cancelled']);
    expect(await connackOf(house, credentials, 'meter-1')).toBe(5);
    expect(house.log.count('device.decommissioned', { 'nolapse.principal': 'meter-1' })).toBe(1);
  });

  it('takes what it was delegated with it, when it is a gateway', async () => {
    await open(`    fixed: { kind: gateway }`);
    const { operations } = house.gateway;
    await operations.addDevice({ id: 'pump-1', owner: 'water', site: 'north' });
    await operations.addDelegation({ gateway: 'meter-2', site: 'north', modes: ['csr'], until: '1d', daily: 5 });
    netbox.devices[2] = { name: 'meter-2', status: 'decommissioning' };
    await reconcile();
    expect(await operations.listDelegations({ gateway: 'meter-2' })).toMatchObject([{ revokedAt: expect.any(Number) }]);
  });

  it('is not brought back by the source once it was decommissioned here: that is a finding', async () => {
    await open();
    await house.gateway.operations.decommissionDevice({ id: 'meter-5' });
    const report = await reconcile();
    const detail = 'decommissioned here, and in service in source netbox';
    expect(report).toMatchObject({ counts: { ...nothing, conflicts: 1 }, conflicts: [{ id: 'meter-5', detail }] });
    expect(await recordOf('meter-5')).toMatchObject({ status: 'decommissioned' });
    expect(await house.gateway.operations.listFindings({ kind: 'decommissioned_here' })).toMatchObject([
      { subject: 'netbox/meter-5', detail },
    ]);
    netbox.devices[5] = { name: 'meter-5', status: 'decommissioning' };
    await reconcile();
    expect(await house.gateway.operations.listFindings({ kind: 'decommissioned_here' })).toEqual([]);
  });

  it('stays as it is while the source says neither', async () => {
    await open();
    netbox.devices[6] = { name: 'meter-6', status: 'planned', site: 'south' };
    netbox.devices.push({ name: 'meter-77', status: 'planned' });
    expect(await reconcile()).toMatchObject({ counts: { ...nothing, unchanged: 25 } });
    expect(await recordOf('meter-6')).toMatchObject({ status: 'active', site: 'north' });
  });
});

describe("a device that is not the source's own", () => {
  beforeEach(async () => {
    await open(`
  plant:
    kind: file
    path: plant.csv
    every: 365d
`);
    // The broker reads it by itself at its start, and there is no file yet.
    await house.log.until('source.failed', { 'nolapse.source': 'plant' });
    await house.gateway.operations.addDevice({ id: 'mine', owner: 'me', site: 'attic' });
    writeFileSync(join(house.home, 'plant.csv'), 'id,owner\nmine,plant\nmeter-0,plant\nplant-1,plant\n');
  });

  it('is left alone, and told of', async () => {
    const report = await house.gateway.operations.reconcile({ source: 'plant' });
    expect(report).toMatchObject({
      counts: { added: 1, changed: 0, decommissioned: 0, unchanged: 0, conflicts: 2 },
      conflicts: [
        { id: 'mine', detail: 'entered by hand, and in source plant too: left as it is' },
        { id: 'meter-0', detail: 'from source netbox, and in source plant too: left as it is' },
      ],
    });
    expect(await recordOf('mine')).toMatchObject({ owner: 'me', source: null });
    expect(await recordOf('meter-0')).toMatchObject({ owner: 'water', source: 'netbox' });
    const found = await house.gateway.operations.listFindings({ kind: 'not_of_source' });
    expect(found.map(({ subject }) => subject)).toEqual(['plant/meter-0', 'plant/mine']);
    expect(await reconcile()).toMatchObject({ counts: { ...nothing, unchanged: 25 } });
  });

  it('becomes its own when an operator says so, if it was entered by hand', async () => {
    const report = await house.gateway.operations.reconcile({ source: 'plant', takeOver: true });
    expect(report).toMatchObject({
      counts: { added: 1, changed: 1, conflicts: 1 },
      changed: [
        {
          id: 'mine',
          fields: [
            { name: 'source', from: null, to: 'plant' },
            { name: 'owner', from: 'me', to: 'plant' },
          ],
        },
      ],
    });
    expect(await recordOf('mine')).toMatchObject({ owner: 'plant', site: 'attic', source: 'plant' });
    expect(await recordOf('meter-0')).toMatchObject({ source: 'netbox' });
    writeFileSync(join(house.home, 'plant.csv'), 'id,owner\nplant-1,plant\n');
    await house.gateway.operations.reconcile({ source: 'plant' });
    expect(await recordOf('mine')).toMatchObject({ status: 'decommissioned' });
  });

  it('moves from one source to the other when an operator says so, and the first may drop it', async () => {
    const report = await house.gateway.operations.reconcile({ source: 'plant', takeOverFrom: 'netbox' });
    expect(report).toMatchObject({
      counts: { added: 1, changed: 1, decommissioned: 0, conflicts: 1 },
      changed: [
        {
          id: 'meter-0',
          fields: [
            { name: 'source', from: 'netbox', to: 'plant' },
            { name: 'owner', from: 'water', to: 'plant' },
          ],
        },
      ],
      conflicts: [{ id: 'mine' }],
    });
    expect(await recordOf('meter-0')).toMatchObject({ owner: 'plant', site: 'north', source: 'plant' });
    await house.log.until('device.changed', {
      message: 'meter-0: taken over from source netbox, owner water -> plant, by source plant',
    });
    netbox.devices = netbox.devices.slice(1);
    expect(await reconcile()).toMatchObject({ counts: { ...nothing, unchanged: 24 } });
    expect(await recordOf('meter-0')).toMatchObject({ status: 'active' });
  });

  it.each([
    ['netbux', 'take-over-from: nothing in the inventory is from source netbux'],
    ['plant', 'take-over-from: it is the source that is read'],
  ])('is taken over from no source %s', async (takeOverFrom, fault) => {
    const asked = house.gateway.operations.reconcile({ source: 'plant', takeOverFrom });
    await expect(asked).rejects.toMatchObject({ code: 'invalid', faults: [fault] });
    expect(await recordOf('meter-0')).toMatchObject({ owner: 'water', source: 'netbox' });
  });

  it('keeps its source when somebody changes it by hand', async () => {
    const text = 'id,owner\nmeter-0,somebody\n';
    await house.gateway.operations.importDevices({ format: 'csv', text });
    expect(await recordOf('meter-0')).toMatchObject({ owner: 'somebody', source: 'netbox' });
    await reconcile();
    expect(await recordOf('meter-0')).toMatchObject({ owner: 'water', site: 'north', source: 'netbox' });
  });
});

describe('the guard', () => {
  it('changes nothing when too much is missing, alarms once, and is content when it is back', async () => {
    await open();
    const whole = netbox.devices;
    netbox.devices = whole.slice(0, 19);
    const objection = 'the source lacks 6 of 25 devices, more than 20%';
    expect(await reconcile()).toMatchObject({ applied: false, objection, counts: { decommissioned: 6 } });
    expect(await reconcile()).toMatchObject({ applied: false, objection });
    expect(await recordOf('meter-20')).toMatchObject({ status: 'active' });
    expect(house.log.count('alert.raised', { 'event.reason': 'source_failed' })).toBe(1);
    expect(await stateOf()).toMatchObject({ outcome: 'refused', detail: objection });
    netbox.devices = whole;
    expect(await reconcile()).toMatchObject({ applied: true, counts: { ...nothing, unchanged: 25 } });
    expect(await stateOf()).toMatchObject({ outcome: 'good' });
    netbox.devices = whole.slice(0, 19);
    await reconcile();
    expect(house.log.count('alert.raised', { 'event.reason': 'source_failed' })).toBe(2);
  });

  it('lets no field be lost to much of the fleet either, until an operator says so', async () => {
    await open();
    netbox.devices = netbox.devices.map((device, i) => (i < 6 ? { ...device, tenant: null } : device));
    const objection = 'the source empties owner of 6 of 25 devices, more than 20%';
    expect(await reconcile()).toMatchObject({ applied: false, objection, counts: { changed: 6 } });
    expect(await recordOf('meter-0')).toMatchObject({ owner: 'water' });
    expect(await stateOf()).toMatchObject({ outcome: 'refused', detail: objection });
    expect(await reconcile({ acceptLoss: true })).toMatchObject({ applied: true });
    expect(await recordOf('meter-0')).toMatchObject({ owner: '' });
  });

  it('lets an operator go on', async () => {
    await open();
    netbox.devices = netbox.devices.slice(0, 5);
    expect(await reconcile({ acceptLoss: true })).toMatchObject({ applied: true, counts: { decommissioned: 20 } });
    expect(await recordOf('meter-20')).toMatchObject({ status: 'decommissioned' });
  });
});

describe('a source that misbehaves', () => {
  const html: Mischief = (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end('<html>Please log in</html>');
    return true;
  };
  const broken: Mischief = (_request, response) => {
    response.writeHead(500, { 'content-type': 'application/json' }).end('{"error":"boom"}');
    return true;
  };
  const moved: Mischief = (_request, response) => {
    response.writeHead(302, { location: 'http://127.0.0.1:1/elsewhere' }).end();
    return true;
  };
  const half: Mischief = (_request, response, page) => {
    const text = JSON.stringify(page());
    response.writeHead(200, { 'content-type': 'application/json' }).end(text.slice(0, text.length / 2));
    return true;
  };
  const cut: Mischief = (_request, response, page) => {
    const text = JSON.stringify(page());
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': text.length });
    response.write(text.slice(0, text.length / 2), () => response.destroy());
    return true;
  };
  const silent: Mischief = () => true;
  const endless: Mischief = (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    const more = () => {
      while (!response.destroyed && response.write(' '.repeat(1_048_576)));
      response.once('drain', more);
    };
    more();
    return true;
  };
  const patched =
    (patch: (page: Record<string, unknown>) => object): Mischief =>
    (_request, response, page) => {
      send(response, 200, patch(page() as Record<string, unknown>));
      return true;
    };
  const onPage = (wanted: number, mischief: Mischief): Mischief => {
    let asked = 0;
    return (...all) => {
      asked += 1;
      return asked === wanted ? mischief(...all) : false;
    };
  };

  it.each<[string, Mischief, string]>([
    ['HTML', html, 'page 1: answered with text/html; charset=utf-8, not with JSON'],
    ['a 500 on its second page', onPage(2, broken), 'page 2: answered 500'],
    ['a redirect', moved, 'page 1: answered 302, a redirect: name the place itself'],
    ['half a page', onPage(3, half), 'page 3: not JSON, or not all of it'],
    ['a page cut off on its way', onPage(2, cut), 'page 2: the answer ended before it was whole'],
    ['no answer', silent, 'page 1: no whole answer within 2 s'],
    ['no end', endless, 'page 1: larger than 16777216 bytes: ask for fewer records a page'],
    ['another shape', patched(() => ({ results: 'soon' })), 'page 1: no list at results in the answer'],
    ['no next', patched(({ next: _next, ...page }) => page), 'page 1: no link at next, and no null'],
    [
      'a link to elsewhere',
      patched((page) => ({ ...page, next: 'http://127.0.0.1:1/api/' })),
      'page 1: the next page is at http://127.0.0.1:1, not at',
    ],
    [
      'a link that goes round',
      onPage(
        2,
        patched((page) => ({ ...page, next: page['previous'] })),
      ),
      'page 3: the next page is one that was read before',
    ],
    [
      'fewer records than it says',
      onPage(
        3,
        patched((page) => ({ ...page, results: [] })),
      ),
      'it says that there are 25 records, and gave 20',
    ],
    [
      'another count',
      onPage(
        2,
        patched((page) => ({ ...page, count: 7 })),
      ),
      'page 2: it says that there are 7 records, and before that there are 25',
    ],
    [
      'records that are none',
      onPage(
        2,
        patched((page) => ({ ...page, results: [1, null, []] })),
      ),
      'page 2, record 1: not an object',
    ],
    ['no records', patched((page) => ({ ...page, count: 0, next: null, results: [] })), 'it has no records'],
    [
      'no more token',
      (_request, response) => {
        send(response, 403, { detail: 'Invalid token' });
        return true;
      },
      'page 1: answered 403: is the token good?',
    ],
  ])('with %s is refused whole, and nothing is lost', async (_what, mischief, fault) => {
    await open('', mischief === silent ? '2s' : undefined);
    netbox.devices[1] = { name: 'meter-1', site: 'south' };
    netbox.mischief = mischief;
    await expect(reconcile()).rejects.toMatchObject({
      code: 'invalid',
      faults: expect.arrayContaining([expect.stringContaining(fault)]),
    });
    await house.log.until('alert.raised', { 'event.reason': 'source_failed', 'nolapse.alert.subject': 'netbox' });
    expect(await recordOf('meter-1')).toMatchObject({ status: 'active', site: 'north' });
    expect(await stateOf()).toMatchObject({ outcome: 'failed' });
    netbox.mischief = null;
    expect(await reconcile()).toMatchObject({ applied: true, counts: { ...nothing, changed: 1, unchanged: 24 } });
    expect(await stateOf()).toMatchObject({ outcome: 'good' });
  });

  it('in its records is refused whole, with every fault by its place', async () => {
    await open();
    netbox.devices[3] = { name: 'meter/3' };
    netbox.devices[12] = { name: 'meter-12', status: 'exploded' };
    netbox.devices[13] = { name: 'meter-0' };
    netbox.devices[24] = { name: null };
    netbox.devices.push({ name: 'meter-new' });
    const { faults } = (await reconcile().catch((error: unknown) => error)) as { faults: string[] };
    expect(faults).toEqual([
      expect.stringMatching(/^page 1, record 4: id: not an id/),
      `page 2, record 3: status: "exploded" is on no list of the source's statuses`,
      'page 2, record 4: id: meter-0 is listed already',
      'page 3, record 5: id: missing',
    ]);
    await expect(recordOf('meter-new')).rejects.toMatchObject({ code: 'not_found' });
    expect(await recordOf('meter-13')).toMatchObject({ status: 'active' });
  });
});
