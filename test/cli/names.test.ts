// A name that nobody has is never taken without a word, whatever option of whatever command it stands in.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Workplace } from './harness.ts';
import { end, type Running, startNolapse } from './nolapse-process.ts';

let place: Workplace;
let gateway: Running;
beforeAll(async () => {
  place = new Workplace();
  await place.ask('init');
  writeFileSync(join(place.home, 'nolapse.yaml'), 'classes: { meter: { lifetime: 60d } }\n');
  await place.ask('device', 'add', 'gw-1', '--owner', 'o', '--kind', 'gateway', '--site', 'north');
  await place.ask('device', 'add', 'pump-1', '--owner', 'o', '--site', 'north');
  gateway = await startNolapse(place);
}, 60_000);
afterAll(async () => {
  await end(gateway);
  place.remove();
});

const granting = ['--modes', 'csr', '--until', '90d', '--daily', '1'];
const leaked = ['--reason', 'leaked', '--issued-before', '2020-01-01'];

/** Each with a misspelt name, the exit code, and what is said of it. */
const misspelt: readonly (readonly [line: string, code: number, words: RegExp, ...more: string[]])[] = [
  ['campaign start --class metre', 2, /class: metre is not configured/, ...leaked],
  ['campaign start --site nroth', 2, /no device in the inventory is at the site "nroth"/, ...leaked],
  ['drill --cohort canary --class metre', 2, /class: metre is not configured/],
  ['drill --cohort canary --site nroth', 2, /no device in the inventory is at the site "nroth"/],
  ['drill --cohort canry', 2, /canary, early, broad/],
  ['forecast --site nroth', 2, /no device in the inventory is at the site "nroth"/],
  ['forecast --owner ana', 2, /no device in the inventory has the owner "ana"/],
  ['delegation add gw-2 --site north', 2, /gw-2 is not in the inventory/, ...granting],
  ['delegation add gw-1 --site nroth', 2, /no device in the inventory is at the site "nroth"/, ...granting],
  ['delegation add gw-1 --device pmup-1', 2, /device: pmup-1 is not in the inventory/, ...granting],
  ['delegation list --gateway gw-2', 0, /gw-2 is not in the inventory/],
  ['device add pump-2 --owner o --class metre', 2, /class: metre is not configured/],
  ['device add pump-2 --owner o --gateway gw-2', 2, /gateway: gw-2 is not in the inventory/],
  ['device add pump-2 --owner o --criticality hihg', 2, /low, medium, high, critical/],
  ['device add pump-3 --owner ana --site nroth', 0, /no other device .* is at the site "nroth"[\s\S]*the owner "ana"/],
  ['device set pump-1 --class metre', 2, /class: metre is not configured/],
  ['device set pump-1 --gateway gw-2', 2, /gateway: gw-2 is not in the inventory/],
  ['device set pump-1 --criticality hihg', 2, /low, medium, high, critical/],
  ['device set pump-1 --site suoth --dry-run', 0, /no other device in the inventory is at the site "suoth"/],
  ['device set pump-1 --owner bob --dry-run', 0, /no other device in the inventory has the owner "bob"/],
  ['device list --site suoth', 0, /no device in the inventory is at the site "suoth"/],
  ['device list --owner bob', 0, /no device in the inventory has the owner "bob"/],
  ['device list --source netbxo', 0, /no source "netbxo" is configured/],
  ['device list --kind gatway', 2, /device, gateway, service/],
  ['device list --status gone', 2, /active, quarantined, decommissioned/],
  ['renewal list --device pmup-1', 0, /pmup-1 is not in the inventory/],
  ['renewal list --state oferred', 2, /due, offered/],
  ['cert list --device pmup-1', 0, /pmup-1 is not in the inventory/],
  ['cert list --state actve', 2, /active/],
  ['reconcile --source netbxo', 2, /netbxo/],
  ['alert list --kind home', 2, /home_exposed/],
  ['finding list --kind drak', 2, /dark/],
  ['runbook lapse', 2, /lapsed/],
  ['evidence --framework nist --from 2026-01-01 --to 2026-02-01', 2, /framework/],
];

/** Three at a time: each command is a process of its own. */
const patience = 240_000;

describe('a name that nobody has', () => {
  it(
    'is told by every command and option that takes one',
    async () => {
      for (let from = 0; from < misspelt.length; from += 3) {
        await Promise.all(
          misspelt.slice(from, from + 3).map(async ([line, code, words, ...more]) => {
            const home = line.startsWith('runbook') ? [] : ['--home', place.home];
            const outcome = await place.run([...line.split(' '), ...more, ...home]);
            expect({ line, code: outcome.code, stderr: outcome.stderr }).toEqual({
              line,
              code,
              stderr: expect.stringMatching(words),
            });
          }),
        );
      }
    },
    patience,
  );

  it('says nothing of names that somebody has', { timeout: patience }, async () => {
    const lines = ['device list --site north', 'forecast --owner o', 'device set pump-1 --site north --dry-run'];
    for (const line of lines) {
      const { stderr } = await place.run([...line.split(' '), '--home', place.home]);
      expect({ line, stderr }).toEqual({ line, stderr: expect.not.stringMatching(/no (other )?device|no source/) });
    }
  });

  it('is taken by a delegation for devices to come, where the gateway itself is at that site', {
    timeout: patience,
  }, async () => {
    await place.ask('device', 'add', 'gw-3', '--owner', 'o', '--kind', 'gateway', '--site', 'east');
    const { code, stdout } = await place.run([
      'delegation',
      'add',
      'gw-3',
      '--site',
      'east',
      ...granting,
      '--home',
      place.home,
    ]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining('covers no device yet') });
  });
});

/** Options that take a name, of every command that has one. */
const named = /^ +(?:-\w, )?--(class|owner|criticality|site|device|gateway|source|cohort|kind|state|status|framework) /;

describe('every option that takes a name', () => {
  it('has a line in the table above', { timeout: patience }, async () => {
    const commands = [
      'campaign start',
      'drill',
      'forecast',
      'delegation add',
      'delegation list',
      'device add',
      'device set',
      'device list',
      'renewal list',
      'cert list',
      'reconcile',
      'alert list',
      'finding list',
      'evidence',
    ];
    const untold: string[] = [];
    for (const command of commands) {
      const { stdout } = await place.run([...command.split(' '), '--help']);
      for (const text of stdout.split('\n')) {
        const option = named.exec(text)?.[1];
        if (option === undefined) continue;
        const has = misspelt.some(([line]) => line.startsWith(`${command} `) && line.includes(`--${option} `));
        if (!has) untold.push(`${command} --${option}`);
      }
    }
    // Chosen from a list, as --kind of `device list` is, or free.
    expect(untold.sort()).toEqual(['device add --cohort', 'device add --kind', 'device set --cohort']);
  });
});
