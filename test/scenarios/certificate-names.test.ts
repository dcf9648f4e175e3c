// An operator names a certificate by the beginning of its serial or fingerprint, and never gets another one than is meant.
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CertificateView } from '../../src/app/views/certificates.ts';
import { openSqlite } from '../../src/store/sqlite/sqlite.ts';
import { type House, openHouse, quickClasses } from './harness.ts';

const shared = '0123456789abcdef';

let house: House;
let pump: CertificateView;
let meter: CertificateView;
beforeEach(async () => {
  house = await openHouse({ yaml: quickClasses });
  await house.device('pump');
  await house.device('meter');
  // Chance would take longer than anybody's life to make serials as alike as these.
  await house.restart(() => {
    const database = openSqlite(join(house.home, 'nolapse.db'));
    database.prepare('UPDATE certificate SET serial = ? || substr(serial, 17)').run(shared);
    database.close();
  });
  pump = await only('pump');
  meter = await only('meter');
});
afterEach(() => house.close());

async function only(device: string): Promise<CertificateView> {
  const [certificate] = await house.gateway.operations.listCertificates({ device, limit: 1 });
  if (!certificate) throw new Error(`${device} has no certificate`);
  return certificate;
}
const revoke = (id: string) => house.gateway.operations.revokeCertificate({ id });

describe('the beginning of a serial or fingerprint', () => {
  it('names the one certificate that has it, in either case and with colons', async () => {
    const { operations } = house.gateway;
    const digits = pump.fingerprint.slice(0, 8);
    expect((await operations.showCertificate({ id: digits })).certificate).toMatchObject({ principalId: 'pump' });
    const written = digits.toUpperCase().replace(/..(?=.)/g, '$&:');
    expect(await revoke(written)).toMatchObject({ principalId: 'pump', state: 'revoked' });
    expect(await only('meter')).toMatchObject({ state: 'issued' });
  });

  it('names none where several have it, and none is revoked', async () => {
    for (const id of [shared, shared.slice(0, 8)]) {
      await expect(revoke(id)).rejects.toMatchObject({
        code: 'conflict',
        faults: [`several certificates begin with ${id}: give more digits; nolapse cert list -o json has all of them`],
      });
    }
    expect([await only('pump'), await only('meter')]).toMatchObject([{ state: 'issued' }, { state: 'issued' }]);
    expect(await revoke(meter.serial)).toMatchObject({ principalId: 'meter', state: 'revoked' });
  });

  it('names none while it is shorter than 8 digits, or no hex', async () => {
    for (const id of [
      '',
      pump.fingerprint.slice(0, 7),
      `${pump.fingerprint.slice(0, 8)}%`,
      '________',
      "' OR 1=1 --",
    ]) {
      await expect(revoke(id)).rejects.toMatchObject({ code: expect.stringMatching(/^(not_found|invalid)$/) });
    }
    expect(await only('pump')).toMatchObject({ state: 'issued' });
  });
});
