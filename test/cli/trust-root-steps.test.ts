// nolapse trust distribute, unproved, activate, retire and abort, as an operator types them on a running broker.
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { TrustView } from '../../src/app/views/trust.ts';
import type { AskedRootView, UnprovedView } from '../../src/app/views/trust-roots.ts';
import { freePort } from '../scenarios/free-port.ts';
import { type Outcome, Workplace } from './harness.ts';
import { end, type Running, startNolapse } from './nolapse-process.ts';

let place: Workplace;
let running: Running;
beforeEach(async () => {
  place = new Workplace();
  await place.ask('init');
  writeFileSync(join(place.home, 'nolapse.yaml'), `mqtt: { nextPort: ${await freePort()} }\n`);
  running = await startNolapse(place);
});
afterEach(async () => {
  await end(running);
  place.remove();
});

const file = (name: string, text: string): string => {
  const path = join(place.folder, name);
  writeFileSync(path, text);
  return path;
};
const words = (...args: string[]): Promise<Outcome> => place.run([...args, '--home', place.home]);
const refusal = (text: string) => ({ code: 2, stderr: expect.stringContaining(text) });
const roots = async () => {
  const { stdout } = await words('trust', 'status', '-o', 'json');
  return (JSON.parse(stdout) as TrustView).roots;
};
const states = async (): Promise<string[]> => (await roots()).slots.map(({ state }) => state);

async function released(given: unknown, ...more: string[]): Promise<unknown> {
  const { release } = (given as { asked: AskedRootView }).asked;
  const [, ...args] = release.replace(/ --.*/, '').split(' ');
  return place.ask(...args, ...more);
}

/** With a passphrase of ours, in the file `phrase`. */
async function backedUp(): Promise<void> {
  const phrase = file('phrase', 'a passphrase of its own\n');
  await released(await place.ask('trust', 'prepare', 'root'), '--seal-with', phrase);
  const backup = join(place.folder, 'backup');
  await place.ask('backup', backup);
  await place.ask('backup', backup, '--verify');
}

async function issued(id: string, owner: string, site: string): Promise<void> {
  await place.ask('device', 'add', id, '--owner', owner, '--site', site);
  await place.ask('device', 'issue', id, '--out', join(place.folder, id));
}

it('takes a root to its end with those that are accepted by name, whom it lists', { timeout: 120_000 }, async () => {
  await issued('stock-2', 'water, north', 'b');
  await issued('stock-1', '=anna', 'a');
  expect(await words('trust', 'distribute', 'root')).toMatchObject(refusal('no next root is prepared'));
  expect(await words('trust', 'unproved', 'root')).toMatchObject({ code: 0, stdout: '' });
  await backedUp();
  const { code, stdout } = await words('trust', 'distribute', 'root');
  expect(code).toBe(0);
  expect(stdout).toMatch(/^ {2}nolapse trust release distribute root \d+ [0-9a-f]{64}$/m);
  await released({ asked: (await roots()).asked });
  expect((await roots()).slots[1]?.distributedAt).not.toBeNull();

  const listed = await words('trust', 'unproved', 'root');
  expect(listed.code).toBe(1);
  expect(listed.stdout).toMatch(/^OWNER +SITE +ID +LAST +EXPECTED +WHAT IS LEFT$/m);
  expect(listed.stdout).toMatch(/^=anna +a +stock-1 +never +too late: it was never seen +it never connected/m);
  expect(listed.stdout).toMatch(/^not proved +2$/m);
  const csv = await words('trust', 'unproved', 'root', '-o', 'csv');
  expect(csv.stdout.split('\n')).toEqual([
    'id,owner,site,kind,class,gateway,last,standing,left,by,late',
    expect.stringMatching(/^stock-1,'=anna,a,device,default,,0,never_connected,"?it never connected/),
    expect.stringMatching(/^stock-2,"water, north",b,device,/),
    '',
  ]);
  const json = await words('trust', 'unproved', 'root', '-o', 'json');
  const { principals } = JSON.parse(json.stdout) as { principals: UnprovedView[] };
  expect(principals.map(({ id }) => id)).toEqual(['stock-1', 'stock-2']);

  const faults: [string[], string][] = [
    [[], 'have not proved the next root'],
    [['--accept', join(place.folder, 'nowhere')], 'is not a file'],
    [['--accept', file('empty', '\n\n')], 'has no ids'],
    [['--accept', file('bad', 'stock-1\n../etc\n')], 'bad: line 2: is no id: ../etc'],
    [['--accept', file('long', 'a\n'.repeat(100_001))], 'has 100001 ids: at most 100000 are taken'],
    [['--accept', file('longer', 'a'.repeat(6_600_001))], 'has more than 6600000 bytes'],
    [['--accept', file('one', 'stock-1\n')], 'stock-2 (water, north)'],
  ];
  for (const [args, fault] of faults) {
    expect(await words('trust', 'activate', 'root', ...args)).toMatchObject(refusal(fault));
    expect(await states()).toEqual(['current', 'next']);
    expect((await roots()).asked).toBeNull();
  }
  expect(await words('trust', 'activate', 'issuing', '--accept', 'x')).toMatchObject(refusal('go with a root'));

  // As many as there may be, each as long as an id can be.
  const many = Array.from({ length: 99_998 }, (_, at) => `gone-${String(at).padStart(59, '0')}`);
  const accept = file('accept', ['stock-2', ...many, 'stock-1'].join('\r\n'));
  const activate = await place.ask('trust', 'activate', 'root', '--accept', accept);
  expect(activate).toMatchObject({ asked: { accepted: { count: 100_000 } } });
  await expect(released(activate)).rejects.toThrow('accepted was another list');
  expect(await released(activate, '--accept', accept)).toMatchObject({ root: { number: 2, state: 'current' } });
  expect(await states()).toEqual(['former', 'current']);
  const fresh = (await place.ask('device', 'add', 'young-1', '--owner', 'anna')) as { id: string };
  expect(fresh).toBeDefined();
  await place.ask('device', 'issue', 'young-1', '--out', join(place.folder, 'young-1'));
  const given = readFileSync(join(place.folder, 'young-1', 'ca.crt'), 'utf8');
  expect(given).toBe(readFileSync(join(place.home, 'pki', 'root-2.crt'), 'utf8'));

  const everybody = file('everybody', 'young-1\nstock-1\nstock-2\n');
  expect(await words('trust', 'retire', 'root', '2')).toMatchObject(refusal('no number'));
  expect(await words('trust', 'retire', 'root')).toMatchObject(refusal('young-1 (anna)'));
  const retire = await place.ask('trust', 'retire', 'root', '--accept', everybody);
  expect(await released(retire, '--accept', everybody)).toMatchObject({ root: { number: 1, state: 'retired' } });
  expect(await states()).toEqual(['retired', 'current']);
});

it('gives up a root that devices were told of, by its withdrawal', { timeout: 60_000 }, async () => {
  await backedUp();
  await released(await place.ask('trust', 'distribute', 'root'));
  const away = join(place.folder, 'root-2.withdrawal');
  renameSync(join(place.home, 'pki', 'root-2.withdrawal'), away);
  const phrase = join(place.folder, 'phrase');
  const faults: [string[], string][] = [
    [[], 'nolapse trust abort root --withdrawal FILE --open-with FILE'],
    [['--open-with', phrase], '--open-with goes with --withdrawal FILE'],
    [['--withdrawal', away], 'root-2.withdrawal: is no withdrawal'],
    [['--withdrawal', away, '--open-with', file('other', 'some other passphrase')], 'does not open with this'],
    [['--withdrawal', away, '--open-with', join(place.folder, 'nowhere')], 'is no file of at most 256 bytes'],
    [['--withdrawal', phrase, '--open-with', phrase], 'phrase: does not open'],
  ];
  for (const [args, fault] of faults) {
    expect(await words('trust', 'abort', 'root', ...args)).toMatchObject(refusal(fault));
    expect(await states()).toEqual(['current', 'next']);
  }
  const files = ['--withdrawal', away, '--open-with', phrase];
  const asked = await place.ask('trust', 'abort', 'root', ...files);
  expect(await released(asked, ...files)).toMatchObject({ root: { number: 2, state: 'aborted' } });
  expect(await states()).toEqual(['current', 'aborted']);
});
