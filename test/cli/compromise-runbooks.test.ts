// The runbooks of docs/operations.md for the keys of CAs, with the commands as they stand there: each is run, on a home at rest.
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Workplace } from './harness.ts';

const page = readFileSync('docs/operations.md', 'utf8');

/** What stands under a heading, to the next of its level or above. */
function under(heading: string): string {
  const from = page.indexOf(`\n### ${heading}\n`);
  expect(from, heading).toBeGreaterThan(0);
  return page.slice(from + 1).split(/\n##+ /)[0] ?? '';
}

/** The commands in blocks fenced as `sh`, in their order. */
const commandsIn = (text: string): string[] =>
  [...text.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block = '']) =>
    block
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== ''),
  );

let place: Workplace;
beforeEach(async () => {
  place = new Workplace();
  await place.ask('init');
  writeFileSync(join(place.home, 'nolapse.yaml'), 'mqtt: { nextPort: 18893 }\n');
  await place.ask('device', 'add', 'pump-1', '--owner', '=water');
  await place.ask('device', 'issue', 'pump-1', '--out', join(place.folder, 'pump-1'));
});
afterEach(() => place.remove());

const run = (command: string, ...more: string[]) =>
  place.run([...command.split(' ').slice(1), ...more, '--home', place.home]);
const pki = (name: string): string => join(place.home, 'pki', name);

describe('the runbook of a key in wrong hands', () => {
  it('of an issuing CA: replaces it, asks for the root, and lists who is exposed', async () => {
    const [replace = '', list = ''] = commandsIn(under('The key of an issuing CA is in wrong hands'));
    const done = await run(replace);
    expect(done.code).toBe(0);
    expect(done.stdout).toMatch(/^compromised +issuing CA 1, below root 1$/m);
    expect(done.stdout).toMatch(/^signs now +issuing CA 2$/m);
    expect(done.stdout).toMatch(/^to be released +nolapse trust release prepare root \d+ [0-9a-f]{64}$/m);
    expect(done.stdout).toMatch(/^to do: nolapse trust exposed lists who still trusts root 1$/m);
    const exposed = await run(list);
    expect(exposed.code).toBe(1);
    // A spreadsheet is not to carry out what a record says.
    expect(exposed.stdout).toMatch(/^id,owner,site,.*\npump-1,'=water,,device,.*never_connected,/);
    const { stdout } = await place.run(['trust', 'status', '--home', place.home]);
    expect(stdout).toMatch(/^distrusted +root 1: nolapse trust exposed$/m);
    expect(stdout).toMatch(/root 1 is not to be trusted, .*nolapse trust prepare root/);
    const doctor = await place.run(['doctor', '--home', place.home]);
    expect(doctor.stdout).toMatch(/critical +root 1 +is not to be trusted, and devices still do/);
  });

  it('of a root: asks, and when it is released prepares the next one with a withdrawal that can be opened', async () => {
    writeFileSync(join(place.home, 'nolapse.yaml'), 'mqtt: { nextPort: 18893 }\ntrust: { approval: { root: none } }\n');
    const [replace = '', list = ''] = commandsIn(under('The key of a root is in wrong hands'));
    const done = await run(replace);
    expect(done.stdout).toMatch(/^compromised +root 1$/m);
    expect(done.stdout).toMatch(/^its passphrase +([a-z2-7]{4}-){7}[a-z2-7]{4}$/m);
    expect(existsSync(pki('root-2.withdrawal'))).toBe(true);
    expect(done.stdout).toMatch(/^to do: the next root is in no backup/m);
    expect((await run(list)).code).toBe(1);
  });

  it('of a root, where a release is needed: the command that is printed carries it out', async () => {
    const [replace = ''] = commandsIn(under('The key of a root is in wrong hands'));
    const { stdout } = await run(replace);
    const [release = ''] = /nolapse trust release compromised root \d+ [0-9a-f]{64}/.exec(stdout) ?? [];
    expect(stdout).toContain('nothing has changed yet');
    const wrong = await run(release.replace(/root \d+/, 'root 7'));
    expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining('has another sequence') });
    expect((await run(release)).stdout).toMatch(/^compromised +root 1$/m);
  });
});

describe('the runbook of a lost key', () => {
  it('says until when all goes on, and what is left', async () => {
    const [lost = ''] = commandsIn(under('The key of a root is lost'));
    expect(await run(lost)).toMatchObject({ code: 2, stderr: expect.stringContaining('is in the home') });
    rmSync(pki('root.key'));
    const said = await run(lost);
    expect(said.stdout).toMatch(/^nothing works after +\d{4}-/m);
    expect(said.stdout).toMatch(/^what is left +devices cannot be told of another root/m);
    expect((await run(lost, '--found')).stdout).toMatch(/^key found of +root 1$/m);
  });
});

it('nolapse trust exposed says so where nobody is', async () => {
  expect(await run('nolapse trust exposed')).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('no root in use is distrusted'),
  });
});
