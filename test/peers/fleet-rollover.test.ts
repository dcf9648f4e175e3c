// Two hundred devices over real TLS live through two rollovers of the issuing CA and two of the root, with CAs that live for minutes. In the
// first rollover a root is given up and a backup restored, and the broker is killed at each step. Nobody who can be reached is refused
// once, and nobody is left behind who was not named before.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { cAbsent, makeC } from './c-build.ts';
import { Crowd, type Kind } from './fleet-rollover/crowd.ts';
import { Station } from './fleet-rollover/station.ts';
import { missing } from './missing.ts';
import { shellClients } from './trust-devices/shell-board.ts';

const yaml = `
server: { names: [localhost, 127.0.0.2] }
sweep: { interval: 500ms }
limits: { announcementsPerSecond: 200 }
trust: { approval: { root: required, issuing: required } }
classes:
  default: { keyModes: [csr, recertify], lifetime: 3m, renewAt: 50%, overlap: 30s, grace: 30m }
`;
/** Of the first root. All is over before, but the end of it. */
const rootMinutes = 8;
const lives = { root: `${rootMinutes}m`, issuing: '8m', server: '8m' };

/** As long as a fleet may take for a step on a machine that has much else to do. */
const patience = { timeout: 200_000, interval: 1_000 };

/** These do what they can. */
const reachable: readonly Kind[] = ['plain', 'tiny', 'slot', 'napper', 'sleeper'];

let station: Station;
let crowd: Crowd;
let built: string;
const begun = Date.now();
beforeAll(async () => {
  if (absent) return;
  station = await Station.open(lives, yaml);
  built = mkdtempSync(join(tmpdir(), 'nolapse-fleet-c-'));
  makeC(`${built}/two`, ['all']);
  makeC(`${built}/one`, ['all'], 'CFLAGS=-O1 -DROOTS_TOGETHER=1');
  crowd = await Crowd.enroll(station, { two: `${built}/two/renew`, one: `${built}/one/renew` });
  await crowd.start();
}, 180_000);
afterAll(async () => {
  await crowd?.stop();
  await station?.close();
  if (built) rmSync(built, { recursive: true, force: true });
});

const minutes = (): string => ((Date.now() - begun) / 60_000).toFixed(1);
const mark = (what: string): void => console.info(`${minutes()} min: ${what}`);

/** The fingerprint of a root by its number. */
async function rootPrint(number: number): Promise<string> {
  const slot = (await station.trust()).roots.slots.find((each) => each.number === number);
  if (!slot) throw new Error(`there is no root ${number}`);
  return slot.fingerprint;
}

/** By what the devices saw, and by what the broker says. */
function expectNobodyRefused(): void {
  expect(crowd.refusals).toEqual([]);
  const refused = station.log.lines.filter((line) => line['event.action'] === 'admission.refused');
  expect(refused.map(({ message }) => message)).toEqual([]);
}

async function expectOnly(root: string): Promise<void> {
  await vi.waitFor(async () => {
    const held = [...(await crowd.held(...reachable, 'walled')), ...crowd.heldByBoards()];
    for (const [id, roots] of held) expect(roots, `${id}\n${crowd.past(id).slice(-6).join('\n')}`).toEqual([root]);
  }, patience);
}

/** Until nobody else is left to prove the root than these kinds. */
async function provedBut(...left: readonly Kind[]): Promise<void> {
  await vi.waitFor(async () => expect(await station.unproved()).toEqual(crowd.ids(...left)), patience);
}

async function rollIssuing(): Promise<void> {
  await station.ask('trust', 'prepare', 'issuing');
  expect(await station.step('activate', 'issuing')).toMatchObject({ code: 0 });
}

let backups = 0;
async function backUp(): Promise<string> {
  backups += 1;
  const file = join(station.folder, `backup-${backups}`);
  await station.ask('backup', file);
  await station.ask('backup', file, '--verify');
  return file;
}

const passphrase = (): string => join(station.folder, 'passphrase');

/** Prepares a root, whose withdrawal goes out of the home, and announces it. @returns the backup made in between. */
async function announce(number: number, wasKilled: boolean): Promise<string> {
  const isThere = async (): Promise<boolean> => (await station.root(number)) === 'next';
  if (wasKilled) await station.killedAt('prepare', isThere, '--seal-with', passphrase());
  else expect(await station.rootStep('prepare', '--seal-with', passphrase())).toMatchObject({ code: 0 });
  const sealed = join(station.home, 'pki', `root-${number}.withdrawal`);
  writeFileSync(join(station.folder, `root-${number}.withdrawal`), readFileSync(sealed));
  const file = await backUp();
  const isOut = (): Promise<boolean> => station.isDistributed(number);
  if (wasKilled) await station.killedAt('distribute', isOut);
  else expect(await station.rootStep('distribute')).toMatchObject({ code: 0, stderr: '' });
  return file;
}

function accepted(...of: readonly Kind[]): string {
  const file = join(station.folder, 'accepted');
  writeFileSync(file, crowd.ids(...of).join('\n'));
  return file;
}

const absent = cAbsent || missing('micropython', ...shellClients);

describe.skipIf(absent)('a fleet whose roots roll over', () => {
  it('does not notice two rollovers of the issuing CA', { timeout: 260_000 }, async () => {
    writeFileSync(passphrase(), 'correct horse battery staple');
    await rollIssuing();
    await rollIssuing();
    await vi.waitFor(() => expect(crowd.connected()).toEqual(crowd.ids(...reachable, 'walled', 'mute')), patience);
    expectNobodyRefused();
    mark('the issuing CA has rolled over twice');
  });

  it('goes back from a root that is given up', { timeout: 700_000 }, async () => {
    crowd.sleep('napper');
    crowd.sleep('sleeper');
    await announce(2, false);
    await vi.waitFor(async () => expect((await station.unproved()).length).toBeLessThan(100), patience);
    const isAborted = async (): Promise<boolean> => (await station.root(2)) === 'aborted';
    const withdrawal = ['--withdrawal', join(station.folder, 'root-2.withdrawal'), '--open-with', passphrase()];
    await station.killedAt('abort', isAborted, ...withdrawal);
    const [first] = [await rootPrint(1)];
    await vi.waitFor(async () => {
      for (const [, roots] of await crowd.held('plain', 'tiny', 'slot')) expect(roots).toEqual([first]);
    }, patience);
    expectNobodyRefused();
    mark('root 2 was given up');
  });

  it('is led to the next root by a home that was restored', { timeout: 700_000 }, async () => {
    await vi.waitFor(async () => {
      const { code, stderr } = await station.rootStep('prepare', '--seal-with', passphrase());
      expect(code, stderr).toBe(0);
    }, patience);
    const file = await backUp();
    await station.killedAt('distribute', () => station.isDistributed(3));
    await vi.waitFor(async () => expect((await station.unproved()).length).toBeLessThan(120), patience);
    await station.restore(file);
    expect(await station.isDistributed(3)).toBe(false);
    await backUp();
    expect(await station.rootStep('distribute')).toMatchObject({ code: 0 });
    crowd.wake('napper');
    await provedBut('gone', 'mute', 'sleeper', 'walled');
    expectNobodyRefused();
    mark('root 3 is proved by all that are awake');
  });

  it('refuses to go on without those that are missing, and names them', { timeout: 260_000 }, async () => {
    const refused = await station.rootStep('activate');
    expect(refused.code).toBe(2);
    const few = await station.rootStep('activate', '--accept', accepted('gone', 'mute', 'walled'));
    expect(few.code).toBe(2);
    for (const id of crowd.ids('sleeper').slice(0, 3)) expect(few.stderr).toContain(id);
  });

  it('has the next root first once the rest is accepted', { timeout: 500_000 }, async () => {
    const rest = accepted('gone', 'mute', 'walled', 'sleeper');
    await station.killedAt('activate', async () => (await station.root(3)) === 'current', '--accept', rest);
    await rollIssuing();
    crowd.wake('sleeper');
    await provedBut('gone', 'mute', 'walled');
    expectNobodyRefused();
    mark('root 3 is current, and the sleepers have proved it');
  });

  it('leaves the first root, and those behind the firewall follow', { timeout: 500_000 }, async () => {
    const rest = accepted('gone', 'mute', 'walled');
    const isRetired = async (): Promise<boolean> => (await station.root(1)) === 'retired';
    await provedBut('gone', 'mute', 'walled');
    await station.killedAt('retire', isRetired, '--accept', rest);
    const third = await rootPrint(3);
    await expectOnly(third);
    expectNobodyRefused();
    mark('root 1 is retired');
  });

  it('rolls over once more', { timeout: 700_000 }, async () => {
    await announce(4, true);
    await provedBut('gone', 'mute', 'walled');
    const rest = accepted('gone', 'mute', 'walled');
    await station.killedAt('activate', async () => (await station.root(4)) === 'current', '--accept', rest);
    await provedBut('gone', 'mute', 'walled');
    await station.killedAt('retire', async () => (await station.root(3)) === 'retired', '--accept', rest);
    const fourth = await rootPrint(4);
    await expectOnly(fourth);
    mark('root 3 is retired');
  });

  it('has nobody on the first root when that ends but those that were named', { timeout: 600_000 }, async () => {
    const ends = (await station.trust()).roots.slots.find(({ number }) => number === 1)?.notAfter ?? 0;
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, ends - Date.now() + 1_000)));
    await vi.waitFor(() => expect(crowd.connected()).toEqual(crowd.ids(...reachable, 'walled')), patience);
    expectNobodyRefused();
    mark('root 1 has ended');
  });
});
