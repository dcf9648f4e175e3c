import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { type Ledger, sentence, shortcomings, tally } from '../../src/cli/demo-summary.ts';

const meant = new Set(['sleeper']);
const fleet = { connected: 2, refusals: 3 };

/** Only what the tally reads; the rest of a row is of no consequence to it. */
function ledger(rows: {
  devices?: [id: string, status: string][];
  renewals?: [id: string, state: string, activatedAt: number | null, lapsedAt: number | null][];
  certificates?: [id: string, notAfter: number][];
}): Ledger {
  return {
    now: 1_000,
    devices: (rows.devices ?? []).map(([id, status]) => ({ id, status })),
    renewals: (rows.renewals ?? []).map(([principalId, state, activatedAt, lapsedAt]) => ({
      principalId,
      state,
      activatedAt,
      lapsedAt,
    })),
    certificates: (rows.certificates ?? []).map(([principalId, notAfter]) => ({ principalId, notAfter })),
  } as unknown as Ledger;
}

describe("the demo's summary", () => {
  it('counts renewals seen in use, overlaps, and lapses apart from those that were planned', () => {
    const counts = tally(
      ledger({
        devices: [
          ['sleeper', 'active'],
          ['pump', 'active'],
        ],
        renewals: [
          ['pump', 'activated', 500, null],
          ['pump', 'retired', 300, null],
          ['sleeper', 'offered', null, 400],
        ],
        certificates: [['pump', 2_000]],
      }),
      fleet,
      meant,
    );
    expect(counts).toEqual({
      devices: 2,
      connected: 2,
      renewed: 2,
      inOverlap: 1,
      lapsedAsMeant: ['sleeper'],
      lapsed: [],
      refused: 3,
    });
    expect(sentence(counts)).toContain('1 lapsed as planned (sleeper)');
    expect(shortcomings(counts)).toEqual([]);
  });

  it('finds a device whose certificates have all ended, also when no renewal says so', () => {
    const rows = { devices: [['pump', 'active']], certificates: [['pump', 1_000]] } as const;
    const counts = tally(ledger(rows as never), fleet, meant);
    expect(counts.lapsed).toEqual(['pump']);
    expect(shortcomings(counts)).toEqual(['lapsed and was not meant to: pump', 'nothing was renewed']);
  });

  it('does not count one that was decommissioned', () => {
    const rows = { devices: [['pump', 'decommissioned']], certificates: [['pump', 1_000]] } as const;
    expect(tally(ledger(rows as never), fleet, meant).lapsed).toEqual([]);
  });
});

interface Run {
  readonly code: number | null;
  readonly lines: Record<string, unknown>[];
  readonly errors: string;
}

/** @param onText called with all that it has written so far, whenever it writes more. */
function demo(args: readonly string[], onText: (out: string) => void = () => undefined): Promise<Run> {
  const child = spawn(process.execPath, ['dist/main.js', 'demo', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let errors = '';
  child.stdout.on('data', (chunk) => {
    out += chunk;
    onText(out);
  });
  child.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  return new Promise((resolve) => {
    child.on('close', (code) => {
      const lines = out.split('\n').filter((line) => line !== '');
      resolve({ code, errors, lines: lines.map((line) => JSON.parse(line) as Record<string, unknown>) });
    });
  });
}

const messages = ({ lines }: Run): string => lines.map((line) => String(line['message'])).join('\n');

describe.concurrent('nolapse demo', () => {
  it('shows renewals, a device that comes back through the lane and one that is refused', {
    timeout: 120_000,
  }, async () => {
    const run = await demo(['--for', '60s']);
    const told = messages(run);
    expect(told).toMatch(/pump-01: renewal activated; the old certificate is admitted until/);
    expect(told).toMatch(/pump-01: renewal complete; the old certificate is retired/);
    expect(told).toMatch(/pump-04 wakes up[\s\S]*pump-04 admitted, renew-only lane[\s\S]*pump-04 admitted, full lane/);
    expect(told).toMatch(/valve-03: session ended: \w+/);
    expect(told).toMatch(/valve-03 refused: decommissioned/);
    expect(told).toMatch(/meter-01: renewal activated/);
    expect(told).not.toMatch(/does not fit|meter-\d+: \w+:/);
    expect(told).toMatch(/after 30 s: 12 devices/);
    expect(told).toMatch(/in the end: .* 0 lapsed, 1 lapsed as planned \(pump-04\)/);
    expect(run.code).toBe(0);
    const home = /--home (\S+)/.exec(told)?.[1] ?? '';
    expect(home).not.toBe('');
    expect(existsSync(home)).toBe(false);
  });

  it('fails when a device lapsed that was not meant to', { timeout: 120_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'nolapse-demo-lapse-'));
    const home = join(folder, 'home');
    const nolapse = async (...args: string[]): Promise<void> => {
      await promisify(execFile)(process.execPath, ['dist/main.js', ...args, '--home', home]);
    };
    let added: Promise<void> | null = null;
    const run = await demo(['--for', '75s', '--home', home], (out) => {
      if (!out.includes('certificate.activated')) return;
      // It gets a certificate of 40 seconds, and nobody ever connects with it.
      added ??= nolapse('device', 'add', 'stray-01', '--owner', 'tests', '--class', 'nap').then(() =>
        nolapse('device', 'issue', 'stray-01', '--out', folder),
      );
    });
    expect(added).not.toBeNull();
    await added;
    expect(messages(run)).toContain('lapsed and was not meant to: stray-01');
    expect(messages(run)).toMatch(/in the end: .* 1 lapsed \(stray-01\), 1 lapsed as planned \(pump-04\)/);
    expect(run.code).toBe(1);
    rmSync(folder, { recursive: true });
  });

  it('fails when nothing was renewed', async () => {
    const run = await demo(['--for', '1s']);
    expect(messages(run)).toContain('nothing was renewed');
    expect(run.code).toBe(1);
  });

  it('does not begin in a home that holds something', async () => {
    const home = mkdtempSync(join(tmpdir(), 'nolapse-not-empty-'));
    writeFileSync(join(home, 'mine'), '');
    const run = await demo(['--home', home]);
    expect(run.errors).toContain('is not empty');
    expect(run.code).toBe(2);
    rmSync(home, { recursive: true });
  });
});
