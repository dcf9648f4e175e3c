// Roots take each other's place by the broker's commands, twice in a row, and the C client of examples/c follows: on one further port, which
// shows the second root first and the third one later.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AskedRootView, RootView } from '../../src/app/views/trust-roots.ts';
import { readCertificates } from '../../src/authority/key-pair.ts';
import { dayMs } from '../../src/domain/time.ts';
import { fingerprintOf } from '../../src/pki/x509.ts';
import { freePort } from '../scenarios/free-port.ts';
import { type House, openHouse } from '../scenarios/harness.ts';
import { cAbsent, makeC, sanitizers } from './c-build.ts';
import { CBoard } from './trust-devices/c-board.ts';

const yaml = `
classes: { default: { keyModes: [recertify], lifetime: 100d, renewAt: 90%, overlap: 10m, grace: 30d } }
trust: { approval: { root: none } }
`;

let built: string;
beforeAll(() => {
  if (cAbsent) return;
  built = mkdtempSync(join(tmpdir(), 'nolapse-c-rollover-'));
  makeC(`${built}/two`, ['all'], sanitizers());
  makeC(`${built}/one`, ['all'], sanitizers('-DROOTS_TOGETHER=1'));
});
afterAll(() => {
  if (!cAbsent) rmSync(built, { recursive: true });
});

let house: House;
let nextPort: number;
let aheadMs: number;
beforeEach(async () => {
  aheadMs = 0;
  nextPort = await freePort();
  const mqtt = `port: ${await freePort()}, nextPort: ${nextPort}`;
  house = await openHouse({ yaml, mqtt, clock: { now: () => Date.now() + aheadMs } });
});
afterEach(() => house.close());

const operations = () => house.gateway.operations;
const root = (number: number): string => {
  const { ders } = readCertificates(join(house.home, 'pki'), number === 1 ? 'root.crt' : `root-${number}.crt`);
  return fingerprintOf(ders[0]);
};
const done = (given: { done: RootView } | { asked: AskedRootView }): RootView => {
  if ('done' in given) return given.done;
  throw new Error(`it was asked for: ${given.asked.release}`);
};

/** Prepares the next root, confirms a backup that has it, and has it announced. */
async function distribute(): Promise<void> {
  const view = await operations().prepareRoot({ preparation: 'here', passphrase: 'a passphrase of its own' });
  if (!('done' in view) || !view.done.root) throw new Error('it was not prepared');
  const { number, fingerprint } = view.done.root;
  const below = (await house.store.read.issuingSlots()).filter((slot) => slot.root === number);
  await operations().confirmBackup({
    madeAt: Date.now() + aheadMs,
    files: [`pki/root-${number}.key`, ...below.map((slot) => `pki/issuing-${slot.number}.key`)],
    certificates: [fingerprint, ...below.flatMap(({ certificate }) => certificate?.fingerprint ?? [])],
  });
  done(await operations().distributeRoot());
}

/** Runs it until it holds these roots alone; hours pass in between. */
async function until(device: CBoard, ...numbers: readonly number[]): Promise<void> {
  const wanted = numbers.map(root);
  let said = '';
  for (let run = 0; run < 6; run += 1) {
    said += (await device.run()).said;
    if (JSON.stringify(device.held()) === JSON.stringify(wanted)) return;
    aheadMs += dayMs / 12;
  }
  expect(device.held(), said).toEqual(wanted);
}

describe.skipIf(cAbsent)('the C client', () => {
  it.each(['two', 'one'])('follows two rollovers by the commands, given %s root(s) at a time', async (kind) => {
    const device = await CBoard.make({ house }, 'c-1', 'default', join(built, kind, 'renew'));
    await until(device, 1);
    for (const next of [2, 3]) {
      await distribute();
      await until(device, next - 1, next);
      expect(device.committed()).toEqual({ port: nextPort, root: root(next) });
      expect((await operations().listUnproved()).principals).toEqual([]);
      expect(done(await operations().activateRoot())).toMatchObject({ number: next, state: 'current' });
      expect(done(await operations().retireRoot())).toMatchObject({ number: next - 1, state: 'retired' });
      await until(device, next);
    }
    expect(house.log.count('trust.failed')).toBe(0);
    expect(house.log.count('admission.refused')).toBe(0);
  });
});
