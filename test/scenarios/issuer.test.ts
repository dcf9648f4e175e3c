// The issuing CA nears its end, passes it, and nobody can say that they were not told: nothing is issued that gains no time.
import { X509Certificate } from 'node:crypto';
import { afterEach, expect, it } from 'vitest';
import { connect, type House, newRequest, openHouse, Speaker } from './harness.ts';

const day = 86_400_000;
const fiveYears = 5 * 365 * day;

let house: House;
afterEach(() => house.close());

it('refuses what would gain no time, keeps what there is, and alerts', async () => {
  let offset = 0;
  house = await openHouse({
    // Nobody releases another issuing CA.
    yaml: 'trust: { approval: { issuing: required } }\nclasses: { default: { lifetime: 90d, renewAt: 66%, overlap: 7d, grace: 30d } }',
    clock: { now: () => Date.now() + offset },
  });
  const { operations } = house.gateway;
  const now = (): number => Date.now() + offset;
  expect(house.log.count('alert.raised')).toBe(0);
  await house.log.until('crl.published');
  expect((await operations.doctor()).every(({ level }) => level === 'ok')).toBe(true);

  offset = fiveYears - 40 * day;
  await house.log.until('alert.raised', {
    'event.reason': 'own_certificate',
    'nolapse.alert.subject': 'issuing certificate',
  });
  const findings = await operations.doctor();
  expect(findings.find(({ level }) => level !== 'ok')).toMatchObject({
    level: 'critical',
    subject: 'issuing certificate',
    detail: expect.stringContaining('cut short'),
  });
  const { certificatePem, keyPem, certificate } = await house.device('pump-1');
  const end = certificate.notAfter;
  expect(end - now()).toBeLessThan(40 * day);

  const device = await new Speaker(await connect(house, { certificatePem, keyPem }, 'pump-1'), 'pump-1').listen();
  offset += 27 * day;
  const { renewal } = await device.next('offer');
  const { csr } = await newRequest('pump-1');
  await device.say({ word: 'csr', renewal, csr });
  expect(await device.next('error')).toMatchObject({ renewal, code: 'unavailable', retryAfter: 3_600 });
  expect((await operations.showRenewal({ id: renewal })).renewal).toMatchObject({ state: 'offered', requests: 0 });
  expect((await operations.listCertificates({ device: 'pump-1' })).map(({ state }) => state)).toEqual(['active']);
  // By hand it is issued all the same: the key may be lost.
  const byHand = await operations.issueDevice({ id: 'pump-1' });
  expect(byHand.certificate.notAfter).toBe(end);
  expect(Date.parse(new X509Certificate(byHand.certificatePem).validFrom)).toBeLessThan(end);

  offset = fiveYears + 2 * day;
  await house.log.until('alert.raised', { 'nolapse.alert.subject': 'server certificate' });
  await expect(operations.issueDevice({ id: 'pump-1' })).rejects.toMatchObject({
    code: 'conflict',
    faults: [expect.stringMatching(/^the issuing CA ends .*: roll it over first$/)],
  });
  expect((await operations.listCertificates({ device: 'pump-1' })).length).toBe(2);
  // Told once, not at each look.
  expect(house.log.count('alert.raised', { 'nolapse.alert.subject': 'issuing certificate' })).toBe(1);
  await device.client.endAsync(true);
});
