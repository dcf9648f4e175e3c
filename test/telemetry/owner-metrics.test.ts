import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ownerLines, ownerMetricTable } from '../../src/telemetry/owner-metrics.ts';

const none = { dark: 0, without: 0, nearestEndAt: null, darkWithin: { 7: 0, 30: 0, 90: 0 } };

describe('the metrics by owner', () => {
  it('escape what an owner may be called', () => {
    const text = ownerLines([{ ...none, owner: 'a "b" \\ c\nd', dark: 2, nearestEndAt: 1_800_000_000_000 }]);
    expect(text).toContain('nolapse_owner_dark_now{owner="a \\"b\\" \\\\ c\\nd"} 2\n');
    expect(text).toContain('nolapse_owner_nearest_not_after_seconds{owner="a \\"b\\" \\\\ c\\nd"} 1800000000\n');
    expect(text.split('\n').filter((line) => !/^(#|nolapse_owner_\w+\{.*\} \d+$|$)/.test(line))).toEqual([]);
  });

  it('are those of docs/operations.md', () => {
    const page = readFileSync('docs/operations.md', 'utf8');
    const named = [...page.matchAll(/^\| `(nolapse_owner_\w+)` \|/gm)].map(([, name]) => name);
    expect(named.sort()).toEqual(Object.keys(ownerMetricTable).sort());
  });
});
