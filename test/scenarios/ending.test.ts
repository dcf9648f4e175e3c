// A session ends when its certificate does, whatever its keepalive says, and at once when its right to be there is gone.
import { type TLSSocket, connect as tlsConnect } from 'node:tls';
import type { MqttClient } from 'mqtt';
import { afterEach, describe, expect, it } from 'vitest';
import { connect, type House, openHouse, Speaker } from './harness.ts';

let house: House;
afterEach(() => house.close());

const closed = (client: MqttClient): Promise<number> =>
  new Promise((resolve) => client.once('close', () => resolve(Date.now())));

describe('the end of a session', () => {
  it("comes at its certificate's notAfter, within two seconds", async () => {
    house = await openHouse({ yaml: 'classes: { default: { lifetime: 6s, renewAt: 50%, overlap: 1s, grace: 60s } }' });
    const pump = await house.device('pump-1');
    const client = await connect(house, pump, 'pump-1', { keepalive: 0 });
    const at = await closed(client);
    expect(at).toBeGreaterThanOrEqual(pump.certificate.notAfter);
    expect(at - pump.certificate.notAfter).toBeLessThan(2_000);
    await house.log.until('session.ended', { 'event.reason': 'certificate_expired' });
    await house.log.until('renewal.expired');
  });

  it.each(['revoked', 'decommissioned', 'quarantined'] as const)('comes within a second when %s', async (reason) => {
    house = await openHouse({ yaml: '' });
    const { operations } = house.gateway;
    const pump = await house.device('pump-1');
    const other = await house.device('pump-2');
    const client = await connect(house, pump, 'pump-1', { keepalive: 0 });
    const bystander = await connect(house, other, 'pump-2');
    const ending = closed(client);
    const asked = Date.now();
    if (reason === 'revoked') await operations.revokeCertificate({ id: pump.certificate.fingerprint });
    if (reason === 'decommissioned') await operations.decommissionDevice({ id: 'pump-1' });
    if (reason === 'quarantined') await operations.quarantineDevice({ id: 'pump-1' });
    expect((await ending) - asked).toBeLessThan(1_000);
    expect(bystander.connected).toBe(true);
    await bystander.endAsync(true);
  });

  it('comes for the superseded certificate at the end of its overlap', async () => {
    house = await openHouse({ yaml: 'classes: { default: { lifetime: 1h, renewAt: 66%, overlap: 2s, grace: 1h } }' });
    const first = await house.device('pump-1');
    const old = await connect(house, first, 'pump-1:old', { keepalive: 0 });
    const second = await house.gateway.operations.issueDevice({ id: 'pump-1' });
    const ending = closed(old);
    const renewed = await connect(house, second, 'pump-1:new');
    const { certificates } = await house.gateway.operations.showDevice({ id: 'pump-1' });
    const superseded = certificates.find(({ fingerprint }) => fingerprint === first.certificate.fingerprint);
    expect(superseded?.state).toBe('superseded');
    const at = await ending;
    expect(at).toBeGreaterThanOrEqual(superseded?.overlapUntil ?? Number.POSITIVE_INFINITY);
    expect(at - (superseded?.overlapUntil ?? 0)).toBeLessThan(2_000);
    expect(renewed.connected).toBe(true);
    await renewed.endAsync(true);
  });

  it('leaves nothing that a resumed TLS session could bring back', async () => {
    house = await openHouse({ yaml: '' });
    const pump = await house.device('pump-1');
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const first = await shake(pump, maxVersion);
      const again = await shake(pump, maxVersion, first.session);
      expect(again.reused).toBe(false);
      expect([first.code, again.code]).toEqual([0, 0]);
    }
    const { session } = await shake(pump, 'TLSv1.2');
    await house.gateway.operations.revokeCertificate({ id: pump.certificate.fingerprint });
    expect(await shake(pump, 'TLSv1.2', session)).toMatchObject({ reused: false, code: 5 });
  });

  it('waits for a device that is connected twice: each connection is its own', async () => {
    house = await openHouse({ yaml: '' });
    const pump = await house.device('pump-1');
    const a = await new Speaker(await connect(house, pump, 'pump-1:a'), 'pump-1').listen();
    const b = await new Speaker(await connect(house, pump, 'pump-1:b'), 'pump-1').listen();
    await house.gateway.operations.runRenewal({ device: 'pump-1' });
    expect((await a.next('offer')).renewal).toBe((await b.next('offer')).renewal);
    await a.client.endAsync(true);
    await b.client.endAsync(true);
  });
});

/** Connects with TLS and sends a bare MQTT 3.1.1 CONNECT; the CONNACK's code and what there is to resume. */
async function shake(
  credentials: { certificatePem: string; keyPem: string },
  maxVersion: 'TLSv1.2' | 'TLSv1.3',
  session?: Buffer,
): Promise<{ code: number; reused: boolean; session: Buffer | undefined }> {
  const socket: TLSSocket = tlsConnect({
    host: '127.0.0.1',
    port: house.gateway.ports.mqtt,
    cert: credentials.certificatePem,
    key: credentials.keyPem,
    maxVersion,
    rejectUnauthorized: false,
    ...(session && { session }),
  });
  let ticket: Buffer | undefined;
  socket.on('session', (each) => {
    ticket = each;
  });
  const id = Buffer.from('pump-1');
  const body = Buffer.concat([Buffer.from([0, 4]), Buffer.from('MQTT'), Buffer.from([4, 2, 0, 30, 0, id.length]), id]);
  socket.write(Buffer.concat([Buffer.from([0x10, body.length]), body]));
  const answer = await new Promise<Buffer>((resolve, reject) => {
    socket.once('data', resolve);
    socket.once('error', reject);
  });
  const result = { code: answer[3] ?? -1, reused: socket.isSessionReused(), session: ticket ?? socket.getSession() };
  socket.destroy();
  return result;
}
