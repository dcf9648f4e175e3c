// nolapse policy and nolapse reload, as a person runs them: on a home at rest, and on a broker that goes on serving.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PolicyRow, PolicyView, ReloadView } from '../../src/app/views/policies.ts';
import { Recorder } from '../scenarios/recorder.ts';
import { Workplace } from './harness.ts';
import { end, type Running, startNolapse } from './nolapse-process.ts';

const policies = `
classes:
  default: { lifetime: 60d, renewAt: 60% }
  meter: { renewAt: 40% }
criticalities:
  critical: { renewAt: 50%, expiryWarning: 40% }
  low: { lifetime: 12h }
`;

let place: Workplace;
let log: Recorder;
let gateway: Running | undefined;
beforeEach(() => {
  place = new Workplace();
  log = new Recorder();
  mkdirSync(place.home, { mode: 0o700 });
  configure(policies);
});
afterEach(async () => {
  if (gateway) await end(gateway, 'SIGKILL');
  gateway = undefined;
  place.remove();
});

function configure(yaml: string): void {
  writeFileSync(join(place.home, 'nolapse.yaml'), yaml);
}

async function start(): Promise<Running> {
  gateway = await startNolapse(place, log);
  return gateway;
}

/** Each command is a process of its own, and a machine may be busy. */
const timeout = 120_000;

describe('nolapse policy', { timeout }, () => {
  it('explains which rule gave which value, and what was said instead', async () => {
    await place.ask('init');
    await place.ask('device', 'add', 'm-1', '--owner', 'o', '--class', 'meter', '--criticality', 'critical');
    const view = (await place.ask('policy', 'explain', 'm-1')) as PolicyView;
    expect(view).toMatchObject({ id: 'm-1', class: 'meter', criticality: 'critical', classIsConfigured: true });
    expect(view.values.find(({ key }) => key === 'renewAt')).toEqual({
      key: 'renewAt',
      text: '40%',
      rule: 'class',
      cutToMs: null,
      overruled: [
        { rule: 'criticality', text: '50%' },
        { rule: 'default', text: '60%' },
        { rule: 'built-in', text: expect.any(String) },
      ],
    });
    const { code, stdout } = await place.run(['policy', 'explain', 'm-1', '--home', place.home]);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^renewAt +40% +class meter +50% \(criticality critical\), 60% \(class\n +default\), 50% \(built-in\)$/m,
    );
    expect(stdout).toMatch(/^expiryWarning +40% +criticality critical +\d/m);
    expect(stdout).toMatch(/^lifetime +60d +class default +/m);
    expect(stdout).toMatch(/^grace +30d +built-in +-$/m);
  });

  it('says where a built-in value gave way, and lists every class at every criticality', async () => {
    await place.ask('init');
    await place.ask('device', 'add', 'm-2', '--owner', 'o', '--criticality', 'low');
    const { stdout } = await place.run(['policy', 'explain', 'm-2', '--home', place.home]);
    expect(stdout).toMatch(/^overlap +7d +built-in, cut to 3h: the life is short +-$/m);
    expect(stdout).toMatch(/^status +active$/m);
    await place.ask('device', 'decommission', 'm-2');
    expect(await place.ask('policy', 'explain', 'm-2')).toMatchObject({ status: 'decommissioned', certificates: [] });
    const rows = (await place.ask('policy', 'list')) as PolicyRow[];
    expect(rows.map((row) => `${row.class}/${row.criticality}`)).toHaveLength(8);
    const table = await place.run(['policy', 'list', '--home', place.home]);
    expect(table.stdout).toMatch(/^default +low +12h +60% +3h /m);
  });

  it('has nothing to say of whom the inventory does not have', async () => {
    await place.ask('init');
    for (const id of ['nobody', '../x']) {
      const { code, stdout } = await place.run(['policy', 'explain', id, '--home', place.home]);
      expect([code, stdout]).toEqual([2, '']);
    }
  });
});

describe('nolapse reload', { timeout }, () => {
  it('has a running broker take over changed policies, and names what waits for the next start', async () => {
    await start();
    await place.ask('device', 'add', 'm-1', '--owner', 'o');
    configure(`${policies}\nskew: 1m\n`.replace('renewAt: 60%', 'renewAt: 45%'));
    const view = (await place.ask('reload')) as ReloadView;
    expect(view.atNextStart).toEqual(['skew']);
    expect(view.changed).toEqual(['default/low', 'default/medium', 'default/high']);
    expect(await log.until('policy.reloaded')).toMatchObject({ 'nolapse.changed': view.changed });
    const after = (await place.ask('policy', 'explain', 'm-1')) as PolicyView;
    expect(after.values.find(({ key }) => key === 'renewAt')?.text).toBe('45%');
  });

  it('refuses a file with faults whole and names them all, on the command line and in the log', async () => {
    await start();
    configure('classes:\n  default: { lifetime: 7d, overlap: 8d, grace: -1d }\ncriticalities: { urgent: {} }\n');
    const { code, stderr } = await place.run(['reload', '--home', place.home]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/classes\.default\.grace: expected a duration/);
    expect(stderr).toMatch(/criticalities\.urgent: unknown key/);
    expect(await log.until('policy.refused')).toMatchObject({ 'nolapse.faults': { length: 2 } });
    expect((await place.ask('policy', 'list')) as PolicyRow[]).toHaveLength(8);
  });

  it('refuses when the file it was started with is gone: the policies stay what they were', async () => {
    await start();
    rmSync(join(place.home, 'nolapse.yaml'));
    const { code, stderr } = await place.run(['reload', '--home', place.home]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/nolapse\.yaml/);
    const rows = (await place.ask('policy', 'list')) as PolicyRow[];
    expect(rows.some((row) => row.class === 'meter')).toBe(true);
  });

  it('is asked for by SIGHUP as well, and the broker goes on', async () => {
    const { child } = await start();
    configure(policies.replace('renewAt: 40%', 'renewAt: 35%'));
    child.kill('SIGHUP');
    expect(await log.until('policy.reloaded')).toMatchObject({ 'nolapse.at_next_start': [] });
    const rows = (await place.ask('policy', 'list')) as PolicyRow[];
    const meter = rows.find((row) => row.class === 'meter')?.values.find(({ key }) => key === 'renewAt');
    expect(meter?.text).toBe('35%');
  });

  it('has nobody to ask where no broker runs', async () => {
    await place.ask('init');
    const { code, stderr } = await place.run(['reload', '--home', place.home]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/no gateway runs/);
  });
});
