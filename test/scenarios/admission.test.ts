// Every row of the admission table on the real broker, over real TLS, both ways.
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { openSqlite } from '../../src/store/sqlite/sqlite.ts';
import { type Credential, createTestAuthority } from '../broker/test-pki.ts';
import { forge } from './forgery.ts';
import { connackOf, connect, type House, newRequest, openHouse, pemOf, Speaker } from './harness.ts';

const minute = 60_000;
const hour = 60 * minute;
let house: House;
afterEach(() => house.close());

/** A broker whose clock runs ahead of ours by what the test says. */
async function openAt(yaml?: string): Promise<{ ahead: (ms: number) => void }> {
  let offset = 0;
  house = await openHouse({
    yaml: yaml ?? 'classes: { default: { lifetime: 1h, renewAt: 66%, overlap: 10m, grace: 1h } }',
    clock: { now: () => Date.now() + offset },
  });
  return {
    ahead: (ms) => {
      offset = ms;
    },
  };
}

async function refusal(id: string, credentials: Parameters<typeof connackOf>[1]): Promise<unknown> {
  const since = house.log.lines.length;
  const code = await connackOf(house, credentials, id);
  const line = await house.log.until('admission.refused', {}, since);
  return { code, reason: line['event.reason'] };
}

const asCredentials = ({ cert, key }: Credential) => ({ certificatePem: cert, keyPem: key });

/** A house that expects pump-1, and whom its maker introduces. */
async function expectStranger() {
  const maker = await createTestAuthority('Maker');
  house = await openHouse({
    yaml: 'bootstrap: { anchors: [maker.crt] }',
    files: { 'maker.crt': maker.ca },
  });
  await house.gateway.operations.addDevice({ id: 'pump-1', owner: 'tests' });
  return maker;
}

describe('admission on the real broker', () => {
  it('admits an active certificate, under its id and with a suffix, and no other client id', async () => {
    await openAt();
    const pump = await house.device('pump-1');
    expect(await connackOf(house, pump, 'pump-1')).toBe(0);
    expect(await connackOf(house, pump, 'pump-1:a')).toBe(0);
    for (const id of ['pump-2', 'pump-10', '__proto__', '+', '#', '../x']) {
      expect(await refusal(id, pump)).toEqual({ code: 2, reason: 'client_id_mismatch' });
    }
    expect(await connackOf(house, pump, 'x'.repeat(10_240))).toBe(2);
    await house.log.until('connection.refused', { 'event.reason': 'client_id_not_allowed' });
  });

  it('refuses who presents nothing, and whom it does not know', async () => {
    await openAt();
    await house.device('pump-1');
    expect(await refusal('pump-1', null)).toEqual({ code: 5, reason: 'no_certificate' });
    const other = await createTestAuthority('Somebody else');
    const stranger = asCredentials(await other.issue('pump-1'));
    expect(await refusal('pump-1', stranger)).toEqual({ code: 5, reason: 'unknown_certificate' });
  });

  it("refuses a forged expired certificate with our issuer's name", async () => {
    await openAt();
    const pump = await house.device('pump-1');
    const forged = await forge(pump.certificatePem, { notAfter: new Date(Date.now() - minute) });
    expect(await refusal('pump-1', forged)).toEqual({ code: 5, reason: 'unknown_certificate' });
    const unexpired = await forge(pump.certificatePem, { notAfter: new Date(Date.now() + hour) });
    expect(await refusal('pump-1', unexpired)).toEqual({ code: 5, reason: 'unknown_certificate' });
  });

  it('refuses a certificate whose principal is not in the inventory', async () => {
    await openAt();
    const pump = await house.device('pump-1');
    await house.restart(() => {
      const ledger = openSqlite(join(house.home, 'nolapse.db'));
      ledger.pragma('foreign_keys = OFF');
      ledger.prepare("DELETE FROM principal WHERE id = 'pump-1'").run();
      ledger.close();
    });
    expect(await refusal('pump-1', pump)).toEqual({ code: 5, reason: 'unknown_principal' });
  });

  it('refuses while in quarantine, admits when released, refuses for good when decommissioned', async () => {
    await openAt();
    const { operations } = house.gateway;
    const pump = await house.device('pump-1');
    await operations.quarantineDevice({ id: 'pump-1' });
    expect(await refusal('pump-1', pump)).toEqual({ code: 5, reason: 'quarantined' });
    await operations.quarantineDevice({ id: 'pump-1', release: true });
    expect(await connackOf(house, pump, 'pump-1')).toBe(0);
    expect(await operations.decommissionDevice({ id: 'pump-1' })).toMatchObject({ revoked: 1, cancelled: 0 });
    expect(await refusal('pump-1', pump)).toEqual({ code: 5, reason: 'decommissioned' });
    await expect(operations.issueDevice({ id: 'pump-1' })).rejects.toMatchObject({ code: 'conflict' });
  });

  it('refuses a revoked certificate, and lists it', async () => {
    await openAt();
    const { operations } = house.gateway;
    const pump = await house.device('pump-1');
    await operations.revokeCertificate({ id: pump.certificate.serial, reason: 'keyCompromise' });
    expect(await refusal('pump-1', pump)).toEqual({ code: 5, reason: 'revoked' });
    await house.log.until('crl.published', { 'nolapse.crl.entries': 1 });
    expect((await operations.crl()).entries).toBe(1);
  });

  it('allows a skewed clock five minutes before notBefore, no more', async () => {
    const { ahead } = await openAt('classes: { default: { lifetime: 20m, renewAt: 66%, overlap: 5m, grace: 1h } }');
    const pump = await house.device('pump-1');
    ahead(-5 * minute);
    expect(await connackOf(house, pump, 'pump-1')).toBe(0);
    ahead(-8 * minute);
    expect(await refusal('pump-1', pump)).toEqual({ code: 5, reason: 'not_yet_valid' });
  });

  it('opens the renew-only lane until grace ends, and it ends in a full reconnect', async () => {
    const { ahead } = await openAt();
    const pump = await house.device('pump-1');
    expect(await connackOf(house, pump, 'pump-1')).toBe(0);
    ahead(hour + minute);
    const client = await connect(house, pump, 'pump-1');
    await house.log.until('admission.admitted', { 'event.reason': 'expired_in_grace', 'nolapse.lane': 'renew-only' });
    const lane = await new Speaker(client, 'pump-1').listen();
    await expect(client.subscribeAsync('devices/pump-1/#')).rejects.toThrow();
    await client.publishAsync('devices/pump-1/telemetry', '1', { qos: 1 });
    const denied = await house.log.until('access.denied', { 'event.reason': 'publish' });
    expect(denied.message).toBe('pump-1 may not publish on "devices/pump-1/telemetry"');
    await lane.say({ word: 'hello', maxPacket: 4_096 });
    const offer = await lane.next('offer');
    const { keyPem, csr } = await newRequest('pump-1');
    await lane.say({ word: 'csr', renewal: offer.renewal, csr });
    const { certificates } = await lane.next('cert');
    await lane.say({ word: 'ack', renewal: offer.renewal, status: 'installed' });
    await client.endAsync(true);
    const renewed = await connect(house, { certificatePem: pemOf(certificates), keyPem }, 'pump-1');
    await house.log.until('renewal.activated');
    await renewed.subscribeAsync('devices/pump-1/#');
    await renewed.endAsync(true);
    expect(await refusal('pump-1', pump)).toEqual({ code: 5, reason: 'retired' });
    await house.log.until('alert.raised', { 'event.reason': 'retired_credential_in_use' });
  });

  it('refuses when grace has passed', async () => {
    const { ahead } = await openAt();
    const pump = await house.device('pump-1');
    ahead(2 * hour + minute);
    expect(await refusal('pump-1', pump)).toEqual({ code: 5, reason: 'expired' });
  });

  it('lets a bootstrap anchor introduce an expected stranger once', async () => {
    const maker = await expectStranger();
    const stranger = asCredentials(await maker.issue('pump-1'));
    const unexpected = asCredentials(await maker.issue('pump-2'));
    const expired = asCredentials(await maker.issue('pump-1', { notAfter: new Date(Date.now() - minute) }));
    const impostor = asCredentials(await (await createTestAuthority('Maker')).issue('pump-1'));
    expect(await refusal('pump-2', unexpected)).toEqual({ code: 5, reason: 'unknown_certificate' });
    expect(await refusal('pump-1', expired)).toEqual({ code: 5, reason: 'expired' });
    expect(await refusal('pump-1', impostor)).toEqual({ code: 5, reason: 'unknown_certificate' });

    const lane = await new Speaker(await connect(house, stranger, 'pump-1'), 'pump-1').listen();
    const thief = await new Speaker(await connect(house, stranger, 'pump-1:thief'), 'pump-1').listen();
    const ended = [lane, thief].map(
      ({ client }) => new Promise<void>((resolve) => client.once('close', () => resolve())),
    );
    await lane.say({ word: 'hello', maxPacket: 4_096 });
    const offer = await lane.next('offer');
    const { keyPem, csr } = await newRequest('pump-1');
    await lane.say({ word: 'csr', renewal: offer.renewal, csr });
    const { certificates } = await lane.next('cert');
    const enrolled = { certificatePem: pemOf(certificates), keyPem };
    const device = await new Speaker(await connect(house, enrolled, 'pump-1:new'), 'pump-1').listen();
    await house.log.until('renewal.activated');
    // Whoever else was introduced is not the one that enrolled: no session of theirs outlives it.
    await Promise.all(ended);
    expect(house.log.count('session.ended', { 'event.reason': 'enrolled', 'nolapse.principal': 'pump-1' })).toBe(2);
    expect(device.client.connected).toBe(true);
    expect(await refusal('pump-1', stranger)).toEqual({ code: 5, reason: 'unknown_certificate' });
    thief.heard.length = 0;
    await house.gateway.operations.runRenewal({ device: 'pump-1' });
    await device.next('offer');
    expect(thief.heard).toEqual([]);
    await device.client.endAsync(true);
  });

  it('ends the session of an introduced stranger with its device, although no certificate of it is there to be revoked', async () => {
    const maker = await expectStranger();
    const stranger = asCredentials(await maker.issue('pump-1'));
    const client = await connect(house, stranger, 'pump-1');
    const ended = new Promise<void>((resolve) => client.once('close', () => resolve()));
    expect(await house.gateway.operations.decommissionDevice({ id: 'pump-1' })).toMatchObject({ revoked: 0 });
    await ended;
    await house.log.until('session.ended', { 'event.reason': 'decommissioned', 'nolapse.principal': 'pump-1' });
    expect(await refusal('pump-1', stranger)).toEqual({ code: 5, reason: 'decommissioned' });
  });

  it('knows a certificate by its exact bytes', async () => {
    await openAt();
    const pump = await house.device('pump-1');
    const shown = await house.gateway.operations.showCertificate({ id: pump.certificate.fingerprint });
    const der = Buffer.from(shown.pem.replace(/-----[^-]+-----|\s/g, ''), 'base64');
    expect(createHash('sha256').update(der).digest('hex')).toBe(pump.certificate.fingerprint);
  });
});
