// A home with several roots and issuing CAs that is restored from a backup, or gets a new ledger beside its PKI: both ports show what they
// showed, who had a certificate comes in, and no number of an issuing CA is given twice.
import { cpSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nextIssuingNumber } from '../../src/app/trust/issuing-numbers.ts';
import { readCertificates } from '../../src/authority/key-pair.ts';
import { loadConfig } from '../../src/config/index.ts';
import { backUp } from '../../src/home/backup.ts';
import { assemble, initHome, noSessions, type Parts } from '../../src/home/home.ts';
import { restoreHome } from '../../src/home/restore.ts';
import { startNolapse } from '../../src/nolapse.ts';
import { openStep, stepVerifies } from '../../src/pki/trust-step.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { operated, operationsIn } from '../fakes/tester.ts';
import { scratch } from '../pki/made.ts';
import { recordingLog } from '../telemetry/recording-log.ts';
import { freePort } from './free-port.ts';
import { type Credentials, connackOf, type House, openHouse } from './harness.ts';
import { takeRootSteps } from './take-root-step.ts';

const yaml = [
  'classes: { default: { lifetime: 1h, renewAt: 66%, overlap: 10m, grace: 1h } }',
  'trust: { approval: { root: none } }',
].join('\n');

let house: House;
let nextPort: number;
beforeEach(async () => {
  nextPort = await freePort();
  house = await openHouse({ yaml, mqtt: `port: 0, nextPort: ${nextPort}` });
});
afterEach(() => house.close());

const configIn = (home: string) => loadConfig({ file: join(home, 'nolapse.yaml'), env: {} });
const pem = (home: string, number: number): string =>
  readFileSync(join(home, 'pki', number === 1 ? 'root.crt' : `root-${number}.crt`), 'utf8');

async function prepare(): Promise<void> {
  await house.gateway.operations.prepareRoot({ preparation: 'here', passphrase: 'a passphrase of its own' });
}

async function rollOver(): Promise<number> {
  const { slot } = await house.gateway.operations.prepareIssuing();
  await house.gateway.operations.activateIssuing();
  return slot.number;
}

describe('a home restored from a backup', () => {
  async function restored(file: string): Promise<string> {
    const home = join(scratch(), 'home');
    const { issuingFaults } = await restoreHome({
      home,
      file,
      crlShardBase: 'http://localhost:8880/crl/issuing/',
      isElsewhere: false,
    });
    expect(issuingFaults).toEqual([]);
    return home;
  }

  it('shows both roots on their ports, admits certificates of both, and gives no number again', async () => {
    await prepare();
    const old = await house.device('dev-1');
    await takeRootSteps(house, 'distribute', 'activate');
    expect(await rollOver()).toBe(3);
    const young = await house.device('dev-2');
    const file = join(scratch(), 'backup');
    const { copyLedger } = house.gateway.operations;
    await backUp({ home: house.home, file, replace: false, copyLedger });
    // What the backup does not know.
    const lost = await rollOver();
    expect(lost).toBe(4);
    await house.gateway.close();

    const home = await restored(file);
    const options = { home, config: configIn(home), log: recordingLog().log, metrics: createMetrics() };
    const gateway = operated(await startNolapse(options));
    try {
      const comes = ({ certificatePem, keyPem }: Credentials, id: string, port: number, root: number) =>
        connackOf(house, { certificatePem, keyPem }, id, { port, ca: pem(home, root), rejectUnauthorized: true });
      for (const [credentials, id] of [
        [old, 'dev-1'],
        [young, 'dev-2'],
      ] as const) {
        expect(await comes(credentials, id, gateway.ports.mqtt, 1)).toBe(0);
        expect(await comes(credentials, id, nextPort, 2)).toBe(0);
        expect(await comes(credentials, id, nextPort, 1)).toBeNull();
      }
      const { slot } = await gateway.operations.prepareIssuing();
      expect(slot.number).toBeGreaterThan(lost);
      const { slot: below } = await gateway.operations.prepareIssuing({ root: 1 });
      expect(below.number).toBe(slot.number + 1);
    } finally {
      await gateway.close();
    }
    await house.restart();
  });

  it('gives other numbers the older the backup is, also when it was restored before', async () => {
    const file = join(scratch(), 'backup');
    const { copyLedger } = house.gateway.operations;
    await backUp({ home: house.home, file, replace: false, copyLedger });
    const once = await restored(file);
    const parts = await opened(once);
    const later = join(scratch(), 'backup');
    await backUp({ home: once, file: later, replace: false, copyLedger: operationsIn(parts.app).copyLedger });
    await parts.app.store.close();
    const first = await numberIn(once);
    const twice = await numberIn(await restored(later));
    expect([first > 1 + 1, twice > first]).toEqual([true, true]);
  });
});

async function opened(home: string): Promise<Parts> {
  return assemble(
    { home, config: configIn(home), log: recordingLog().log },
    { tell: () => undefined },
    noSessions,
    'use',
  );
}

async function numberIn(home: string): Promise<number> {
  const { app } = await opened(home);
  try {
    return await nextIssuingNumber(app.store.read);
  } finally {
    await app.store.close();
  }
}

describe('a new ledger beside several roots', () => {
  /** The home as it is, with another ledger. */
  async function begunAnew(change: (pki: string) => void = () => undefined): Promise<Parts> {
    const home = join(scratch(), 'home');
    cpSync(house.home, home, { recursive: true, filter: (name) => !/nolapse\.db|control/.test(name) });
    change(join(home, 'pki'));
    await initHome({ home, config: configIn(home), log: recordingLog().log, newLedger: true });
    return opened(home);
  }

  const seen = async ({ app }: Parts) => ({
    roots: (await app.store.read.rootSlots()).map(({ number, state }) => `${number} ${state}`),
    issuing: (await app.store.read.issuingSlots()).map(({ number, root, state }) => `${number} below ${root} ${state}`),
    signs: app.authority.trust().issuers[0].number,
    first: app.served.first.root,
  });

  it('has a prepared root as the next one, and names it anew where the key for that is here', async () => {
    await prepare();
    expect(await rollOver()).toBe(3);
    const parts = await begunAnew();
    expect(await seen(parts)).toEqual({
      roots: ['1 current', '2 next'],
      issuing: ['1 below 1 former', '2 below 2 current', '3 below 1 current'],
      signs: 3,
      first: 1,
    });
    const step = openStep((await parts.app.store.read.rootStep(2)) ?? new Uint8Array());
    const [root] = readCertificates(join(house.home, 'pki'), 'root.crt').ders;
    expect(step.ok && stepVerifies(step, root)).toBe(true);
    const [, next] = await parts.app.store.read.rootSlots();
    expect(next).toMatchObject({ port: nextPort, sequence: step.ok ? step.step.sequence : 0 });
    await parts.app.store.close();

    const without = await begunAnew((pki) => rmSync(join(pki, 'root.key')));
    expect(await without.app.store.read.rootStep(2)).toBeNull();
    await without.app.store.close();
  });

  it('has the root as current whose chain the first port showed, while another was, and afterwards', async () => {
    await prepare();
    await takeRootSteps(house, 'distribute', 'activate');
    const during = await begunAnew();
    expect(await seen(during)).toMatchObject({ roots: ['1 current', '2 next'], signs: 1, first: 1 });
    await during.app.store.close();
    await takeRootSteps(house, 'retire');
    const after = await begunAnew();
    expect(await seen(after)).toEqual({
      roots: ['1 retired', '2 current'],
      issuing: ['1 below 1 former', '2 below 2 current'],
      signs: 2,
      first: 2,
    });
    await after.app.store.close();
  });
});
