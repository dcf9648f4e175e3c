// The alert that says what is to be done about the roots, and the answer of the status.
import { afterEach, expect, it } from 'vitest';
import { askOrStepRoot } from '../../src/app/trust/approve-root.ts';
import { confirmBackup } from '../../src/app/trust/confirm-backup.ts';
import { abortRoot, prepareRoot } from '../../src/app/trust/root-steps.ts';
import { RootWatch } from '../../src/app/trust/root-watch.ts';
import { rootsView } from '../../src/app/trust/roots-status.ts';
import { operationsIn } from '../fakes/tester.ts';
import { type Assembled, assembled } from './assembled.ts';

let home: Assembled;
afterEach(() => home.close());

const yaml = (port: string): string => `${port}trust: { approval: { root: none }, root: { prepareAt: 1s } }\n`;
const withPort = 'mqtt: { nextPort: 8893 }\n';
const alertOf = async () => home.app.store.read.alert('trust_step', 'root');
const due = async (): Promise<string | null> => (await rootsView(home.app)).due;

it('follows the steps, each with the command that does it, and is cleared when nothing is left', async () => {
  let ahead = 0;
  home = await assembled({ yaml: yaml(withPort), clock: { now: () => Date.now() + ahead } });
  const watch = new RootWatch(home.app);
  await watch.look();
  expect(await alertOf()).toMatchObject({ severity: 'warning', clearedAt: null });
  expect((await alertOf())?.detail).toMatch(
    /^the next root is to be prepared, root 1 ends \S+: nolapse trust prepare root$/,
  );
  const { app } = home;
  const sequence = Math.floor(Date.now() / 1_000);
  await prepareRoot(app, { preparation: 'made_elsewhere', passphrase: '', sequence });
  await watch.look();
  expect((await alertOf())?.detail).toBe('root 2 waits for what is made elsewhere: nolapse trust install FILE');
  await abortRoot(app);
  const { root } = await prepareRoot(app, { preparation: 'here', passphrase: 'of its own', sequence: sequence + 1 });
  await watch.look();
  expect((await alertOf())?.detail).toMatch(/nolapse backup FILE, then nolapse backup FILE --verify$/);
  expect(await due()).toBe((await alertOf())?.detail);
  const below = (await app.store.read.issuingSlots()).find((slot) => slot.root === root?.number);
  const certificates = [root?.fingerprint ?? '', below?.certificate?.fingerprint ?? ''];
  const files = [`pki/root-${root?.number}.key`, `pki/issuing-${below?.number}.key`];
  await confirmBackup(app, { madeAt: Date.now(), files, certificates });
  await watch.look();
  expect((await alertOf())?.detail).toMatch(
    /^root 2 is to be announced to devices, root 1 ends \S+: nolapse trust distribute root$/,
  );
  // No broker runs here.
  home.nextPort.port = { reach: async () => ({ ok: true }), sessionsUnder: () => 0 };
  await askOrStepRoot(app, 'distribute', {});
  await watch.look();
  expect((await alertOf())?.clearedAt).not.toBeNull();
  expect(await due()).toBeNull();
  const year = 365 * 86_400_000;
  const stock = operationsIn(app);
  await stock.addDevice({ id: 'stock-1', owner: 'tests' });
  await stock.issueDevice({ id: 'stock-1' });
  ahead = 15 * year + 1;
  await watch.look();
  expect(await alertOf()).toMatchObject({ severity: 'warning', clearedAt: null });
  expect((await alertOf())?.detail).toMatch(
    /^root 2 is to become current, root 1 ends \S+: not connected under root 2 yet: 1, listed by nolapse trust unproved root; nolapse trust activate root$/,
  );
  await askOrStepRoot(app, 'activate', { accept: ['stock-1'] });
  await watch.look();
  expect((await alertOf())?.clearedAt).not.toBeNull();
  ahead = 19 * year + 1;
  await watch.look();
  expect(await alertOf()).toMatchObject({ severity: 'critical', clearedAt: null });
  expect((await alertOf())?.detail).toMatch(
    /^root 1 is to be retired, it ends \S+: not connected under root 2 yet: 1, .*; nolapse trust retire root$/,
  );
});

it('asks for a port where there is none, and not before it is time', async () => {
  home = await assembled({ yaml: yaml('') });
  expect(await due()).toMatch(/has no port: set mqtt.nextPort and start the broker anew$/);
  await home.close();
  home = await assembled({ yaml: withPort });
  await new RootWatch(home.app).look();
  expect(await alertOf()).toBeNull();
  expect((await rootsView(home.app)).prepareAt).toBeGreaterThan(Date.now());
});
