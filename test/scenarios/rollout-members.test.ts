// Which certificates a campaign replaces, and which it leaves out and says so: under another issuer, with a renewal under way, asleep,
// moved between cohorts, and over keys that are not to be trusted. On the real broker.

import { X509Certificate } from 'node:crypto';
import { readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { IssuedView } from '../../src/app/views/devices.ts';
import { initPki } from '../../src/authority/init.ts';
import { loadConfig } from '../../src/config/index.ts';
import type { Cohort, KeyMode } from '../../src/domain/principal.ts';
import { pkiOptions } from '../../src/home/options.ts';
import { inspectCertificate } from '../../src/pki/x509.ts';
import type { Device } from '../../src/simulator/device.ts';
import { openStore } from '../../src/store/index.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { connackOf, connect, type House, newRequest, openHouse, pemOf, Speaker } from './harness.ts';
import { connectDevice } from './simulated.ts';

const rules = (keyModes = 'csr'): string => `
rollout: { activatedShare: 100%, soak: 100ms }
classes:
  default: { lifetime: 1h, renewAt: 66%, spread: 0%, overlap: 2s, grace: 1h, retryFirst: 1s, retryMax: 1s, backdate: 0s, keyModes: [${keyModes}] }
`;

let house: House;
const devices: Device[] = [];
const speakers: Speaker[] = [];
afterEach(async () => {
  await Promise.all(devices.splice(0).map((device) => device.stop()));
  await Promise.all(speakers.splice(0).map(({ client }) => client.endAsync(true)));
  await house.close();
});

/** A device with its certificate in use; it is gone again. */
async function plant(id: string, cohort: Cohort, modes: readonly KeyMode[] = []): Promise<IssuedView> {
  await house.gateway.operations.addDevice({ id, owner: 'tests', cohort, modes });
  const issued = await house.gateway.operations.issueDevice({ id });
  await (await connect(house, issued, id)).endAsync();
  return issued;
}

/** Has a device renew by itself from now on. */
async function awaken(id: string, issued: IssuedView): Promise<void> {
  devices.push(await connectDevice(id, issued, house.gateway.ports.mqtt));
}

async function speak(id: string, issued: IssuedView): Promise<Speaker> {
  const speaker = await new Speaker(await connect(house, issued, id), id).listen();
  speakers.push(speaker);
  await speaker.say({ word: 'hello', maxPacket: 4_096 });
  return speaker;
}

/** Takes the next offer, to the replacement, and installs nothing. */
async function fetchOne(speaker: Speaker) {
  const { renewal } = await speaker.next('offer');
  const { keyPem, csr } = await newRequest(speaker.id);
  await speaker.say({ word: 'csr', renewal, csr });
  const { certificates } = await speaker.next('cert');
  return { renewal, credentials: { certificatePem: pemOf(certificates), keyPem } };
}

/** Each campaign of this file comes to as many canaries as its dry run counted. */
const begin = async (more: object = { all: true }) => {
  const { operations } = house.gateway;
  const { meant } = await operations.previewCampaign({ reason: 'a test', ...more });
  const { id, meant: begun } = await operations.startCampaign({ reason: 'a test', ...more });
  expect(begun).toEqual(meant);
  // The cohort has been gone through, whatever it waits for.
  await expect.poll(async () => (await operations.showCampaign({ id })).busy).toBe(false);
  const canaries = (each: { readonly cohort: Cohort }) => each.cohort === 'canary';
  const reached = (await operations.showCampaign({ id })).cohorts.find(canaries)?.members ?? 0;
  expect(reached).toBe(meant.cohorts.find(canaries)?.certificates ?? 0);
  return id;
};
const leaked = { reasonCode: 'keyCompromise', all: true };
const show = (id: string) => house.gateway.operations.showDevice({ id });
const lineOf = (action: string, id: string) => house.log.until(action, { 'nolapse.campaign': id });

/** Renewals under a campaign, by device. */
async function renewalsIn(campaign: string) {
  const all = await house.gateway.operations.listRenewals({});
  return new Map(all.filter((each) => each.campaign === campaign).map((each) => [each.principalId as string, each]));
}

/** The names of what signed the certificates in use of a device. */
async function issuersOf(id: string): Promise<string[]> {
  const { certificates } = await show(id);
  const active = certificates.filter(({ state }) => state === 'active');
  const all = await Promise.all(active.map(({ serial }) => house.gateway.operations.showCertificate({ id: serial })));
  return all.map(({ pem }) => new X509Certificate(pem).issuer);
}

describe('a campaign', () => {
  it('for another issuer replaces what the one before has signed, and nothing that is of the new one', async () => {
    house = await openHouse({ yaml: rules() });
    const old = await plant('a-1', 'canary');
    const [before] = await issuersOf('a-1');
    await house.restart(async () => {
      const pki = join(house.home, 'pki');
      for (const end of ['key', 'crt']) renameSync(join(pki, `issuing.${end}`), join(pki, `kept.${end}`));
      const config = loadConfig({ file: join(house.home, 'nolapse.yaml'), env: {} });
      initPki(pki, pkiOptions({ home: house.home, config, log: createLog({ level: 'silent' }) }));
      for (const end of ['key', 'crt']) {
        renameSync(join(pki, `issuing.${end}`), join(pki, `issuing-2.${end}`));
        renameSync(join(pki, `kept.${end}`), join(pki, `issuing.${end}`));
      }
      const { raw } = new X509Certificate(readFileSync(join(pki, 'issuing-2.crt')));
      const { keyFingerprint, ...certificate } = inspectCertificate(new Uint8Array(raw));
      const { store } = openStore(join(house.home, 'nolapse.db'));
      const [first] = await store.read.issuingSlots();
      if (!first) throw new Error('there is an issuing CA');
      await store.transact(async (tx) => {
        await tx.putIssuingSlot({ ...first, state: 'former', replacedAt: Date.now() });
        await tx.putIssuingSlot({ ...first, number: 2, keyFingerprint, certificate, lastLeafEnd: 0 });
        await tx.openRevocationList({ shard: -1, issuer: 2, url: null });
      });
      await store.close();
    });
    await plant('a-2', 'canary');
    const [now] = await issuersOf('a-2');
    expect(now).not.toBe(before);
    const id = await begin({ otherIssuer: true });
    expect([...(await renewalsIn(id)).keys()]).toEqual(['a-1']);
    await awaken('a-1', old);
    await lineOf('campaign.finished', id);
    expect([...(await renewalsIn(id)).keys()]).toEqual(['a-1']);
    expect(await issuersOf('a-1')).toEqual([now]);
    // Once more there is nothing to do.
    await lineOf('campaign.finished', await begin({ otherIssuer: true }));
    expect(house.log.count('renewal.due')).toBe(1);
  });

  it('takes over a renewal that has no certificate yet, and leaves out one that has, and says so', async () => {
    house = await openHouse({ yaml: rules() });
    const first = await speak('a-1', await plant('a-1', 'canary'));
    const second = await speak('a-2', await plant('a-2', 'canary'));
    for (const device of ['a-1', 'a-2']) await house.gateway.operations.runRenewal({ device });
    const { renewal } = await first.next('offer');
    const underWay = await fetchOne(second);
    const { meant } = await house.gateway.operations.previewCampaign({ reason: 'a test', all: true });
    const cohorts = [{ cohort: 'canary', certificates: 1, leftOut: 1 }];
    expect(meant).toEqual({ certificates: 1, devices: 1, leftOut: 1, cohorts });
    const id = await begin();
    const taken = await renewalsIn(id);
    expect([...taken.keys()]).toEqual(['a-1']);
    expect(taken.get('a-1')).toMatchObject({ id: renewal, cohort: 'canary', state: 'offered' });
    const line = await lineOf('campaign.left_out', id);
    expect(line.message).toContain(`a-2: left out of campaign ${id}: its renewal ${underWay.renewal} is under way`);
    expect(await house.gateway.operations.showCampaign({ id })).toMatchObject({
      leftOut: 1,
      cohorts: [{ cohort: 'canary', members: 1, activated: 0 }],
    });
    // What it has taken over counts as its own: it waits for it, and goes on with it.
    const { csr, keyPem } = await newRequest('a-1');
    await first.say({ word: 'csr', renewal, csr });
    const { certificates } = await first.next('cert');
    expect(await connackOf(house, { certificatePem: pemOf(certificates), keyPem }, 'a-1')).toBe(0);
    await lineOf('campaign.finished', id);
    // The other was not disturbed.
    expect(await connackOf(house, underWay.credentials, 'a-2')).toBe(0);
    await house.log.until('renewal.activated', { 'nolapse.renewal': underWay.renewal });
  });

  it('does not wait for who was quarantined or decommissioned since, and counts who is released in the cohort it has come to', async () => {
    house = await openHouse({ yaml: rules() });
    const issued = await plant('a-1', 'canary');
    await plant('a-2', 'canary');
    await awaken('a-3', await plant('a-3', 'canary'));
    await plant('b-1', 'early');
    const id = await begin();
    await house.log.until('renewal.activated', { 'nolapse.principal': 'a-3' });
    const { operations } = house.gateway;
    await operations.quarantineDevice({ id: 'a-1' });
    await operations.decommissionDevice({ id: 'a-2' });
    const advanced = await lineOf('campaign.advanced', id);
    expect(advanced.message).toContain('(1 of 1 activated, 0 failed), early begins');
    await operations.quarantineDevice({ id: 'a-1', release: true });
    const early = async () => (await operations.showCampaign({ id })).cohorts.find(({ cohort }) => cohort === 'early');
    await expect.poll(early).toMatchObject({ members: 2, activated: 0 });
    await awaken('a-1', issued);
    await expect.poll(early).toMatchObject({ members: 2, activated: 1 });
    expect([...(await renewalsIn(id)).keys()].filter((each) => each === 'a-1')).toHaveLength(1);
  });

  it('finds in its second walk who has moved into the cohort, or into one that is through', async () => {
    house = await openHouse({ yaml: rules() });
    const canary = await plant('a-1', 'canary');
    const early = await plant('b-1', 'early');
    for (const id of ['c-1', 'c-2', 'c-3']) await awaken(id, await plant(id, 'broad'));
    const move = (id: string, cohort: Cohort) =>
      house.gateway.operations.importDevices({ format: 'csv', text: `id,owner,cohort\n${id},tests,${cohort}\n` });
    const id = await begin();
    await move('c-1', 'canary');
    await awaken('a-1', canary);
    await lineOf('campaign.advanced', id);
    expect((await renewalsIn(id)).get('c-1')).toMatchObject({ cohort: 'canary' });
    // The canaries are through, and one more has become one.
    await expect.poll(async () => (await renewalsIn(id)).has('b-1')).toBe(true);
    await move('c-2', 'canary');
    await awaken('b-1', early);
    await lineOf('campaign.finished', id);
    const all = await renewalsIn(id);
    expect([...all.keys()].sort()).toEqual(['a-1', 'b-1', 'c-1', 'c-2', 'c-3']);
    expect(all.get('c-2')).toMatchObject({ cohort: 'early' });
    expect(all.get('c-3')).toMatchObject({ cohort: 'broad' });
  });
});

describe('a campaign for keys that are not to be trusted', () => {
  it('has keygen make a new one where the device can make none, and revokes the old certificate as compromised', async () => {
    house = await openHouse({ yaml: rules('recertify, csr, keygen') });
    await awaken('a-1', await plant('a-1', 'canary', ['recertify', 'keygen']));
    const id = await begin(leaked);
    await house.log.until('renewal.retired', { 'nolapse.principal': 'a-1' });
    expect((await renewalsIn(id)).get('a-1')).toMatchObject({ mode: 'keygen' });
    const [fresh, old] = (await show('a-1')).certificates;
    expect(fresh).toMatchObject({ state: 'active' });
    expect(fresh?.keyFingerprint).not.toBe(old?.keyFingerprint);
    expect(old).toMatchObject({ state: 'retired', revocationReason: 'keyCompromise' });
  });

  it('revokes what a thief has asked for before it began and kept for later', async () => {
    house = await openHouse({ yaml: rules() });
    const issued = await plant('a-1', 'canary');
    const thief = await speak('a-1', issued);
    await house.gateway.operations.runRenewal({ device: 'a-1' });
    const { renewal, credentials } = await fetchOne(thief);
    const id = await begin(leaked);
    await house.log.until('renewal.cancelled', { 'nolapse.renewal': renewal });
    expect((await renewalsIn(id)).get('a-1')?.id).not.toBe(renewal);
    expect(await connackOf(house, credentials, 'a-1')).toBe(5);
    const { certificates } = await show('a-1');
    expect(certificates.map(({ state, revocationReason }) => [state, revocationReason])).toEqual([
      ['revoked', 'keyCompromise'],
      ['active', null],
    ]);
  });

  it('does not have the key of a sleeper certified again whose certificate has ended', async () => {
    const clock = { offset: 0, now: () => Date.now() + clock.offset };
    house = await openHouse({ yaml: rules('recertify, csr'), clock });
    const issued = await plant('a-1', 'canary', ['recertify', 'csr']);
    clock.offset = 61 * 60_000;
    const lapsed = await house.log.until('certificate.expired', { 'nolapse.principal': 'a-1' });
    expect(lapsed).toBeDefined();
    const modes = async () => (await show('a-1')).renewals.map(({ mode, state }) => `${mode} ${state}`).sort();
    await expect.poll(modes).toEqual(['recertify due']);
    const id = await begin(leaked);
    expect(await modes()).toEqual(['csr due', 'recertify cancelled']);
    const sleeper = await speak('a-1', issued);
    const { renewal, credentials } = await fetchOne(sleeper);
    expect((await renewalsIn(id)).get('a-1')?.id).toBe(renewal);
    expect(await connackOf(house, credentials, 'a-1')).toBe(0);
    await house.log.until('renewal.activated', { 'nolapse.renewal': renewal });
    expect((await show('a-1')).certificates[1]).toMatchObject({ state: 'retired', revocationReason: 'keyCompromise' });
  });

  it('replaces that of a device which was quarantined all the while, once it is released', async () => {
    house = await openHouse({ yaml: rules() });
    const issued = await plant('a-1', 'canary');
    const { operations } = house.gateway;
    await operations.quarantineDevice({ id: 'a-1' });
    const { id } = await operations.startCampaign({ reason: 'keys leaked', ...leaked });
    await lineOf('campaign.finished', id);
    await operations.quarantineDevice({ id: 'a-1', release: true });
    await awaken('a-1', issued);
    await house.log.until('renewal.retired', { 'nolapse.principal': 'a-1' });
    const old = (await show('a-1')).certificates.find(({ state }) => state === 'retired');
    expect(old?.revocationReason).toBe('keyCompromise');
  });

  it('tells of a certificate that lies in a drawer', async () => {
    house = await openHouse({ yaml: rules() });
    const { certificate } = await house.device('a-1');
    await house.gateway.operations.importDevices({ format: 'csv', text: 'id,owner,cohort\na-1,tests,canary\n' });
    const id = await begin(leaked);
    const line = await lineOf('campaign.left_out', id);
    expect(line.message).toContain(`its certificate ${certificate.serial} was never used: revoke it`);
    expect(await house.gateway.operations.showCampaign({ id })).toMatchObject({ leftOut: 1 });
    // Nobody is told of it in a campaign for another reason: a fleet may have thousands that were not put into service.
    const since = house.log.lines.length;
    await begin();
    expect(house.log.lines.slice(since).some((line) => line['event.action'] === 'campaign.left_out')).toBe(false);
  });
});
