// Decisions that take a device its way to renew and not its time: key modes, proofs, packets, delegations, a life shorter than the gap between
// its visits, more renewals than the rates allow. Each is shown, refused, and let through once somebody insists.
import type { MqttClient } from 'mqtt';
import { afterEach, describe, expect, it } from 'vitest';
import type { OperationError } from '../../src/app/operation-error.ts';
import type { Operations } from '../../src/app/operator/operate.ts';
import { OtherCa } from '../pki/made.ts';
import { type Credentials, connect, type House, openHouse, Speaker } from './harness.ts';
import { delegate, openGateway, SiteDevice } from './site.ts';

const day = 86_400_000;

let house: House;
let passedMs = 0;
const clock = { now: () => Date.now() + passedMs, steady: () => performance.now() + passedMs };
const clients: MqttClient[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) await client.endAsync(true);
  await house.close();
});

const operations = (): Operations => house.gateway.operations;
const classes = (values: string, more = ''): string =>
  `classes: { default: { lifetime: 90d, renewAt: 50%, spread: 0%, backdate: 0s, retryMax: 1d, ${values} } }\n${more}`;

async function open(yaml: string): Promise<void> {
  passedMs = 0;
  house = await openHouse({ yaml, clock });
}

/** Without the root: by the turned clock the server's certificate may be of another time. */
const bare = ({ certificatePem, keyPem }: Credentials): Credentials => ({ certificatePem, keyPem });

async function visit(credentials: Credentials, id: string): Promise<void> {
  await (await connect(house, bare(credentials), id)).endAsync();
  await expect.poll(async () => (await operations().showDevice({ id })).presence?.here).toBe(false);
}

/** Whom other policies leave without a way to renew, and why; they are refused for it. */
async function refusedBy(yaml: string): Promise<string[]> {
  house.configure(yaml);
  const { toll } = await operations().reload({ dryRun: true });
  expect(toll?.objections).toHaveLength(1);
  await expect(operations().reload()).rejects.toMatchObject({ code: 'conflict' });
  return toll?.devices.map(({ id, why }) => `${id} ${why}`) ?? [];
}

async function allowedBy(yaml: string): Promise<void> {
  house.configure(yaml);
  expect((await operations().reload()).toll).toMatchObject({ short: 0, objections: [] });
}

const importing = (text: string, more = {}) => operations().importDevices({ format: 'csv', text, ...more });
async function refusalOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => null,
    (reason: OperationError) => reason,
  );
  expect(error).toMatchObject({ code: 'conflict' });
  return error?.faults.join('\n') ?? '';
}

/** dev-1 and dev-2 are renewed through their site's gateway, dev-1 with requests that its key signs; dev-3 connects itself. */
async function openSite(values: string): Promise<void> {
  await open(classes(values));
  const gateway = await openGateway(house, 'gw-1');
  clients.push(gateway.client);
  await delegate(house, 'gw-1', { site: 'north' });
  for (const id of ['dev-1', 'dev-2', 'dev-3']) {
    const credentials = await house.device(id, { site: 'north' });
    await visit(credentials, id);
    if (id === 'dev-3') continue;
    const device = new SiteDevice(gateway.client, id, credentials);
    await device.report();
    await device.nothingDue();
    await operations().runRenewal({ device: id });
    await device.renew(id === 'dev-1');
  }
}

describe('other policies are refused where they', () => {
  it('require a proof of devices that a gateway renews, and that have never given one', async () => {
    await openSite('grace: 30d');
    expect(await refusedBy(classes('requireDeviceProof: true, grace: 30d'))).toEqual([
      'gw-1 proof_required',
      'dev-2 proof_required',
    ]);
    // Nor does an open renewal get a request through that is not signed: it is judged by the policy of that moment.
    await operations().runRenewal({ device: 'dev-2' });
    expect(await refusedBy(classes('requireDeviceProof: true, grace: 31d'))).toEqual([
      'gw-1 proof_required',
      'dev-2 proof_required',
    ]);
    const forced = await operations().reload({ force: true, reason: 'the firmware signs from now on', by: 'ana' });
    expect(forced).toMatchObject({ applied: true, toll: { short: 2 } });
    expect((await house.log.until('decision.forced'))['message']).toContain('no request of it had one');
  });

  it('leave devices behind a gateway a key mode that no delegation grants', async () => {
    await openSite('keyModes: [csr]');
    const modes = ['dev-1', 'dev-2', 'dev-3'].map((id) => `${id},tests,north,csr|recertify\n`).join('');
    await importing(`id,owner,site,modes\n${modes}`);
    const more = classes('keyModes: [recertify, csr]');
    expect(await refusedBy(more)).toEqual(['dev-1 mode_not_granted', 'dev-2 mode_not_granted']);
    await delegate(house, 'gw-1', { site: 'north', modes: ['recertify'] });
    await allowedBy(more);
  });

  it('give certificates a life, or life and grace, that ends between two visits', async () => {
    await open(classes('grace: 60d'));
    const credentials = await house.device('rare');
    for (let i = 0; i < 3; i += 1) {
      await visit(credentials, 'rare');
      passedMs += 12 * day;
    }
    await visit(credentials, 'rare');
    await visit(await house.device('steady'), 'steady');
    await allowedBy(classes('lifetime: 60d, grace: 60d').replace('lifetime: 90d, ', ''));
    const shorter = (values: string) => classes(values).replace('lifetime: 90d, ', '');
    expect(await refusedBy(shorter('lifetime: 10d, grace: 60d'))).toEqual(['rare gap_too_long']);
    expect((await operations().reload({ force: true, reason: 'it is admitted in grace' })).applied).toBe(true);
    // Its certificates will end between its visits now, and it can still come in to renew.
    await allowedBy(shorter('lifetime: 10d, grace: 30d'));
    expect(await refusedBy(shorter('lifetime: 10d, grace: 1d'))).toEqual(['rare gap_too_long']);
  });

  it('make more renewals necessary in a day than the rates allow', async () => {
    const limits = 'limits: { offersPerSecond: 1, issuancesPerSecond: 2 }';
    await open(classes('grace: 30d', limits));
    for (const id of ['a', 'b', 'c']) await visit(await house.device(id), id);
    const often = classes('grace: 30d, lifetime: 5s, retryFirst: 1s', limits)
      .replace('lifetime: 90d, ', '')
      .replace('retryMax: 1d, ', 'retryMax: 1s, ');
    house.configure(often);
    const { toll } = await operations().reload({ dryRun: true });
    expect(toll?.perDay).toMatchObject({ most: 86_400, withIt: 3 * 34_560 });
    expect(toll?.objections).toEqual(['about 103680 renewals a day would be needed, and the rate limits allow 86400']);
    expect(await refusalOf(operations().reload())).toContain('renewals a day');
    await house.restart();
    const alerts = () => operations().listAlerts({ kind: 'too_little_time', open: true });
    await expect
      .poll(alerts)
      .toMatchObject([
        { subject: 'policies', severity: 'critical', detail: expect.stringContaining('103680 renewals a day') },
      ]);
  });

  it('or lower rates than the fleet has needed are alerted of, after a restart with the same policies as well', async () => {
    const often = 'lifetime: 5s, renewAt: 50%, spread: 0%, backdate: 0s, retryFirst: 1s, retryMax: 1s, grace: 30d';
    const configured = (perSecond: number): string =>
      `classes: { default: { ${often} } }\nlimits: { offersPerSecond: ${perSecond}, issuancesPerSecond: 100 }\n`;
    await open(configured(100));
    for (const id of ['a', 'b', 'c']) await house.device(id);
    await house.device('gone');
    await operations().quarantineDevice({ id: 'gone' });
    const alerts = async () => {
      await operations().lookOver();
      return operations().listAlerts({ kind: 'too_little_time', open: true });
    };
    expect(await alerts()).toEqual([]);
    house.configure(configured(1));
    await house.restart();
    expect(await alerts()).toMatchObject([
      {
        subject: 'rates',
        severity: 'critical',
        detail:
          'certificates in use need about 103680 renewals a day, and limits.offersPerSecond and limits.issuancesPerSecond allow 86400',
      },
    ]);
    house.configure(configured(2));
    await house.restart();
    expect(await alerts()).toEqual([]);
  });
});

describe('another record of a device is refused where it', () => {
  it('allows packets that no offer fits into, unless its device has said what it takes', async () => {
    await open(classes('grace: 30d'));
    const [quiet, told] = ['urn:dev:mac:0024befffe804ff1-quiet', 'urn:dev:mac:0024befffe804ff1-told'] as const;
    for (const id of [quiet, told]) {
      const client = await connect(house, bare(await house.device(id)), id);
      clients.push(client);
      const speaker = await new Speaker(client, id).listen();
      if (id !== told) continue;
      await speaker.say({ word: 'hello', maxPacket: 4_096 });
      await speaker.nothingDue();
    }
    const file = (id: string, encoding: string) => `id,owner,encoding,maxPacket\n${id},tests,${encoding},128\n`;
    expect(await refusalOf(importing(file(quiet, 'json')))).toContain('no offer fits into the largest packet');
    expect((await operations().showDevice({ id: quiet })).principal.packetBytesMax).toBeNull();
    expect(await importing(file(quiet, 'cbor'))).toMatchObject({ updated: 1 });
    expect(await importing(file(told, 'json'))).toMatchObject({ updated: 1 });
    const insisting = { force: true, reason: 'it says hello first' };
    expect(await importing(file(quiet, 'json'), insisting)).toMatchObject({ updated: 1 });
  });

  it('takes a device its site, and with it the delegation that was to renew it for the first time', async () => {
    await open(classes('grace: 30d'));
    await operations().addDevice({ id: 'gw-1', owner: 'tests', kind: 'gateway', site: 'north' });
    await delegate(house, 'gw-1', { site: 'north' });
    const ca = new OtherCa('Old Waterworks', Date.now() + 1_000 * day);
    for (const id of ['adopted', 'elsewhere']) {
      await operations().addDevice({ id, owner: 'tests', site: id === 'adopted' ? 'north' : 'south' });
      const { der } = ca.issue(id, { notBefore: Date.now() - day, notAfter: Date.now() + 60 * day });
      const text = JSON.stringify({ file: `${id}.der`, certificate: Buffer.from(der).toString('base64') });
      expect(await operations().importCertificates({ text })).toMatchObject({ imported: 1 });
    }
    const without = 'id,owner,site\nadopted,tests,\nelsewhere,tests,\n';
    const refusal = await refusalOf(importing(without));
    expect(refusal).toMatch(/1 certificate would have too little time/);
    expect(refusal).toMatch(
      /no delegation covers it any more, or none of one that can connect; the first is that of adopted \(tests\)/,
    );
    expect(await importing(without, { force: true, reason: 'it has a line of its own now' })).toMatchObject({
      updated: 2,
    });
  });
});
