// nolapse evidence: the file it writes, whole and sealed, from a running broker and from a home at rest; what it says of the time before
// its records; and what it refuses.
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type House, openHouse } from '../scenarios/harness.ts';
import { renewed } from '../scenarios/renewed.ts';
import { type Outcome, Workplace } from './harness.ts';

const day = 86_400_000;
const dateOf = (instant: number): string => new Date(instant).toISOString().slice(0, 10);
const period = ['--from', dateOf(Date.now() - 3 * day), '--to', dateOf(Date.now() + 2 * day)];
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

interface Line {
  readonly record: string;
  readonly controls: unknown;
  readonly [name: string]: unknown;
}
const linesOf = (text: string): Line[] =>
  text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line);

/** As the page has it: by the lines as they stand, and nothing else. */
function checkSeal(text: string): void {
  const raw = text.split('\n').slice(0, -1);
  const seal = JSON.parse(raw.at(-1) ?? '') as {
    records: number;
    sha256: string;
    controls: Record<string, { records: number; sha256: string }>;
  };
  expect(seal).toMatchObject({ record: 'seal', records: raw.length - 2 });
  expect(
    sha256(
      raw
        .slice(0, -1)
        .map((line) => `${line}\n`)
        .join(''),
    ),
  ).toBe(seal.sha256);
  for (const [control, { records, sha256: digest }] of Object.entries(
    seal.controls as Record<string, { records: number; sha256: string }>,
  )) {
    const own = raw.filter((line) => new RegExp(`^\\{"controls":\\[[^\\]]*"${control}"`).test(line));
    expect([own.length, sha256(own.map((line) => `${line}\n`).join(''))]).toEqual([records, digest]);
  }
}

let place: Workplace;
let house: House;
beforeAll(async () => {
  place = new Workplace();
  house = await openHouse({ yaml: 'classes: { default: { lifetime: 1h, overlap: 10m } }' });
  await renewed(house, await house.device('dev-1'), 'dev-1');
});
afterAll(async () => {
  await house.close();
  place.remove();
});

const ask = (...args: string[]): Promise<Outcome> => place.run(['evidence', '--home', house.home, ...args]);

/** Both ways to the records: over the socket of the running broker, and into the home while none runs. */
describe.each(['running', 'at rest'] as const)('nolapse evidence, the broker %s', (state) => {
  beforeAll(async () => {
    if (state === 'at rest') await house.gateway.close();
  });
  afterAll(async () => {
    if (state === 'at rest') await house.restart();
  });

  it('writes the records of a real renewal into a pipe, between header and seal, and says from when on there are any', async () => {
    const { code, stdout, stderr } = await ask('--framework', 'nist-csf-2.0', ...period);
    expect(stderr).toMatch(/^nolapse: the journal begins at \S+Z, and has no record of what was done before\n$/);
    expect(code).toBe(1);
    checkSeal(stdout);
    const [header, ...rest] = linesOf(stdout);
    expect(header).toMatchObject({
      record: 'header',
      framework: { id: 'nist-csf-2.0', version: '2.0', source: 'https://doi.org/10.6028/NIST.CSWP.29' },
      by: expect.stringMatching(/^nolapse \d/),
      meaning: expect.stringContaining('give evidence for'),
      journalFrom: expect.stringMatching(/^\d{4}-/),
    });
    expect(header).toMatchObject({ period: { until: expect.stringMatching(/^\d{4}-\d{2}-\d{2}T/) } });
    const steps = rest.filter(({ record }) => record === 'journal').map(({ action }) => action);
    for (const step of ['requested', 'issued', 'delivered', 'activated']) expect(steps).toContain(`renewal.${step}`);
    expect(rest.filter(({ record }) => record === 'certificates')).toHaveLength(2);
    expect(stdout).not.toMatch(/PRIVATE KEY|BEGIN/);
  });

  it('writes a new file for its owner alone, and tells what is in it', async () => {
    const folder = join(place.folder, state);
    mkdirSync(folder);
    const args = ['--framework', 'iec-62443-4-2', ...period, '--out'];
    const { code, stdout } = await ask(...args, folder);
    expect(code).toBe(1);
    const [name = '', ...others] = readdirSync(folder);
    expect(others).toEqual([]);
    expect(name).toMatch(/^evidence-iec-62443-4-2-\d{4}-\d{2}-\d{2}-\S+\.jsonl$/);
    const file = join(folder, name);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const text = readFileSync(file, 'utf8');
    checkSeal(text);
    expect(stdout).toContain(file);
    expect(stdout).toContain(String(linesOf(text).at(-1)?.['sha256']));
    expect(stdout).toMatch(/^CR 1\.8 +\d+ +Public key infrastructure certificates$/m);
    // What somebody has is not written over.
    writeFileSync(join(folder, 'kept'), 'mine');
    const again = await ask(...args, join(folder, 'kept'));
    expect([again.code, again.stdout]).toEqual([2, '']);
    expect(again.stderr).toContain('is there already');
    expect(readFileSync(join(folder, 'kept'), 'utf8')).toBe('mine');
  });

  it('takes some of the controls, and no others', async () => {
    const { stdout } = await ask('--framework', 'iec-62443-4-2', ...period, '--control', 'CR 1.9');
    checkSeal(stdout);
    for (const { record, controls } of linesOf(stdout).slice(1, -1)) {
      expect(record).not.toBe('renewals');
      expect(controls).toEqual(['CR 1.9']);
    }
  });

  it.each([
    [['--framework', 'soc-2', ...period], /framework: soc-2 is none of owasp-nhi-2025, nist-csf-2\.0, iec-62443-4-2/],
    [['--framework', 'nist-csf-2.0', '--from', '2026-02-01', '--to', '2026-01-01'], /from is not before to/],
    [['--framework', 'nist-csf-2.0', '--from', '2026-02-30', '--to', 'soon'], /from: not a date.*\n.*to: not a date/],
    [['--framework', 'nist-csf-2.0', '--from', '2026-02-01'], /required option '--to <date>'/],
    [['--framework', 'nist-csf-2.0', ...period, '--control', 'PR.AC-1'], /control: PR\.AC-1 is none of ID\.AM-01/],
    [['--framework', 'nist-csf-2.0', ...period, '--out', '/nowhere/at/all'], /cannot be written: ENOENT/],
  ])('refuses %j and writes nothing', async (args, complaint) => {
    const { code, stdout, stderr } = await ask(...args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(complaint);
  });
});
