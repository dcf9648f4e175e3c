// The broker's clock is wrong for a while: far ahead at a start, or set back while it runs. When it is right again nobody is
// kept out, and nothing waits for a time that has gone.
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { readCrl } from '../../src/pki/crl.ts';
import { connackOf, connect, type House, openHouse } from './harness.ts';

const hour = 3_600_000;
const day = 24 * hour;

let house: House;
afterEach(() => house.close());

let offset = 0;
const clock = { now: () => Date.now() + offset };
const yaml = 'classes: { default: { lifetime: 90d, renewAt: 66%, overlap: 7d, grace: 30d } }';

async function statesOf(device: string): Promise<string[]> {
  return (await house.gateway.operations.listCertificates({ device })).map(({ state }) => state);
}

async function findings(level: string): Promise<string[]> {
  const found = await house.gateway.operations.doctor();
  return found.filter((each) => each.level === level).map(({ subject }) => subject);
}

/** As the CRL on the HTTP listener has it, verified with the issuing CA. */
async function publishedCrl(): Promise<NonNullable<ReturnType<typeof readCrl>>> {
  const answer = await fetch(`http://127.0.0.1:${house.gateway.ports.http}/crl/issuing.crl`);
  const issuing = new X509Certificate(readFileSync(join(house.home, 'pki', 'issuing.crt')));
  const crl = readCrl(new Uint8Array(await answer.arrayBuffer()), new Uint8Array(issuing.raw));
  if (!crl?.signatureValid) throw new Error('no CRL of the issuing CA');
  return crl;
}

it('a start with the clock far ahead costs nobody their certificate once it is right', async () => {
  offset = 0;
  house = await openHouse({ yaml, clock });
  const used = await house.device('used');
  const fresh = await house.device('fresh');
  expect(await connackOf(house, used, 'used')).toBe(0);

  const since = house.log.lines.length;
  await house.restart(() => {
    offset = 400 * day;
  });
  await house.log.until('renewal.closed', { 'nolapse.principal': 'used' }, since);
  expect(await statesOf('used')).toEqual(['expired']);
  expect(await statesOf('fresh')).toEqual(['expired']);
  expect(await connackOf(house, { ...used, rootPem: '' }, 'used')).toBe(5);

  await house.restart(() => {
    offset = 0;
  });
  const server = new X509Certificate(readFileSync(join(house.home, 'pki', 'server.crt')));
  expect(Date.parse(server.validFrom)).toBeLessThanOrEqual(Date.now());
  expect((await publishedCrl()).thisUpdate).toBeLessThanOrEqual(Date.now());
  expect(await findings('error')).toEqual(['clock']);

  // Both check the server's certificate by the right time.
  expect(await connackOf(house, used, 'used')).toBe(0);
  await house.log.until('admission.admitted', { 'nolapse.principal': 'used', 'nolapse.lane': 'full' }, since);
  await house.log.until('certificate.revived', { 'nolapse.principal': 'used' });
  expect(await connackOf(house, fresh, 'fresh')).toBe(0);
  expect(await statesOf('used')).toEqual(['active']);
  expect(await statesOf('fresh')).toEqual(['active']);
  const [entry] = await house.gateway.operations.listCertificates({ device: 'used' });
  expect(entry?.renewAt).toBeGreaterThan(Date.now() + 50 * day);
  expect((await house.gateway.operations.runRenewal({ device: 'used' })).state).toBe('due');
});

it('a clock that runs ahead for a while opens the lane for no longer', async () => {
  offset = 0;
  house = await openHouse({ yaml, clock });
  const { certificatePem, keyPem } = await house.device('pump-1');
  const pump = { certificatePem, keyPem };
  expect(await connackOf(house, pump, 'pump-1')).toBe(0);
  offset = 95 * day;
  await house.log.until('clock.moved', { message: 'the clock was set forward by 95d' });
  await house.log.until('certificate.expired');
  await house.log.until('server.certificate_renewed');
  const lane = await connect(house, pump, 'pump-1');
  await house.log.until('admission.admitted', { 'event.reason': 'expired_in_grace' });
  const ended = new Promise<void>((resolve) => lane.once('close', () => resolve()));
  offset = 0;
  await ended;
  await house.log.until('session.ended', { 'event.reason': 'clock_moved' });
  await house.log.until('clock.moved', { message: 'the clock was set back by 95d' });

  const full = await connect(house, pump, 'pump-1');
  await full.subscribeAsync('devices/pump-1/#');
  expect(await statesOf('pump-1')).toEqual(['active']);
  const [renewal] = await house.gateway.operations.listRenewals({ device: 'pump-1' });
  expect(renewal).toMatchObject({ lapsedAt: null });
  expect(renewal?.nextAt).toBe(renewal?.deadline);
  await full.endAsync(true);
});

it('a clock that was set back holds up no revocation list', async () => {
  offset = 0;
  house = await openHouse({ yaml, clock });
  const { operations } = house.gateway;
  const [first, second] = [await house.device('pump-1'), await house.device('pump-2')];
  const client = await connect(house, { ...second, rootPem: '' }, 'pump-2');
  await operations.revokeCertificate({ id: first.certificate.serial });
  await house.log.until('crl.published', { 'nolapse.crl.entries': 1 });
  const ended = new Promise<void>((resolve) => client.once('close', () => resolve()));
  offset = -day;
  await operations.revokeCertificate({ id: second.certificate.serial });
  await ended;
  await house.log.until('crl.published', { 'nolapse.crl.entries': 2 });
  const crl = await publishedCrl();
  expect(crl.revoked.map(({ serial }) => serial).sort()).toEqual(
    [first.certificate.serial, second.certificate.serial].sort(),
  );
  expect(crl.thisUpdate).toBeLessThanOrEqual(clock.now());
});
