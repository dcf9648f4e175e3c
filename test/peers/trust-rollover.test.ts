// Two roots in a row take each other's place by the operator's commands, and the reference devices follow: some at once, some only once the
// next root is the current one. Nobody is refused, and nobody needs a hand.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AskedRootView, RootView } from '../../src/app/views/trust-roots.ts';
import { freePort } from '../scenarios/free-port.ts';
import { type House, openHouse } from '../scenarios/harness.ts';
import { missing } from './missing.ts';
import type { TrustDevice } from './trust-devices/bench.ts';
import { MicroPythonBoard } from './trust-devices/micropython-board.ts';
import { ShellBoard, shellClients } from './trust-devices/shell-board.ts';

const yaml = `
classes: { default: { keyModes: [recertify, csr], lifetime: 100d, renewAt: 90%, overlap: 10m, grace: 30d } }
trust: { approval: { root: none } }
`;
const passphrase = 'a passphrase of its own';
const runsMax = 6;

let house: House;
let nextPort: number;
beforeEach(async () => {
  nextPort = await freePort();
  house = await openHouse({ yaml, mqtt: `port: ${await freePort()}, nextPort: ${nextPort}` });
});
afterEach(() => house.close());

function done(given: { done: RootView } | { asked: AskedRootView }): RootView {
  if ('done' in given) return given.done;
  throw new Error(`it was asked for: ${given.asked.release}`);
}

/** A next root that is in a backup. @returns its SHA-256. */
async function prepared(): Promise<string> {
  const { operations } = house.gateway;
  const view = await operations.prepareRoot({ preparation: 'here', passphrase });
  if (!('done' in view) || !view.done.root) throw new Error('it was not prepared');
  const { root } = view.done;
  const below = (await house.store.read.issuingSlots()).filter((slot) => slot.root === root.number);
  await operations.confirmBackup({
    madeAt: Date.now(),
    files: [`pki/root-${root.number}.key`, ...below.map(({ number }) => `pki/issuing-${number}.key`)],
    certificates: [root.fingerprint, ...below.flatMap(({ certificate }) => certificate?.fingerprint ?? [])],
  });
  return root.fingerprint;
}

/** Starts it until it connects under this root and holds these. */
async function until(device: TrustDevice, root: string, held: readonly string[]): Promise<void> {
  let said = '';
  for (let run = 0; run < runsMax; run += 1) {
    said += (await device.run()).said;
    if (device.committed().root === root && device.held().join() === held.join()) return;
  }
  expect({ root: device.committed().root, held: device.held() }, said).toEqual({ root, held });
}

describe.skipIf(missing(...shellClients, 'openssl', 'micropython'))('the reference devices', () => {
  it('follow two rollovers by commands, also where they were away while the next root was announced', async () => {
    const { operations } = house.gateway;
    const bench = { house };
    const words = (together: number) => ['--together', String(together)];
    const awake: TrustDevice[] = [
      await MicroPythonBoard.make(bench, 'two-1', 'default', words(2)),
      await MicroPythonBoard.make(bench, 'one-1', 'default', words(1)),
      await ShellBoard.make(bench, 'shell-1', 'default'),
    ];
    const away: TrustDevice[] = [
      await MicroPythonBoard.make(bench, 'two-2', 'default', words(2)),
      await ShellBoard.make(bench, 'shell-2', 'default'),
    ];
    const everybody = [...awake, ...away];
    const follow = (devices: readonly TrustDevice[], root: string, held: readonly string[]) =>
      Promise.all(devices.map((device) => until(device, root, held)));
    let [present = ''] = awake[0]?.held() ?? [];
    await follow(everybody, present, [present]);
    for (const number of [2, 3]) {
      const next = await prepared();
      done(await operations.distributeRoot());
      await follow(awake, next, [present, next]);
      await expect(operations.activateRoot()).rejects.toMatchObject({
        faults: [expect.stringMatching(/: 2; /), 'shell-2 (tests)', 'two-2 (tests)'],
      });
      done(await operations.activateRoot({ accept: away.map(({ id }) => id) }));
      await follow(away, next, [present, next]);
      expect(await operations.listUnproved()).toMatchObject({ principals: [] });
      expect(done(await operations.retireRoot())).toMatchObject({ number: number - 1, state: 'retired' });
      // Each finds the broker, whatever the two ports show now, and gives the old root up.
      await follow(everybody, next, [next]);
      present = next;
    }
    const roots = await house.store.read.rootSlots();
    expect(roots.map(({ state }) => state)).toEqual(['retired', 'retired', 'current']);
    for (const action of ['admission.refused', 'trust.failed', 'renewal.failed'])
      expect(house.log.count(action)).toBe(0);
  });

  it('go back to the present root where the next one is given up, and follow the one after that', async () => {
    const { operations } = house.gateway;
    const devices: TrustDevice[] = [
      await MicroPythonBoard.make({ house }, 'two-1', 'default', ['--together', '2']),
      await ShellBoard.make({ house }, 'shell-1', 'default'),
    ];
    const follow = (root: string, held: readonly string[]) =>
      Promise.all(devices.map((device) => until(device, root, held)));
    const [present = ''] = devices[0]?.held() ?? [];
    await follow(present, [present]);
    const given = await prepared();
    done(await operations.distributeRoot());
    await follow(given, [present, given]);
    const base64 = readFileSync(join(house.home, 'pki', 'root-2.withdrawal')).toString('base64');
    done(await operations.withdrawRoot({ withdrawal: { name: 'root-2.withdrawal', base64, passphrase } }));
    await follow(present, [present]);
    const next = await prepared();
    done(await operations.distributeRoot());
    await follow(next, [present, next]);
    for (const action of ['admission.refused', 'trust.failed']) expect(house.log.count(action)).toBe(0);
  });
});
