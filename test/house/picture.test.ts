// The recording of the demo on the README is there, small, and one that tools/record-demo.mjs draws.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const bytesMax = 64 * 1024;

it('is shown by the README, is small, and shows a whole renewal', () => {
  const svg = readFileSync('docs/demo.svg', 'utf8');
  expect(readFileSync('README.md', 'utf8')).toContain('](docs/demo.svg)');
  expect(svg.length).toBeLessThan(bytesMax);
  const states = ['replacement due', 'renewal offered', 'renewal requested', 'renewal issued', 'renewal activated'];
  const places = states.map((state) => svg.indexOf(state));
  expect(places).toEqual(places.toSorted((one, other) => one - other));
  expect(places[0]).toBeGreaterThan(0);
});

it('has every line once, escaped, and scrolls until the last', () => {
  const folder = mkdtempSync(join(tmpdir(), 'nolapse-picture-'));
  try {
    const target = join(folder, 'picture.svg');
    const lines = join(folder, 'lines.json');
    const recorded = [
      { atMs: 0, text: '[10:00:00] INFO: first <& second>' },
      { atMs: 60_000, text: '[10:01:00] WARN: last' },
    ];
    writeFileSync(lines, JSON.stringify(recorded));
    const run = spawnSync(process.execPath, ['tools/record-demo.mjs', target, lines], { encoding: 'utf8' });
    expect(run.stderr).toBe('');
    const svg = readFileSync(target, 'utf8');
    expect(svg).toContain('first &lt;&amp; second&gt;');
    expect(svg.match(/<text /g)).toHaveLength(2);
    // The minute between them is shortened.
    expect(svg).toMatch(/animation:scroll [1-9]\d{3}ms step-end infinite/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
