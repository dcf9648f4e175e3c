// Who ran a command and why, as the journal has it afterwards: on a home at rest the user of the process, over the control socket what
// the command says of it.
import { writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Delegation } from '../../src/domain/delegation.ts';
import type { JournalEntry } from '../../src/ports/journal.ts';
import { openStore } from '../../src/store/index.ts';
import { Workplace } from './harness.ts';
import { end, type Running, startNolapse } from './nolapse-process.ts';

const user = userInfo().username;

let place: Workplace;
let running: Running | null = null;
beforeEach(async () => {
  place = new Workplace();
  await place.ask('init');
  writeFileSync(
    join(place.home, 'nolapse.yaml'),
    'sources: { plant: { kind: file, path: ../none.csv, every: 365d } }\n',
  );
  writeFileSync(join(place.folder, 'fleet.csv'), 'id,owner\nd-2,water\n');
});
afterEach(async () => {
  if (running) await end(running);
  running = null;
  place.remove();
});

/** All lines, the first first; whatever runs is stopped for it. */
async function journal(): Promise<JournalEntry[]> {
  if (running) await end(running);
  running = null;
  const { store } = openStore(join(place.home, 'nolapse.db'));
  try {
    return (await store.read.journal({}, 10_000)).toReversed();
  } finally {
    await store.close();
  }
}

/** What the journal calls a change, and the reason that was given for it. */
type Given = readonly [action: string, reason: string];

/** Runs every command that changes something, each with a reason of its own. */
async function runAll(): Promise<Given[]> {
  const reasons: Given[] = [];
  const say = (action: string, ...args: readonly string[]): Promise<unknown> => {
    const reason = `because of ${reasons.length}`;
    reasons.push([action, reason]);
    return place.ask(...args, '--reason', reason);
  };
  const out = join(place.folder, 'out');
  await say('device.added', 'device', 'add', 'd-1', '--owner', 'water');
  await say('device.imported', 'device', 'import', join(place.folder, 'fleet.csv'));
  await say('device.changed', 'device', 'set', 'd-1', '--site', 'north');
  await say('certificate.issued', 'device', 'issue', 'd-1', '--out', out);
  await say('device.quarantined', 'device', 'quarantine', 'd-1');
  await say('device.released', 'device', 'release', 'd-1');
  await place.ask('device', 'add', 'gate-1', '--kind', 'gateway', '--owner', 'water');
  const grant = ['--device', 'd-1', '--modes', 'csr', '--until', '1d', '--daily', '1'];
  const { id: delegation } = (await say('delegation.added', 'delegation', 'add', 'gate-1', ...grant)) as Delegation;
  await say('delegation.revoked', 'delegation', 'revoke', delegation);
  const { id: campaign } = (await say('campaign.started', 'campaign', 'start', '--all')) as { id: string };
  await say('campaign.paused', 'campaign', 'pause', campaign);
  await say('campaign.resumed', 'campaign', 'resume', campaign);
  await say('campaign.aborted', 'campaign', 'abort', campaign);
  await say('campaign.started', 'drill', '--cohort', 'canary');
  await place.run(['reconcile', '--source', 'plant', '--home', place.home]);
  await say('alert.acknowledged', 'alert', 'ack', 'source_failed', 'plant');
  await say('alert.cleared', 'alert', 'clear', 'source_failed', 'plant');
  writeFileSync(join(place.folder, 'none.csv'), 'id,owner\nd-3,water\n');
  await say('source.reconciled', 'reconcile', '--source', 'plant');
  await say('ledger.copied', 'backup', join(place.folder, 'backup'));
  if (running) await say('policy.reloaded', 'reload');
  await say('device.decommissioned', 'device', 'decommission', 'd-1');
  return reasons;
}

describe.each(['on a home at rest', 'on a running broker'] as const)('commands %s', (face) => {
  const channel = face === 'on a home at rest' ? 'command line' : 'control socket';
  const claimed = channel === 'control socket';

  it('are in the journal with the user who ran them, and the reason', async () => {
    if (claimed) running = await startNolapse(place);
    const reasons = await runAll();
    const lines = await journal();
    expect(reasons.length).toBeGreaterThan(15);
    for (const [action, reason] of reasons) {
      const found = lines.find((line) => line.action === action && line.actor?.reason === reason);
      expect(found?.actor, action).toEqual({ name: user, channel, claimed, reason });
    }
    const others = lines.filter(({ actor }) => actor?.channel !== channel);
    expect(others.filter(({ actor }) => !['broker', 'source'].includes(actor?.channel ?? ''))).toEqual([]);
  });
});

describe('a name that is given with --by', () => {
  it('takes the place of the user, and is a claim', async () => {
    await place.run(['reconcile', '--source', 'plant', '--home', place.home]);
    await place.ask('alert', 'ack', 'source_failed', 'plant', '--by', 'ana');
    const line = (await journal()).find(({ action }) => action === 'alert.acknowledged');
    expect(line?.actor).toEqual({ name: 'ana', channel: 'command line', claimed: true, reason: null });
  });
});

describe('nolapse renewal show', () => {
  it('has who did each step, and why', async () => {
    const issued = join(place.folder, 'out');
    await place.ask('device', 'add', 'd-1', '--owner', 'water');
    await place.ask('device', 'issue', 'd-1', '--out', issued);
    const { store } = openStore(join(place.home, 'nolapse.db'));
    const [entry] = await store.transact(async (tx) => {
      const held = await tx.certificates({ limit: 1 });
      for (const each of held) await tx.putCertificate({ ...each, state: 'active', activatedAt: each.issuedAt });
      return held;
    });
    await store.close();
    expect(entry?.state).toBe('issued');
    const { id } = (await place.ask('renewal', 'run', 'd-1', '--reason', 'its flash fails')) as { id: string };
    const { stdout } = await place.run(['renewal', 'show', id, '--home', place.home]);
    expect(stdout).toMatch(/^WHEN +WHAT +WHO +DETAIL$/m);
    expect(stdout).toMatch(new RegExp(`renewal.due +${user}: its flash fails +d-1: `));
    const { journal: lines } = (await place.ask('renewal', 'show', id)) as { journal: JournalEntry[] };
    const actor = { name: user, channel: 'command line', claimed: false, reason: 'its flash fails' };
    expect(lines.find(({ action }) => action === 'renewal.due')?.actor).toEqual(actor);
  });
});

describe('a reason', () => {
  it.each([257, 50_000])(
    'of %i characters is refused, on a running broker too, and nothing is done',
    async (length) => {
      const add = ['device', 'add', 'd-1', '--owner', 'water', '--home', place.home, '--reason', 'x'.repeat(length)];
      const stderr = 'nolapse: reason: not a text of at most 256 printable characters\n';
      expect(await place.run(add)).toMatchObject({ code: 2, stderr });
      running = await startNolapse(place);
      expect(await place.run(add)).toMatchObject({ code: 2, stderr });
      expect(await place.ask('device', 'list')).toEqual([]);
    },
  );

  it('is still needed where somebody insists', async () => {
    const { code, stderr } = await place.run(['device', 'add', 'd-1', '--owner', 'w', '--force', '--home', place.home]);
    expect(code).toBe(2);
    expect(stderr).toBe('nolapse: reason: --force needs one: it is kept in the journal\n');
  });
});
