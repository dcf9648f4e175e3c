// Tokens, operators and commands against a gateway on another machine: over TLS that is verified, with a token, and with what a local command
// answers.

import { once } from 'node:events';
import { chmodSync, copyFileSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AddedTokenView, CredentialView } from '../../src/app/views/access.ts';
import { Recorder } from '../scenarios/recorder.ts';
import { type Outcome, Workplace } from './harness.ts';
import { anyPorts, end, type Running, startNolapse } from './nolapse-process.ts';

let place: Workplace;
/** Another machine: it has no home, and the root in a file. */
let away: Workplace;
let running: Running;
let server: string;
let token: string;

beforeAll(async () => {
  place = new Workplace();
  away = new Workplace();
  await place.ask('init');
  writeFileSync(join(place.home, 'nolapse.yaml'), 'api: { port: 0 }\n');
  const log = new Recorder();
  running = await startNolapse(place, log, anyPorts);
  const [started] = log.lines.filter((line) => line['event.action'] === 'gateway.started');
  server = `https://localhost:${started?.['nolapse.port.api']}`;
  ({ token } = (await place.ask('token', 'add', 'away', '--permission', 'admin', '--until', '1d')) as AddedTokenView);
  copyFileSync(join(place.home, 'pki', 'root.crt'), join(away.folder, 'ca.crt'));
});
afterAll(async () => {
  await end(running);
  place.remove();
  away.remove();
});

const remote = (args: readonly string[], given: { env?: Record<string, string>; ca?: string } = {}): Promise<Outcome> =>
  away.run([...args, '--server', server, '--ca', given.ca ?? 'ca.crt', '-o', 'json'], {
    env: given.env ?? { NOLAPSE_TOKEN: token },
  });
const answerOf = async (...args: readonly string[]): Promise<unknown> => {
  const { code, stdout, stderr } = await remote(args);
  if (code !== 0) throw new Error(`exit code ${code}: ${stderr}`);
  return JSON.parse(stdout);
};

describe('a command with --server', () => {
  it('changes and shows what a command on the gateway does', async () => {
    writeFileSync(join(away.folder, 'fleet.csv'), 'id,owner,site\nm-1,water,north\nm-2,water,south\n');
    expect(await answerOf('device', 'import', join(away.folder, 'fleet.csv'))).toMatchObject({ added: 2 });
    await answerOf('device', 'set', 'm-1', '--criticality', 'high', '--reason', 'it feeds hall 7 – Süd');
    await answerOf('device', 'quarantine', 'm-2');
    for (const command of [
      ['device', 'list'],
      ['device', 'list', '--site', 'north'],
      ['device', 'list', '--after', 'm-1', '--limit', '1'],
      ['device', 'show', 'm-1'],
      ['cert', 'list'],
      ['renewal', 'list'],
      ['delegation', 'list'],
      ['alert', 'list'],
      ['finding', 'list'],
      ['policy', 'list'],
      ['policy', 'explain', 'm-1'],
      ['campaign', 'list'],
      ['token', 'list'],
    ]) {
      const there = await remote(command);
      const here = await place.run([...command, '--home', place.home, '-o', 'json']);
      expect([command, there.code, without(there.stdout)]).toEqual([command, here.code, without(here.stdout)]);
    }
    await answerOf('device', 'release', 'm-2');
    expect(await place.ask('device', 'show', 'm-2')).toMatchObject({ principal: { status: 'active' } });
  });

  it('is refused what is done on the gateway alone, and leaves nothing there', async () => {
    for (const args of [
      ['device', 'issue', 'm-1', '--out', 'out'],
      ['operator', 'add', 'mallory', '--permission', 'admin', '--until', '1d', '--out', 'out'],
      ['trust', 'prepare', 'issuing'],
      ['init'],
    ]) {
      const { code, stderr } = await remote(args);
      expect([args[0], code, /gateway itself alone|home on this machine/.test(stderr)]).toEqual([args[0], 2, true]);
    }
    expect((await place.ask('operator', 'list')) as CredentialView[]).toEqual([]);
  });

  it('names what is wrong with what it is given', async () => {
    const { stderr } = await remote(['device', 'show', 'nobody']);
    expect(stderr).toBe('nolapse: nobody is not in the inventory\n');
    expect((await remote(['device', 'set', 'm-1', '--site', 'x', '--by', 'ben', '--force'])).stderr).toMatch(/--by/);
  });

  it.each([
    ['no token', {}, /NOLAPSE_TOKEN/],
    ['a wrong one', { NOLAPSE_TOKEN: `nolapse_${'0'.repeat(13)}_${'A'.repeat(43)}` }, /does not take this token/],
    ['what is none', { NOLAPSE_TOKEN: 'two words' }, /NOLAPSE_TOKEN/],
  ])('with %s says so', async (_what, env, words) => {
    const { code, stderr } = await remote(['device', 'list'], { env });
    expect([code, words.test(stderr)]).toEqual([2, true]);
    expect(stderr).not.toContain('AAAA');
  });

  it('takes a token from a file that nobody else may read', async () => {
    const file = join(away.folder, 'token');
    writeFileSync(file, `${token}\n`);
    chmodSync(file, 0o644);
    const ask = () => remote(['device', 'list', '--token-file', file], { env: {} });
    expect((await ask()).stderr).toMatch(/can be read by anybody/);
    chmodSync(file, 0o600);
    expect((await ask()).code).toBe(0);
  });

  it('speaks to no server that the root does not verify', async () => {
    const other = new Workplace();
    await other.ask('init');
    const { code, stderr } = await remote(['device', 'list'], { ca: join(other.home, 'pki', 'root.crt') });
    expect([code, /cannot be asked/.test(stderr)]).toEqual([2, true]);
    const unnamed = await away.run(['device', 'list', '--server', server], { env: { NOLAPSE_TOKEN: token } });
    expect(unnamed.stderr).toMatch(/--ca/);
    other.remove();
  });

  it('sends its token over plain HTTP to nobody else, and after no redirect', async () => {
    const plain = await away.run(['device', 'list', '--server', 'http://mqtt.example.net:1'], {
      env: { NOLAPSE_TOKEN: token },
    });
    expect(plain.stderr).toMatch(/use https/);
    const seen: string[] = [];
    const elsewhere = createServer((request, response) => {
      seen.push(request.url ?? '');
      response.writeHead(302, { location: '/elsewhere' }).end();
    }).listen(0, '127.0.0.1');
    await once(elsewhere, 'listening');
    const url = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}`;
    const sent = await away.run(['device', 'list', '--server', url], { env: { NOLAPSE_TOKEN: token } });
    expect([sent.code, /not followed/.test(sent.stderr), seen]).toEqual([2, true, [expect.stringMatching(/devices/)]]);
    elsewhere.close();
  });
});

it("makes an operator, whose key is its owner's alone, and revokes it", async () => {
  const out = join(place.folder, 'carla');
  const right = ['--permission', 'operate', '--owner', 'water', 'power', '--site', 'north', '--until', '30d'];
  await place.ask('operator', 'add', 'carla', ...right, '--out', out);
  expect(statSync(join(out, 'carla.key')).mode & 0o777).toBe(0o600);
  expect(readFileSync(join(out, 'carla.crt'), 'utf8').match(/BEGIN/g)).toHaveLength(1);
  const listed = { name: 'carla', permission: 'operate', owners: ['water', 'power'], sites: ['north'], state: 'live' };
  expect(await place.ask('operator', 'list')).toMatchObject([listed]);
  const again = await place.run(['operator', 'add', 'carla', ...right, '--out', 'other', '--home', place.home]);
  expect([again.code, /there is an operator carla/.test(again.stderr)]).toEqual([2, true]);
  expect(await place.ask('operator', 'revoke', 'carla')).toMatchObject([{ name: 'carla', state: 'revoked' }]);
});

it('shows a token once, to a person too, and never in a list', async () => {
  const args = ['token', 'add', 'ci', '--permission', 'read', '--until', '1h', '--home', place.home];
  const { stdout, stderr } = await place.run(args);
  expect(stdout).toMatch(/\nnolapse_[0-9a-z]{13}_[\w-]{43}\n$/);
  expect(stderr).toMatch(/not shown again/);
  const [, id = '', secret = ''] = /nolapse_(\w{13})_([\w-]{43})/.exec(stdout) ?? [];
  const list = await place.run(['token', 'list', '--home', place.home]);
  expect([list.stdout.includes(id), list.stdout.includes(secret)]).toEqual([true, false]);
  expect(await place.ask('token', 'revoke', id)).toMatchObject({ id, state: 'revoked' });
});

/** What changes from one look to the next. */
function without(answer: string): unknown {
  return JSON.parse(answer, (key, value) => (/^(lastUsedAt|seenAt|lastAt|updatedAt|at)$/.test(key) ? null : value));
}
