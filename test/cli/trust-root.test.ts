// nolapse trust ... root, as an operator types it: asked for and released, with the key here or elsewhere, at rest and on a running broker.
import { createPrivateKey, sign } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TrustView } from '../../src/app/views/trust.ts';
import type { AskedRootView, PreparedRootView } from '../../src/app/views/trust-roots.ts';
import { Workplace } from './harness.ts';
import { end, type Running, startNolapse } from './nolapse-process.ts';

let place: Workplace;
let running: Running | null = null;
beforeEach(async () => {
  place = new Workplace();
  await place.ask('init');
});
afterEach(async () => {
  if (running) await end(running);
  running = null;
  place.remove();
});

const configure = (yaml: string): void => writeFileSync(join(place.home, 'nolapse.yaml'), yaml);
const pki = (name: string): string => join(place.home, 'pki', name);
const status = async (): Promise<TrustView> => {
  const { stdout } = await place.run(['trust', 'status', '-o', 'json', '--home', place.home]);
  return JSON.parse(stdout) as TrustView;
};
const words = async (command: string, ...more: string[]) =>
  place.run([...command.split(' ').slice(1), ...more, '--home', place.home]);

describe.each(['at rest', 'on a running broker'] as const)('nolapse trust prepare root %s', (face) => {
  it('changes nothing until the command that it prints is run', async () => {
    configure('mqtt: { nextPort: 8893 }\n');
    if (face === 'on a running broker') running = await startNolapse(place);
    const { asked } = (await place.ask('trust', 'prepare', 'root')) as { asked: AskedRootView };
    expect(asked.release).toMatch(/^nolapse trust release prepare root \d+ [0-9a-f]{64}$/);
    expect((await status()).roots).toMatchObject({ slots: [{ number: 1 }], asked: { release: asked.release } });
    expect(existsSync(pki('root-2.crt'))).toBe(false);
    const other = await words(asked.release.replace(/ root \d+/, ' root 7'));
    expect(other).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('the step that waits has another sequence'),
    });
    const { code, stdout } = await words(asked.release);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^its passphrase +([a-z2-7]{4}-){7}[a-z2-7]{4}$/m);
    expect(stdout).toContain('Move the file out of the home');
    expect(stdout).toMatch(/^next: nolapse backup FILE$/m);
    const { roots } = await status();
    expect(roots).toMatchObject({
      slots: [{ state: 'current' }, { number: 2, state: 'next', port: 8893 }],
      asked: null,
    });
    expect(roots.withdrawals).toEqual([pki('root-2.withdrawal')]);
    const { stdout: shown } = await place.run(['trust', 'status', '--home', place.home]);
    expect(shown).toMatch(/^ROOT +STATE +ENDS +PORT +SHA-256$/m);
    expect(shown).toMatch(/^to do +the next root is in no backup that was read back: nolapse backup FILE/m);
    expect(shown).toMatch(/^to be moved away +\S+root-2\.withdrawal$/m);
  });
});

describe('nolapse backup --verify', () => {
  it('confirms that a backup has the next root, and no other backup', async () => {
    configure('mqtt: { nextPort: 8893 }\ntrust: { approval: { root: none } }\n');
    const [early, late, cut] = ['early', 'late', 'cut'].map((name) => join(place.folder, name)) as [
      string,
      string,
      string,
    ];
    await place.ask('backup', early);
    expect(await place.ask('backup', early, '--verify')).toMatchObject({ file: early, confirmed: null });
    await place.ask('trust', 'prepare', 'root');
    const refused = await place.run(['backup', early, '--verify', '--home', place.home]);
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('the backup has no pki/issuing-2.key') });
    expect(refused.stderr).toContain('the backup was made before root 2 was prepared');
    await place.ask('backup', late);
    const bytes = readFileSync(late);
    writeFileSync(cut, bytes.subarray(0, -10));
    const damaged = await place.run(['backup', cut, '--verify', '--home', place.home]);
    expect(damaged).toMatchObject({ code: 2, stderr: expect.stringContaining('its end is missing or damaged') });
    bytes[5_000] = (bytes[5_000] ?? 0) ^ 1;
    writeFileSync(cut, bytes);
    const altered = await place.run(['backup', cut, '--verify', '--home', place.home]);
    expect(altered).toMatchObject({ code: 2, stderr: expect.stringContaining('the ledger in it is damaged') });
    expect((await status()).roots.slots[1]?.backupAt).toBeNull();
    const confirmed = (await place.ask('backup', late, '--verify')) as { madeAt: number };
    expect(confirmed).toMatchObject({ file: late, confirmed: 2 });
    expect((await status()).roots.slots[1]?.backupAt).toBe(confirmed.madeAt);
    const both = await place.run(['backup', late, '--verify', '--force', '--home', place.home]);
    expect(both).toMatchObject({ code: 2, stderr: expect.stringContaining('--verify reads one') });
  });
});

describe('a root whose predecessor is elsewhere', () => {
  it('is asked for in a file, and installed with the signature that came back', async () => {
    configure('mqtt: { nextPort: 8893 }\ntrust: { approval: { root: none } }\n');
    const away = join(place.folder, 'root.key');
    renameSync(pki('root.key'), away);
    const refused = await place.run(['trust', 'prepare', 'root', '--home', place.home]);
    expect(refused).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('nolapse trust prepare root --request FILE'),
    });
    const [request, again] = [join(place.folder, 'step.txt'), join(place.folder, 'again.txt')];
    writeFileSync(join(place.folder, 'phrase'), 'a passphrase of its own\n');
    const sealed = ['--seal-with', join(place.folder, 'phrase')];
    const asked = (await place.ask('trust', 'prepare', 'root', '--request', request, ...sealed)) as PreparedRootView;
    expect(asked).toMatchObject({ root: null, request: { number: 2, wants: 'signature' } });
    expect(asked).not.toHaveProperty('passphrase');
    await place.ask('trust', 'prepare', 'root', '--request', again);
    const text = readFileSync(request);
    expect(readFileSync(again)).toEqual(text);
    const signature = join(place.folder, 'step.sig');
    writeFileSync(signature, sign('sha256', Buffer.from('something else'), createPrivateKey(readFileSync(away))));
    const unfit = await place.run(['trust', 'install', signature, '--home', place.home]);
    expect(unfit).toMatchObject({ code: 2, stderr: expect.stringContaining('step.sig: does not verify') });
    writeFileSync(signature, sign('sha256', text, createPrivateKey(readFileSync(away))));
    const { root } = (await place.ask('trust', 'install', signature)) as PreparedRootView;
    expect(root).toMatchObject({ number: 2, state: 'next' });
    expect(await place.ask('trust', 'abort', 'root')).toEqual({ number: 2 });
    expect(existsSync(pki('root-2.key'))).toBe(false);
    expect((await status()).roots.slots.map(({ state }) => state)).toEqual(['current', 'aborted']);
  });

  it('needs a port and options that go together', async () => {
    const at = ['--home', place.home];
    const cases: [string[], string][] = [
      [['trust', 'prepare', 'root', ...at], 'mqtt.nextPort is not set'],
      [['trust', 'prepare', 'root', '--elsewhere', ...at], '--elsewhere needs --request FILE'],
      [['trust', 'prepare', 'issuing', '--elsewhere', ...at], 'go with a root'],
      [['trust', 'prepare', 'root', '--seal-with', '/nowhere', ...at], '/nowhere: is no file'],
      [['trust', 'release', 'prepare', 'issuing', '1', 'ab', ...at], 'go with a root'],
      [['trust', 'abort', 'root', ...at], 'no next root is prepared'],
    ];
    for (const [args, fault] of cases) {
      expect(await place.run(args)).toMatchObject({ code: 2, stderr: expect.stringContaining(fault) });
    }
    expect((await status()).roots.slots).toHaveLength(1);
  });
});
