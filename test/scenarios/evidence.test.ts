// Evidence from a running broker with a real renewal behind it: what is handed out is what happened, of the period that was asked for, a
// page at a time.
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { EvidenceQuery, EvidenceView } from '../../src/app/oversight/evidence.ts';
import type { EvidenceRecord } from '../../src/app/oversight/evidence-parts.ts';
import { ledgerFile } from '../../src/home/home-folder.ts';
import { openStore } from '../../src/store/index.ts';
import { type House, openHouse } from './harness.ts';
import { plantYaml, readPlant } from './plant.ts';
import { renewed } from './renewed.ts';

const day = 86_400_000;
const iso = (instant: number) => new Date(instant).toISOString().replace(/\.\d+Z$/, 'Z');

let house: House;
afterEach(() => house.close());

/** Every page, and how large the largest was. */
async function exported(
  query: Partial<EvidenceQuery> = {},
): Promise<{ views: EvidenceView[]; records: EvidenceRecord[] }> {
  const asked = { framework: 'nist-csf-2.0', from: iso(Date.now() - day), to: iso(Date.now() + day), ...query };
  // A period ends before the millisecond in which it is asked for, and what is asked after may be of that one.
  const last = Date.now();
  await vi.waitUntil(() => Date.now() > last, { interval: 1, timeout: 60_000 });
  const views: EvidenceView[] = [];
  const records: EvidenceRecord[] = [];
  for (let after = undefined as EvidenceQuery['after']; ; ) {
    const view = await house.gateway.operations.evidence({ ...asked, ...(after && { after }) });
    views.push(view);
    records.push(...view.records);
    if (!view.next) return { views, records };
    after = view.next;
  }
}

const renew = async (id: string) => renewed(house, await house.device(id), id);

describe('the evidence of a renewal', () => {
  it('has the device, both certificates, the renewal, each of its steps and the policy, for the controls they speak to', async () => {
    house = await openHouse({ yaml: 'classes: { default: { lifetime: 1h, overlap: 10m } }' });
    await renew('dev-1');
    const { records, views } = await exported();
    const of = (part: string) => records.filter(({ record }) => record === part);
    const steps = of('journal').map(({ action }) => action);
    for (const step of ['device.added', 'certificate.issued', 'certificate.activated']) expect(steps).toContain(step);
    const walked = ['due', 'offered', 'requested', 'issued', 'delivered', 'installed', 'activated'].map(
      (s) => `renewal.${s}`,
    );
    expect(steps.filter((step) => walked.includes(String(step)))).toEqual(walked);
    expect(of('inventory')).toMatchObject([{ id: 'dev-1', owner: 'tests', controls: ['ID.AM-01', 'PR.AA-01'] }]);
    const states = of('certificates').map(({ state }) => state);
    expect(states.sort()).toEqual(['active', 'superseded']);
    expect(of('renewals')).toMatchObject([{ principalId: 'dev-1', state: 'activated', mode: 'csr' }]);
    expect(of('policy').some((policy) => policy['class'] === 'default' && policy['lifetimeMs'] === 3_600_000)).toBe(
      true,
    );
    for (const record of records) {
      expect(record.controls.length).toBeGreaterThan(0);
      expect(record).not.toHaveProperty('der');
    }
    expect(JSON.stringify(records)).not.toMatch(/PRIVATE KEY|BEGIN CERTIFICATE/);
    expect(views[0]?.version).toMatch(/^\d+\.\d+\.\d+/);
    expect(views[0]?.journalFrom).toBeGreaterThan(Date.now() - day);
  });

  it('has of another period only what stood in it', async () => {
    const clock = { aheadMs: 0, now: () => Date.now() + clock.aheadMs };
    house = await openHouse({ clock, yaml: 'classes: { default: { lifetime: 30d } }' });
    await renew('dev-1');
    clock.aheadMs = 10 * day;
    const later = { from: iso(clock.now() - day), to: iso(clock.now() + day), controls: ['PR.AA-01'] };
    const { records } = await exported(later);
    const kinds = new Set(records.map(({ record }) => record));
    // The certificates are in force then; nothing was done to them.
    expect(kinds).toContain('certificates');
    expect(
      records.filter(({ record, at }) => record === 'journal' && Date.parse(String(at)) < clock.now() - day),
    ).toEqual([]);
    const before = { from: '2001-01-01', to: '2001-02-01', controls: ['PR.AA-01'] };
    const early = await exported(before);
    expect(new Set(early.records.map(({ record }) => record))).toEqual(new Set(['policy', 'inventory']));
    expect(early.views[0]?.journalFrom).toBeGreaterThan(Date.parse('2001-02-01'));
  });
});

describe('what was changed by hand for many, and what somebody was alerted of', () => {
  it('is in it: campaigns and drills step by step, and each alert with its life', async () => {
    house = await openHouse({
      yaml: `classes: { default: { lifetime: 1h } }\n${plantYaml}`,
      files: { 'plant.csv': 'id,owner\npump-1,\n' },
    });
    await house.log.until('alert.raised', { 'event.reason': 'no_owner' });
    const { operations } = house.gateway;
    await operations.acknowledgeAlert({ kind: 'no_owner', subject: 'pump-1', by: 'ana' });
    await house.device('dev-1');
    const { id } = await operations.startCampaign({ reason: 'a new profile', all: true });
    await operations.pauseCampaign({ id });
    await operations.resumeCampaign({ id });
    await operations.abortCampaign({ id });
    const drill = await operations.startCampaign({ reason: 'proof', drill: true, cohort: 'canary' });
    const { records } = await exported({ controls: ['PR.AA-01'] });
    const steps = records.filter(({ action }) => String(action).startsWith('campaign.'));
    const ofCampaign = steps.filter(({ detail }) => String(detail).includes(id)).map(({ action }) => action);
    expect(ofCampaign).toEqual(['campaign.started', 'campaign.paused', 'campaign.resumed', 'campaign.aborted']);
    expect(steps).toContainEqual(
      expect.objectContaining({
        action: 'campaign.started',
        detail: `drill over cohort canary ${drill.id} begins: proof`,
        controls: ['PR.AA-01'],
      }),
    );
    expect(records.filter(({ record }) => record === 'alerts')).toEqual([
      expect.objectContaining({
        controls: ['PR.AA-01'],
        kind: 'no_owner',
        subject: 'pump-1',
        severity: 'warning',
        acknowledgedBy: 'ana',
        raisedAt: expect.stringMatching(/^\d{4}-.*Z$/),
        clearedAt: null,
      }),
    ]);
    // Of a period before it there is none.
    const early = await exported({ from: '2001-01-01', to: '2001-02-01', controls: ['PR.AA-01'] });
    expect(early.records.filter(({ record }) => record === 'alerts' || record === 'journal')).toEqual([]);
  });
});

describe('an alert that was raised anew since', () => {
  it('has its earlier life in the period it had it in, and in no control that does not name its kind', async () => {
    const clock = { aheadMs: 0, now: () => Date.now() + clock.aheadMs };
    house = await openHouse({ clock, yaml: `classes: { default: { lifetime: 30d } }\n${plantYaml}` });
    const began = clock.now();
    await readPlant(house, ['pump-1,']);
    await house.log.until('alert.raised', { 'event.reason': 'no_owner' });
    await readPlant(house, ['pump-1,water']);
    await house.log.until('alert.cleared', { 'event.reason': 'no_owner' });
    clock.aheadMs = 10 * day;
    const since = house.log.lines.length;
    await readPlant(house, ['pump-1,']);
    await house.log.until('alert.raised', { 'event.reason': 'no_owner' }, since);
    const period = { from: iso(began - day), to: iso(began + day) };
    const { records } = await exported({ ...period, controls: ['PR.AA-01', 'DE.CM-01'] });
    expect(records.filter(({ record }) => record === 'alerts')).toEqual([]);
    const steps = records.filter(({ action }) => String(action).startsWith('alert.'));
    expect(steps.map(({ action, principalId }) => [action, principalId])).toEqual([
      ['alert.raised', 'pump-1'],
      ['alert.cleared', 'pump-1'],
    ]);
    for (const { controls, detail } of steps) {
      expect(controls).toEqual(['PR.AA-01']);
      expect(detail).toMatch(/^no_owner warning: pump-1: /);
    }
  });
});

describe('a period of two thousand years', () => {
  it('has all there is', async () => {
    house = await openHouse({ yaml: 'classes: { default: { lifetime: 1h } }' });
    await house.device('dev-1');
    const { records } = await exported({ from: '0001-01-01', to: '9999-12-31' });
    expect(records.map(({ action }) => action)).toContain('certificate.issued');
  });
});

describe('a long journal', () => {
  it('is handed out in pages, each line once, also those of one moment', async () => {
    house = await openHouse({ yaml: 'classes: { default: { lifetime: 1h } }' });
    const at = Date.now() - 1_000;
    await house.gateway.close();
    const { store } = openStore(ledgerFile(house.home));
    for (let part = 0; part < 5; part += 1) {
      await store.transact(async (tx) => {
        for (let i = 0; i < 700; i += 1) {
          const detail = `line ${part * 700 + i}`;
          await tx.record({
            at: at + (i % 2),
            action: 'device.changed',
            principalId: null,
            renewalId: null,
            detail,
            actor: null,
          });
        }
      });
    }
    await store.close();
    await house.restart();
    const { records, views } = await exported({ controls: ['ID.AM-01'] });
    const lines = records.filter(({ action }) => action === 'device.changed').map(({ detail }) => detail);
    expect(lines).toHaveLength(3_500);
    expect(new Set(lines).size).toBe(3_500);
    for (const view of views) expect(view.records.length).toBeLessThanOrEqual(1_000);
    expect(views.length).toBeGreaterThan(4);
  });
});

describe('what cannot be asked', () => {
  it('is refused with every fault named', async () => {
    house = await openHouse({ yaml: 'classes: { default: { lifetime: 1h } }' });
    const faultsOf = async (query: Partial<EvidenceQuery>): Promise<string[]> =>
      exported(query).then(
        () => [],
        (error: { faults: string[] }) => error.faults,
      );
    expect(await faultsOf({ framework: 'soc-2', from: 'yesterday', to: '2026-02-30' })).toEqual([
      'framework: soc-2 is none of owasp-nhi-2025, nist-csf-2.0, iec-62443-4-2, eu-cra-2024-2847, en-18031-1',
      expect.stringMatching(/^from: not a date/),
      expect.stringMatching(/^to: not a date/),
    ]);
    expect(await faultsOf({ from: '2026-02-01', to: '2026-01-01' })).toEqual([
      expect.stringMatching(/^from, to: .* not before/),
    ]);
    expect(await faultsOf({ from: '2026-02-01', to: '2026-02-01' })).toHaveLength(1);
    expect(await faultsOf({ from: '2090-01-01', to: '2091-01-01' })).toEqual(['from: not in the past']);
    expect(await faultsOf({ controls: ['PR.AA-01', 'PR.AC-1', '__proto__'] })).toEqual([
      expect.stringMatching(/^control: PR\.AC-1 is none of ID\.AM-01, .*DE\.CM-09$/),
      expect.stringMatching(/^control: __proto__ is none of /),
    ]);
    for (const after of [
      { part: 'journal', key: 'nonsense', until: 0 },
      { part: 'journal', key: '-1/2', until: 0 },
      { part: 'renewals', key: 'x', until: 0 },
      { part: 'findings', key: 'no_such/a', until: 0 },
    ] as const) {
      expect(await faultsOf({ after })).toEqual(['after: no place in this export']);
    }
    expect(await faultsOf({ controls: ['DE.CM-01'], after: { part: 'policy', key: '', until: 0 } })).toHaveLength(1);
  });
});
