// Which records give evidence for which control: the table itself, and what is asked of it.
import { describe, expect, it } from 'vitest';
import { alertKinds } from '../../src/domain/alert.ts';
import {
  controlsOf,
  type EvidencePart,
  evidenceMeaning,
  evidenceParts,
  type Framework,
  partsOf,
} from '../../src/domain/evidence.ts';
import { frameworks, parseFramework } from '../../src/domain/evidence-frameworks.ts';
import { findingKinds } from '../../src/domain/finding.ts';
import { actions } from '../../src/telemetry/actions.ts';

const all: [string, Framework][] = Object.entries(frameworks);
const controls = all.flatMap(([name, { controls: each }]) =>
  Object.entries(each).map(([id, control]) => ({ name, id, control })),
);

describe('the table of evidence', () => {
  it.each(controls)('names for $name $id what there is, once each', ({ control }) => {
    for (const action of control.journal) expect(Object.keys(actions)).toContain(action);
    for (const kind of control.findings) expect(Object.keys(findingKinds)).toContain(kind);
    for (const kind of control.alerts) expect(Object.keys(alertKinds)).toContain(kind);
    for (const list of [control.parts, control.journal, control.findings, control.alerts] as string[][]) {
      expect(new Set(list).size).toBe(list.length);
    }
    expect(control.parts.length + control.journal.length + control.findings.length).toBeGreaterThan(0);
    expect(control.title.length).toBeGreaterThan(5);
    expect(control.features).toMatch(/\.$/);
  });

  it('names actions that the journal keeps: none that is only told in the log', () => {
    const told = new Set(controls.flatMap(({ control }) => control.journal));
    for (const action of told) expect(action).not.toMatch(/^(admission|session|connection|gateway|access)\./);
  });

  it('says that records give evidence, and never that a control is met', () => {
    const words = JSON.stringify([frameworks, evidenceMeaning]);
    expect(words).not.toMatch(/complian|conform|certified|fulfil/i);
    expect(evidenceMeaning).toContain('give evidence for');
  });

  it('has the identifiers of each document', () => {
    const shapes = {
      'owasp-nhi-2025': /^NHI\d+:2025$/,
      'nist-csf-2.0': /^[A-Z]{2}\.[A-Z]{2}-\d{2}$/,
      'iec-62443-4-2': /^CR \d\.\d+$/,
      'eu-cra-2024-2847': /^(I\(2\)\([a-m]\)|II\([1-8]\)|Art\. 14)$/,
      'en-18031-1': /^[A-Z]{3}-\d$/,
    };
    for (const [name, { controls: each }] of all) {
      for (const id of Object.keys(each)) expect(id).toMatch(shapes[name as keyof typeof shapes]);
    }
  });
});

describe('what is asked of it', () => {
  const nist = frameworks['nist-csf-2.0'];

  it('knows a framework by its name alone', () => {
    expect(parseFramework('nist-csf-2.0')).toBe('nist-csf-2.0');
    for (const text of ['', 'NIST', 'nist-csf-1.1', 'toString', '__proto__']) expect(parseFramework(text)).toBeNull();
  });

  it('finds the controls of a record among those that were asked for', () => {
    expect(controlsOf(nist, ['PR.AA-01', 'DE.CM-09'], 'journal', 'certificate.expired')).toEqual([
      'PR.AA-01',
      'DE.CM-09',
    ]);
    expect(controlsOf(nist, ['DE.CM-09'], 'journal', 'device.added')).toEqual([]);
    expect(controlsOf(nist, ['PR.AA-01', 'toString', 'no such'], 'inventory')).toEqual(['PR.AA-01']);
    // One name, two sorts: a finding is no alert.
    expect(controlsOf(nist, ['DE.CM-01'], 'findings', 'unknown_identity')).toEqual([]);
    expect(controlsOf(nist, ['DE.CM-01'], 'alerts', 'unknown_identity')).toEqual(['DE.CM-01']);
  });

  it('finds the sorts of records that are read, in one order', () => {
    expect(partsOf(nist, ['DE.CM-01'])).toEqual(['findings', 'alerts', 'journal']);
    const order = Object.keys(evidenceParts) as EvidencePart[];
    for (const [, framework] of all) {
      const parts = partsOf(framework, Object.keys(framework.controls));
      expect(parts).toEqual(order.filter((part) => parts.includes(part)));
    }
  });
});
