// What the demo's screen says of a device at each point of its life, and that it fits.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { banner, bars, type Scene, screen } from '../../src/cli/demo-screen.ts';
import { type Member, twelve } from '../../src/simulator/fleet.ts';

const now = Date.parse('2026-11-30T23:00:00Z');
const counts = { devices: 12, connected: 12, renewed: 35, inOverlap: 1, lapsedAsMeant: [], lapsed: [], refused: 0 };
const member = (id: string): Member => twelve.find((each) => each.id === id) as Member;

interface Life {
  readonly status?: string;
  readonly certificates?: readonly (readonly [state: string, leftMs: number, overlapLeftMs?: number])[];
  readonly renewal?: string;
  readonly isAsleep?: boolean;
  readonly isAway?: boolean;
}

function sceneOf(id: string, { status = 'active', certificates = [], renewal, isAsleep, isAway }: Life): Scene {
  const ledger = {
    now,
    devices: [{ id, status }],
    certificates: certificates.map(([state, leftMs, overlapLeftMs]) => ({
      principalId: id,
      state,
      notAfter: now + leftMs,
      overlapUntil: overlapLeftMs === undefined ? null : now + overlapLeftMs,
    })),
    renewals: renewal ? [{ principalId: id, state: renewal, activatedAt: renewal === 'activated' ? now : null }] : [],
  };
  return {
    members: [member(id)],
    ledger: ledger as unknown as Scene['ledger'],
    counts,
    isConnected: () => !isAway,
    asleep: new Set(isAsleep ? [id] : []),
    command: 'node dist/main.js',
    home: '/tmp/home',
    logFile: '/tmp/demo.log',
  };
}

const rowOf = (id: string, life: Life, columns = 100): string =>
  screen(sceneOf(id, life), columns)
    .split('\n')
    .find((line) => line.startsWith(id)) ?? '';

describe("the demo's screen", () => {
  it('has the result in one line', () => {
    expect(banner(counts)).toBe('12 devices, 35 renewed, 0 unplanned lapses');
    expect(banner({ ...counts, lapsed: ['pump-01'] })).toBe('12 devices, 35 renewed, 1 unplanned lapses (pump-01)');
    expect(screen(sceneOf('pump-01', {}), 100)).toContain('12 devices, 35 renewed, 0 unplanned lapses');
  });

  it('draws a bar to the end of each certificate, and two during the overlap', () => {
    const two = { newer: now + 90_000, older: now + 30_000 };
    expect(bars({ newer: now + 60_000, older: null }, now, 12)).toBe('▄▄▄▄▄▄      ');
    expect(bars(two, now, 12)).toBe('███▀▀▀▀▀▀   ');
    expect(bars({ newer: null, older: null }, now, 4)).toBe('    ');
    expect(bars({ newer: now + 1e9, older: null }, now, 4)).toBe('▄▄▄▄');
  });

  it.each<[string, string, Life]>([
    ['to come', 'pump-01', {}],
    ['in use', 'pump-01', { certificates: [['active', 60_000]] }],
    ['offered a replacement', 'pump-01', { certificates: [['active', 30_000]], renewal: 'offered' }],
    ['asked for it', 'pump-01', { certificates: [['active', 30_000]], renewal: 'requested' }],
    [
      'overlap: both let it in',
      'pump-01',
      {
        certificates: [
          ['active', 60_000],
          ['superseded', 30_000, 10_000],
        ],
        renewal: 'activated',
      },
    ],
    ['reconnecting', 'pump-01', { certificates: [['active', 60_000]], isAway: true }],
    ['asleep, as planned', 'pump-04', { certificates: [['active', 9_000]], isAsleep: true }],
    ['ended in sleep, as planned', 'pump-04', { certificates: [['active', -2_000]], isAsleep: true }],
    ['back, may renew', 'pump-04', { certificates: [['expired', -9_000]] }],
    ['decommissioned as planned', 'valve-03', { status: 'decommissioned', certificates: [['revoked', 60_000]] }],
    ['LAPSED', 'pump-01', { certificates: [['active', -1_000]] }],
  ])('says "%s" of %s', (words, id, life) => {
    expect(rowOf(id, life)).toContain(`  ${words}`);
  });

  it('has a certificate that is retired by the end of its overlap', () => {
    const life: Life = {
      certificates: [
        ['active', 60_000],
        ['superseded', 30_000, -1_000],
      ],
    };
    expect(rowOf('pump-01', life)).not.toMatch(/[█▀]/);
  });

  it('fits terminals from 60 columns', () => {
    const life: Life = { certificates: [['active', 119_000]], renewal: 'activated' };
    for (const columns of [60, 79, 80, 100, 200]) {
      expect(rowOf('pump-01', life, columns).length, `${columns} columns`).toBeLessThanOrEqual(columns);
    }
  });
});

const hasScript = spawnSync('script', ['--version']).status === 0;
it.skipIf(!hasScript)('on a terminal the demo draws in place, and its log is in the file that it names', () => {
  const line = `stty cols 100 rows 30; exec ${process.execPath} dist/main.js demo --for 3s`;
  const { stdout } = spawnSync('script', ['-qec', line, '/dev/null'], { encoding: 'utf8', timeout: 60_000 });
  const frames = stdout.split('\u001b[H');
  expect(frames.length).toBeGreaterThan(3);
  expect(frames[1]).toContain('unplanned lapses');
  expect(frames.at(-1)).toMatch(/^.*12 devices|[0-9]+ devices/);
  expect(stdout).not.toContain('"event.action"');
  const [, file = ''] = /log: (\S+demo\.log)/.exec(stdout) ?? [];
  expect(readFileSync(file, 'utf8')).toContain('"event.action":"admission.admitted"');
  expect(stdout).toMatch(/look around: node dist\/main\.js status --home \S+/);
});
