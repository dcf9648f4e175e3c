// What a runbook says, where nothing else answers: without a home, out of the installed package.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { alertKinds } from '../../src/domain/alert.ts';
import { findingKinds } from '../../src/domain/finding.ts';

/** The package as it is installed, with nothing of the checkout but what its manifest ships. */
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'nolapse-runbook-'));
  const shipped = (JSON.parse(readFileSync('package.json', 'utf8')) as { files: string[] }).files;
  for (const each of ['package.json', ...shipped]) cpSync(each, join(folder, each), { recursive: true });
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'));
  mkdirSync(join(folder, 'elsewhere'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function run(...args: readonly string[]) {
  const entry = join(folder, 'dist/main.js');
  return spawnSync(process.execPath, [entry, 'runbook', ...args], { cwd: join(folder, 'elsewhere'), encoding: 'utf8' });
}

/** How many arguments a command cannot do without; it fails where there is no such command. */
function argumentsOf(names: readonly string[]): number {
  const entry = join(folder, 'dist/main.js');
  const { stdout } = spawnSync(process.execPath, [entry, ...names, '--help'], { encoding: 'utf8' });
  const usage = /^Usage: nolapse (.*)$/m.exec(stdout)?.[1] ?? '';
  expect({ names, usage }).toEqual({ names, usage: expect.stringContaining(names.join(' ')) });
  return (usage.match(/<[a-z]/g) ?? []).length;
}

const kinds = [...new Set([...Object.keys(alertKinds), ...Object.keys(findingKinds)])];

describe('nolapse runbook', () => {
  it('lists every kind with what it means, when none is named', () => {
    const { status, stdout } = run();
    expect(status).toBe(0);
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => line.split(' ')[0]),
    ).toEqual(kinds);
    expect((JSON.parse(run('-o', 'json').stdout) as object[]).length).toBe(kinds.length);
  });

  it('prints the parts of the page about an alert and about a finding, and nothing of the next', () => {
    const { status, stdout } = run('retired_credential_in_use');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^# retired_credential_in_use \(alert\)\n\nsomebody presented a certificate/);
    for (const part of ['**Look**', '**Do**', '**By hand**']) expect(stdout.split(part)).toHaveLength(2);
    expect(stdout).not.toMatch(/\]\(|^##+ /m);
    const both = run('installed_not_activated').stdout;
    expect(both).toContain('# installed_not_activated (alert)');
    expect(both).toContain('# installed_not_activated (finding)');
    expect(run('never_seen').stdout).toMatch(/^# never_seen \(finding\)\n[\s\S]*\*\*When\*\*: .+\n- \*\*Do\*\*: .+\n$/);
  });

  it('has every link as words that a terminal shows, and the parts below a runbook with it', () => {
    for (const kind of kinds)
      expect({ kind, links: run(kind).stdout.match(/\]\([^)]*\)/g) }).toEqual({ kind, links: null });
    expect(run('renewal_overdue').stdout).toContain('#### A renewal that is refused');
    expect(run('renewal_overdue').stdout).toContain('By hand**: `examples/shell/renew.sh` carries');
  });

  it('says each command with the arguments that it needs', { timeout: 120_000 }, () => {
    const spans = kinds.flatMap((kind) => run(kind).stdout.match(/`nolapse [a-z][^`\n]*`/g) ?? []);
    const needs = new Map<string, number>();
    const wanting: string[] = [];
    for (const span of new Set(spans)) {
      const words = span.slice(1, -1).split(/\s+/).slice(1);
      const options = words.findIndex((word) => word.startsWith('-'));
      const plain = options < 0 ? words : words.slice(0, options);
      const names = plain.filter((word) => /^[a-z]+$/.test(word)).slice(0, 2);
      const command = names.join(' ');
      if (!needs.has(command)) needs.set(command, argumentsOf(names));
      const given = words.filter((word, at) => !word.startsWith('-') && !words[at - 1]?.startsWith('--')).length;
      if (given - names.length < (needs.get(command) ?? 0)) wanting.push(span);
    }
    expect([needs.size > 10, wanting]).toEqual([true, []]);
  });

  it('names the kinds there are where there is none of this name, with exit code 2', () => {
    const { status, stdout, stderr } = run('lapse');
    expect([status, stdout]).toEqual([2, '']);
    for (const kind of kinds) expect(stderr).toContain(kind);
  });
});
