// Incidents that others had, replayed with a clock of the test: each with the alert that comes before it, and what is served then.
// docs/operations.md lists them.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { issueServerCertificate } from '../../src/authority/server-certificate.ts';
import { pemToDer } from '../../src/pki/pem.ts';
import { readCertificate } from '../../src/pki/x509.ts';
import { day, entropy } from '../pki/made.ts';
import { type House, openHouse } from './harness.ts';
import { chainShown } from './overheard.ts';

const yaml = `
trust: { approval: { issuing: required } }
classes: { default: { lifetime: 90d, renewAt: 66%, overlap: 7d, grace: 30d } }
`;
const year = 365 * day;
let house: House;
let offset = 0;
afterEach(async () => {
  offset = 0;
  await house.close();
});

const now = (): number => Date.now() + offset;
const open = async (more: Partial<Parameters<typeof openHouse>[0]> = {}): Promise<void> => {
  house = await openHouse({ yaml, clock: { now }, ...more });
};
const operations = () => house.gateway.operations;
const raised = (kind: string, subject: string) =>
  house.log.until('alert.raised', { 'event.reason': kind, 'nolapse.alert.subject': subject });
const alertAbout = async (kind: 'own_certificate' | 'trust_step', subject: string) =>
  (await house.store.read.alert(kind, subject)) ?? { severity: 'none', clearedAt: null };
const shownEnd = async (): Promise<number> => {
  const [leaf] = await chainShown(house.gateway.ports.mqtt);
  return readCertificate(new Uint8Array(leaf ?? [])).notAfter;
};

describe('an incident of somebody else', () => {
  it("is told before the product's own CA ends, and the server's certificate never does", async () => {
    await open();
    // The server's certificate: made anew with a third of its life left, whoever looks.
    const first = await shownEnd();
    offset = 70 * day;
    await house.log.until('server.certificate_renewed');
    expect(await shownEnd()).toBeGreaterThan(first);
    // The issuing CA, with nobody who releases another.
    offset = 5 * year - 300 * day;
    await raised('own_certificate', 'issuing certificate');
    expect(await alertAbout('own_certificate', 'issuing certificate')).toMatchObject({ severity: 'warning' });
    offset = 5 * year - 60 * day;
    await vi.waitFor(
      async () =>
        expect(await alertAbout('own_certificate', 'issuing certificate')).toMatchObject({ severity: 'critical' }),
      60_000,
    );
  });

  it('is told with the command before the CA above every device ends', async () => {
    await open();
    offset = 5 * year - 269 * day;
    const line = await raised('trust_step', 'issuing CA');
    expect(JSON.stringify(line)).toContain('nolapse trust prepare issuing');
    const { certificate } = await house.device('dev-1');
    const { slots } = (await operations().trustStatus()).issuing;
    expect(certificate.notAfter).toBeLessThanOrEqual(slots[0]?.certificate?.notAfter ?? 0);
  });

  it('cannot come of a server certificate that was renewed on the disk and not loaded', async () => {
    await open();
    const [before] = await chainShown(house.gateway.ports.mqtt);
    const names = ['localhost', '127.0.0.1', '::1'];
    // Somebody else renews it in its place.
    issueServerCertificate(join(house.home, 'pki'), { now: now(), entropy, names });
    offset = 5_000;
    await vi.waitFor(
      async () => {
        const [shown] = await chainShown(house.gateway.ports.mqtt);
        const [onDisk] = pemToDer(readFileSync(join(house.home, 'pki', 'server.crt'), 'utf8'), 'CERTIFICATE') ?? [];
        expect(shown && Buffer.compare(shown, onDisk ?? new Uint8Array()) === 0).toBe(true);
        expect(shown && Buffer.compare(shown, before ?? new Uint8Array()) === 0).toBe(false);
      },
      { timeout: 60_000, interval: 200 },
    );
    expect((await operations().doctor()).find(({ subject }) => subject === 'server chain')).toMatchObject({
      level: 'ok',
    });
  });

  it('is told before a revocation list passes its next update', async () => {
    let isDown = false;
    await open({
      throughAuthority: (authority) => ({
        ...authority,
        signCrl: async (request) => {
          if (isDown || !authority.signCrl) throw new Error('the key cannot be read');
          return authority.signCrl(request);
        },
      }),
    });
    await house.log.until('crl.published');
    isDown = true;
    const { nextUpdate } = (await house.store.read.firstRevocationListToEnd()) ?? { nextUpdate: 0 };
    offset = nextUpdate - 1.5 * day - Date.now();
    await raised('own_certificate', 'revocation list');
    expect(now()).toBeLessThan(nextUpdate);
    offset = nextUpdate - 3_600_000 - Date.now();
    await vi.waitFor(
      async () =>
        expect(await alertAbout('own_certificate', 'revocation list')).toMatchObject({ severity: 'critical' }),
      60_000,
    );
    isDown = false;
    offset += 60_000;
    await house.log.until('alert.cleared', { 'nolapse.alert.subject': 'revocation list' });
  });

  it('is told ten years before the trust anchor ends, and louder as it comes nearer', async () => {
    await open();
    offset = 10 * year + 10 * day;
    const line = await raised('trust_step', 'root');
    expect(JSON.stringify(line)).toContain('mqtt.nextPort');
    offset = 15.1 * year;
    await raised('own_certificate', 'root certificate');
    offset = 19.5 * year;
    await vi.waitFor(async () => {
      expect(await alertAbout('own_certificate', 'root certificate')).toMatchObject({ severity: 'critical' });
      expect(await alertAbout('trust_step', 'root')).toMatchObject({ severity: 'critical' });
    }, 60_000);
  });

  it('is told when the clock is wrong, and nothing that it made stays', async () => {
    await open();
    const before = await shownEnd();
    offset = 4 * year;
    await raised('clock_moved', 'clock');
    await house.log.until('server.certificate_renewed');
    offset = 0;
    await vi.waitFor(async () => expect(await shownEnd()).toBeLessThan(before + year), 60_000);
    const { notBefore } = readCertificate(new Uint8Array((await chainShown(house.gateway.ports.mqtt))[0] ?? []));
    expect(notBefore).toBeLessThanOrEqual(now());
    expect(readFileSync(join(house.home, 'pki', 'server.crt'), 'utf8')).toContain('BEGIN CERTIFICATE');
  });
});
