// A home that is restored from a copy does not know what was issued after it. Somebody is told at the start, whoever still has the older
// certificate is renewed, and whoever has only the newer one comes back by `cert import`.
import { copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { connackOf, connect, type House, openHouse, Speaker } from './harness.ts';

const day = 86_400_000;
const yaml = 'classes: { default: { lifetime: 90d, renewAt: 50%, spread: 0%, backdate: 0s, overlap: 7d } }';

let house: House;
let passedMs = 0;
const clock = { now: () => Date.now() + passedMs, steady: () => performance.now() + passedMs };
afterEach(() => house.close());

const operations = () => house.gateway.operations;
const standing = async (kind: 'ledger_stale' | 'unknown_identity') => operations().listAlerts({ kind, open: true });
const bare = ({ certificatePem, keyPem }: { certificatePem: string; keyPem: string }) => ({ certificatePem, keyPem });
/** Closed in order, a database has no journal beside it. */
function backUp(): void {
  copyFileSync(join(house.home, 'nolapse.db'), join(house.home, 'copy.db'));
}

function restore(): void {
  for (const end of ['-wal', '-shm']) rmSync(join(house.home, `nolapse.db${end}`), { force: true });
  copyFileSync(join(house.home, 'copy.db'), join(house.home, 'nolapse.db'));
}

it('says at the start what fell due since, and renews or takes back the devices that were renewed after the copy', async () => {
  passedMs = 0;
  house = await openHouse({ yaml, clock });
  const [first, second, late] = [
    bare(await house.device('two-slots')),
    bare(await house.device('one-slot')),
    bare(await house.device('late')),
  ];
  for (const [each, id] of [
    [first, 'two-slots'],
    [second, 'one-slot'],
    [late, 'late'],
  ] as const)
    expect(await connackOf(house, each, id)).toBe(0);
  await house.restart(backUp);
  passedMs = 5 * day;
  const newer = {
    'two-slots': bare(await operations().issueDevice({ id: 'two-slots' })),
    'one-slot': bare(await operations().issueDevice({ id: 'one-slot' })),
  };
  for (const id of ['two-slots', 'one-slot'] as const) expect(await connackOf(house, newer[id], id)).toBe(0);
  await house.restart();
  // A short stop is nobody's alert.
  expect(await standing('ledger_stale')).toEqual([]);

  passedMs = 50 * day;
  await house.restart(restore);
  expect(await standing('ledger_stale')).toMatchObject([
    {
      subject: 'ledger',
      detail: expect.stringMatching(/50d .*before this start: .* Fell due meanwhile: 3; the first to/),
    },
  ]);
  for (const id of ['two-slots', 'one-slot'] as const) expect(await connackOf(house, newer[id], id)).toBe(5);
  await expect.poll(async () => (await standing('unknown_identity')).length).toBeGreaterThan(0);
  // Its other slot has the certificate of before the copy, and its renewal is open already.
  const device = await new Speaker(await connect(house, first, 'two-slots'), 'two-slots').listen();
  expect((await device.next('offer')).renewal).toBeTruthy();
  await device.client.endAsync();
  // Our own CA signed it: handed in, it is ours again.
  const files = [{ file: 'one-slot.crt', certificate: derOf(newer['one-slot'].certificatePem) }];
  const text = files.map((each) => `${JSON.stringify(each)}\n`).join('');
  expect(await operations().importCertificates({ text })).toMatchObject({ imported: 1 });
  expect(await connackOf(house, newer['one-slot'], 'one-slot')).toBe(0);
  await house.restart();
  expect(house.log.count('alert.raised', { 'event.reason': 'ledger_stale' })).toBe(1);
});

/** Base64 of the leaf's DER. */
function derOf(pem: string): string {
  return pem.split('-----')[2]?.replaceAll('\n', '') ?? '';
}
