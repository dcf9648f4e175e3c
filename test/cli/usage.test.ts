// What the command line says about itself, and how it answers what it cannot do: exit code 2 and one line a fault.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Workplace } from './harness.ts';

let place: Workplace;
beforeAll(() => {
  place = new Workplace();
});
afterAll(() => place.remove());

describe('nolapse', () => {
  it('lists its commands when asked', async () => {
    const { code, stdout, stderr } = await place.launch(['--help']);
    expect([code, stderr]).toEqual([0, '']);
    for (const name of ['init', 'start', 'device', 'delegation', 'renewal', 'cert', 'crl', 'doctor', 'demo']) {
      expect(stdout).toMatch(new RegExp(`^  ${name} `, 'm'));
    }
  });

  it('tells its version', async () => {
    expect(await place.launch(['--version'])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+/),
    });
  });

  it('explains itself on standard error when no command is given', async () => {
    const { code, stdout, stderr } = await place.launch([]);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain('Usage: nolapse');
  });

  it.each([
    ['device', 'add'],
    ['device', 'import'],
    ['device', 'issue'],
    ['device', 'list'],
    ['device', 'show'],
    ['device', 'decommission'],
    ['device', 'quarantine'],
    ['device', 'release'],
    ['delegation', 'add'],
    ['delegation', 'list'],
    ['delegation', 'revoke'],
    ['renewal', 'list'],
    ['renewal', 'show'],
    ['renewal', 'run'],
    ['cert', 'list'],
    ['cert', 'show'],
    ['cert', 'revoke'],
    ['init'],
    ['start'],
    ['crl'],
    ['doctor'],
  ])('gives %s %s the options that all commands have', async (...command) => {
    const { code, stdout } = await place.launch([...command.filter(Boolean), '--help']);
    expect(code).toBe(0);
    for (const option of ['--home <dir>', '--config <file>', '-o, --output <format>']) expect(stdout).toContain(option);
  });

  it.each([
    [['bogus'], "unknown command 'bogus'"],
    [['device', 'list', '--bogus'], "unknown option '--bogus'"],
    [['device', 'list', 'bogus'], 'too many arguments'],
    [['device', 'list', '-o', 'xml'], 'Allowed choices are human, json'],
    [['device', 'list', '--limit', '0'], 'expected a whole number from 1 to 10000'],
    [['device', 'list', '--limit', '10001'], 'expected a whole number from 1 to 10000'],
    [['device', 'add', 'dev-1'], "'--owner <owner>' not specified"],
    [['device', 'add', 'dev-1', '--owner', 'o', '--kind', 'robot'], 'Allowed choices are device, gateway, service'],
    [['device', 'show'], "missing required argument 'id'"],
    [['device', 'issue', 'dev-1'], "'--out <dir>' not specified"],
    [['device', 'issue', '../../x', '--out', '.'], 'is no id'],
    [['device', 'issue', 'a/b', '--out', '.'], 'is no id'],
    [['device', 'import', 'list.txt'], 'say which it is with --format'],
    [['device', 'import', 'none.csv'], 'none.csv cannot be read: ENOENT'],
    [['renewal', 'list', '--state', 'stuck'], 'Allowed choices are due, offered'],
    [['cert', 'revoke', 'ff', '--reason', 'whim'], 'Allowed choices are unspecified'],
    [['device', 'list'], 'is not a home yet: nolapse init --home'],
    [['doctor'], 'is not a home yet: nolapse init --home'],
  ])('answers %j in one line', async (args, message) => {
    const { code, stdout, stderr } = await place.launch(args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(message);
    expect(stderr).toMatch(/^nolapse: .*\n$/);
  });

  it('names every fault of the configuration with its line', async () => {
    const file = join(place.folder, 'bad.yaml');
    writeFileSync(file, 'mqtt:\n  port: x\nmore: 1\n');
    for (const command of ['init', 'start']) {
      const { code, stderr } = await place.launch([command, '--config', file], { env: { NOLAPSE_NONSENSE: '1' } });
      expect(code).toBe(2);
      expect(stderr.trimEnd().split('\n')).toEqual([
        `nolapse: ${file}:2: mqtt.port: expected a whole number from 0 to 65535`,
        `nolapse: ${file}:3: more: unknown key`,
        'nolapse: NOLAPSE_NONSENSE: no key of the configuration has this name',
      ]);
    }
  });

  it('shows where it broke only to those who ask for it', async () => {
    const args = ['device', 'list'];
    expect((await place.launch(args)).stderr).not.toContain('.js:');
    expect((await place.launch(args, { env: { NOLAPSE_LOG_LEVEL: 'debug' } })).stderr).toContain('.js:');
  });
});
