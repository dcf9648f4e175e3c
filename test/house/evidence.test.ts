// Holds docs/evidence.md against the table of evidence in both directions.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type AlertKind, alertKinds } from '../../src/domain/alert.ts';
import { type Control, evidenceParts, type Framework } from '../../src/domain/evidence.ts';
import { frameworks } from '../../src/domain/evidence-frameworks.ts';
import { actions } from '../../src/telemetry/actions.ts';

const page = readFileSync('docs/evidence.md', 'utf8');

function codes(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code);
}

function sectionOf(heading: string): string {
  const [, after] = page.split(`\n## ${heading}\n`);
  if (after === undefined) throw new Error(`there is no heading "${heading}"`);
  return after.split('\n## ')[0] ?? '';
}

function rowsOf(text: string): string[][] {
  const lines = text.split('\n').filter((line) => line.startsWith('| `'));
  return lines.map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  );
}

/** `policy` `inventory`; findings `no_owner`; alerts `lapsed`; journal `device.added` */
function recordsIn(cell: string): Pick<Control, 'parts' | 'findings' | 'alerts' | 'journal'> {
  const named: Record<string, string[]> = { parts: [], findings: [], alerts: [], journal: [] };
  for (const group of cell.split(';')) {
    const [, word = ''] = /^\s*([a-z]*)/.exec(group) ?? [];
    named[word === '' ? 'parts' : word] = codes(group);
  }
  return named as unknown as ReturnType<typeof recordsIn>;
}

const all: [string, Framework][] = Object.entries(frameworks);

describe('every action in the table of evidence', () => {
  const files = readdirSync('src/app', { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => readFileSync(join('src/app', file), 'utf8'));
  const named = new Set(all.flatMap(([, { controls }]) => Object.values(controls).flatMap(({ journal }) => journal)));

  // Steps of renewals are recorded by one function for all of them.
  it.each([...named].filter((action) => !action.startsWith('renewal.')))(
    '%s is written into the journal, not told alone',
    (action) => {
      expect(files.some((text) => text.includes(`'${action}'`) && /\brecord\(/.test(text))).toBe(true);
    },
  );
});

describe('what an auditor may be shown', () => {
  const controls = all.flatMap(([, framework]) => Object.values(framework.controls));

  it.each(Object.keys(alertKinds) as AlertKind[])('the alert %s speaks to some control', (kind) => {
    expect(controls.some(({ alerts }) => alerts.includes(kind))).toBe(true);
  });

  it.each(Object.keys(actions).filter((action) => action.startsWith('campaign.')))('%s does so too', (action) => {
    expect(controls.some(({ journal }) => journal.includes(action))).toBe(true);
  });
});

describe('docs/evidence.md', () => {
  it.each(all)('lists every control of %s as the code has it, and no other', (name, framework) => {
    const text = sectionOf(`${framework.title} ${framework.version}`);
    expect(codes(text)).toContain(`--framework ${name}`);
    expect(text).toContain(framework.source);
    const listed = rowsOf(text).map(([id = '', title = '', features = '', records = '']) => [
      codes(id)[0] ?? '',
      { title, features, ...recordsIn(records) },
    ]);
    const known = Object.entries(framework.controls).map(
      ([id, { title, features, parts, findings, alerts, journal }]) => [
        id,
        { title, features, parts, findings, alerts, journal },
      ],
    );
    expect(Object.fromEntries(listed)).toEqual(Object.fromEntries(known));
    expect(listed).toHaveLength(known.length);
  });

  it('has a section for every framework, and no other', () => {
    const named = [...page.matchAll(/^`--framework (\S+)`/gm)].map(([, name]) => name);
    expect(named.sort()).toEqual(Object.keys(frameworks).sort());
  });

  it('tells what each sort of record is', () => {
    const listed = rowsOf(sectionOf('The file')).map(([name = '', meaning = '']) => [codes(name)[0] ?? '', meaning]);
    const known = Object.entries(evidenceParts).map(([name, meaning]) => [
      name,
      `${meaning.charAt(0).toUpperCase()}${meaning.slice(1)}.`,
    ]);
    expect(Object.fromEntries(listed.filter(([name = '']) => name in evidenceParts))).toEqual(
      Object.fromEntries(known),
    );
  });

  it('never says that a control is met', () => {
    expect(page).not.toMatch(/complian|conformity|fulfils/i);
    expect(page).toContain('give evidence for');
  });

  it('is linked from docs/operations.md', () => {
    expect(readFileSync('docs/operations.md', 'utf8')).toContain('](evidence.md)');
  });
});
