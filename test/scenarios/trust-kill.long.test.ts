// The broker is killed with SIGKILL between the announcement of a step and what the device says of it, and right after that: the device is
// told again, keeps the step, and is known to.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { putStep } from '../../src/app/enrollment/release-step.ts';
import type { IssuedView } from '../../src/app/views/devices.ts';
import { initPki } from '../../src/authority/init.ts';
import { readKeyFile } from '../../src/authority/key-pair.ts';
import { readServerRoot } from '../../src/authority/server-certificate.ts';
import { dayMs } from '../../src/domain/time.ts';
import { systemEntropy } from '../../src/home/options.ts';
import { signStep } from '../../src/pki/trust-step.ts';
import { fingerprintOf } from '../../src/pki/x509.ts';
import type { Store } from '../../src/ports/store.ts';
import { openStore } from '../../src/store/index.ts';
import { idOf } from '../domain/samples.ts';
import { Mortal } from './mortal.ts';
import { Learner } from './rollover.ts';

const yaml = `
http: { port: 0 }
sweep: { interval: 100ms }
classes:
  default: { lifetime: 1h, renewAt: 66%, overlap: 10m, grace: 1h }
`;

let home: string;
let elsewhere: string;
let gateway: Mortal;
let learner: Learner | null;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'nolapse-kill-'));
  elsewhere = mkdtempSync(join(tmpdir(), 'nolapse-root-'));
  learner = null;
});
afterEach(async () => {
  await learner?.device.stop();
  await gateway.kill();
  for (const folder of [home, elsewhere]) rmSync(folder, { recursive: true, force: true });
});

const configure = (port: number): void => writeFileSync(join(home, 'nolapse.yaml'), `mqtt: { port: ${port} }\n${yaml}`);

/** While no broker runs. */
async function inLedger<T>(work: (store: Store) => Promise<T>): Promise<T> {
  const { store } = openStore(join(home, 'nolapse.db'));
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

/** Has the home's root name another one, whose port nobody serves. @returns the SHA-256 of that. */
async function release(): Promise<string> {
  initPki(elsewhere, { now: Date.now(), entropy: systemEntropy, names: ['localhost'] });
  const [signer, root] = [readServerRoot(join(home, 'pki')), readServerRoot(elsewhere)];
  const now = Date.now();
  const sequence = Math.floor(now / 1_000);
  const named = fingerprintOf(root);
  const step = { kind: 'successor', sequence, signer: fingerprintOf(signer), named, root } as const;
  const bytes = signStep(step, readKeyFile(join(home, 'pki'), 'root.key', undefined));
  const dates = { madeAt: now, announcedFrom: now, keptUntil: now + dayMs };
  const kept = { kind: 'successor', sequence, signer: 1, named: 2, size: bytes.length, port: 9, ...dates } as const;
  await inLedger((store) => store.transact((tx) => putStep({ tx, now }, kept, bytes)));
  return named;
}

describe('a broker killed in the middle of an announcement', () => {
  it.each(['trust.announced', 'trust.stored', 'trust.failed'])(
    'at %s goes on where it was',
    { timeout: 90_000 },
    async (at) => {
      configure(0);
      gateway = await Mortal.start(home);
      await gateway.call('addDevice', { id: 'meter-1', owner: 'tests' });
      const issued = await gateway.call<IssuedView>('issueDevice', { id: 'meter-1' });
      const { mqtt } = gateway.ports;
      await gateway.kill();
      configure(mqtt);
      const next = await release();
      gateway = await Mortal.start(home, at);
      learner = new Learner('meter-1', issued, mqtt);
      learner.device.start();
      expect(await gateway.death()).toBe('SIGKILL');
      gateway = await Mortal.start(home);
      if (at === 'trust.announced') {
        await gateway.told('trust.stored');
        await gateway.told('trust.failed');
      } else await learner.verified(fingerprintOf(readServerRoot(join(home, 'pki'))));
      expect(await learner.held()).toContain(next);
      await gateway.kill();
      const [record, told, waiting] = await inLedger((store) =>
        Promise.all([
          store.read.trustRecord(idOf('meter-1')),
          store.read.trustTold(idOf('meter-1')),
          store.read.dueEffects(Date.now(), 10),
        ]),
      );
      expect(record).toMatchObject({ offered: { root: 2 }, stored: { root: 2, by: null } });
      expect(told?.settled).toEqual([{ sequence: record?.stored?.sequence, stored: true, way: 'own' }]);
      expect(waiting).toEqual([]);
    },
  );
});
