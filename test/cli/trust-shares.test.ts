// What `nolapse trust status` prints of a fleet on its way from one root to the next.
import { expect, it } from 'vitest';
import type { SharesView } from '../../src/app/views/trust-shares.ts';
import { sharesWords } from '../../src/cli/trust-shares.ts';

const day = 86_400_000;
const now = Date.parse('2030-01-01T00:00:00Z');
const all = { inService: 1_000, gating: 990, offered: 999, stored: 980, proved: 970, unproved: 20 };
const none = { listed: [], more: 0 };
const view: SharesView = {
  ...{ leaves: 1, towards: 2, endsAt: now + 100 * day, all, sessionsOnOldPort: 7, controlFailed: 1 },
  classes: { listed: [{ name: 'default', ...all }], more: 0 },
  owners: {
    listed: Array.from({ length: 11 }, (_, i) => ({ name: i === 0 ? '' : `o${i}`, ...all })),
    more: 4,
  },
  sites: none,
  ahead: {
    ...{ ageMs: 60_000, neverConnected: 3, onOldPort: 17, late: 2, reasons: { too_rare: 2 } },
    nearlyAllAt: now + 10 * day,
    allAt: null,
    owners: [{ owner: 'anna', count: 2, first: ['m1', 'm2'] }],
  },
};

it('says shares, dates and who will not make it, and never rounds a share up to all', () => {
  const words = sharesWords(view, now);
  for (const line of [
    /^root 2 +takes the place of root 1$/m,
    /^behind site gateways +10$/m,
    /^offered +999 \(99\.9 %\)$/m,
    /^proved +970 \(97\.0 %\)$/m,
    /^still to prove it +20$/m,
    /^never connected +3$/m,
    /^sessions under root 1 +7$/m,
    /^99 % will have proved it +2030-01-11T00:00:00Z \(in 10d\)$/m,
    /^all will have proved it +not before root 1 ends$/m,
    /^ {2}it comes too rarely +2$/m,
    /^owner +- +1000 +999 +980 +970 +20$/m,
    /^owner +and 5 more/m,
  ]) {
    expect(words).toMatch(line);
  }
  const nearly = { ...all, inService: 100_000, proved: 99_999 };
  expect(sharesWords({ ...view, all: nearly }, now)).toMatch(/^proved +99999 \(99\.9 %\)$/m);
});

it('says that nothing is foreseen yet', () => {
  expect(sharesWords({ ...view, ahead: null }, now)).toMatch(/^foreseen +not yet$/m);
});
