// The recording of the demo on the README is there, small, and one that tools/record-demo.mjs draws.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const bytesMax = 64 * 1024;

it('is shown by the README, is small, and shows whole renewals', () => {
  const svg = readFileSync('docs/demo.svg', 'utf8');
  expect(readFileSync('README.md', 'utf8')).toContain('](docs/demo.svg)');
  expect(svg.length).toBeLessThan(bytesMax);
  for (const words of ['in use', 'overlap: both let it in', 'renewed 1×', 'asleep, as planned', '0 unplanned lapses']) {
    expect(svg).toContain(words);
  }
});

it('has every line of a screen as long as it stands, escaped', () => {
  const folder = mkdtempSync(join(tmpdir(), 'nolapse-picture-'));
  try {
    const target = join(folder, 'picture.svg');
    const screens = join(folder, 'screens.json');
    writeFileSync(screens, JSON.stringify(['one <& two>\nstays', 'one <& two>\nstays', 'other\nstays']));
    const run = spawnSync(process.execPath, ['tools/record-demo.mjs', target, screens], { encoding: 'utf8' });
    expect(run.stderr).toBe('');
    const svg = readFileSync(target, 'utf8');
    expect(svg).toContain('one &lt;&amp; two&gt;');
    const texts = [...svg.matchAll(/<text class="([^"]*)"[^>]*>([^<]*)</g)].map(([, of, text]) => [text, of]);
    expect(texts).toEqual([
      ['one &lt;&amp; two&gt;', 'k0-1 b'],
      ['other', 'k1-2 e b'],
      ['stays', 'l e'],
    ]);
    expect(svg).toContain('@keyframes k1-2{0%{opacity:0}');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
