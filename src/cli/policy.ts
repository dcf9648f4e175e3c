// nolapse policy ...: which policies there are, and which rule gave one principal which value.
import type { Command } from 'commander';
import type { PlannedCertificate, PolicyRow, PolicyView } from '../app/views/policies.ts';
import type { PolicyOrigin, PolicySaying } from '../domain/policy-set.ts';
import { formatDuration } from '../domain/time.ts';
import { type CommonOptions, type Surroundings, withCommon, withOperations } from './invocation.ts';
import { answer, cell, fields, moment, time } from './output.ts';
import { fold, table } from './table.ts';

function ruleOf(rule: PolicySaying['rule'], of: { readonly class: string; readonly criticality: string }): string {
  if (rule === 'class') return `class ${of.class}`;
  if (rule === 'criticality') return `criticality ${of.criticality}`;
  return rule === 'default' ? 'class default' : 'built-in';
}

function valueRow(origin: PolicyOrigin, of: PolicyView): string[] {
  const { key, text, cutToMs, rule, overruled } = origin;
  const cut = cutToMs === null ? '' : `, cut to ${formatDuration(cutToMs)}: the life is short`;
  const others = overruled.map((each) => `${each.text} (${ruleOf(each.rule, of)})`);
  return [key, cell(text), cell(ruleOf(rule, of)) + cut, cell(others.join(', '))];
}

const reasons = {
  policy: 'by the policy',
  planned_gap: 'by how rarely the device comes',
  longest_gap: 'by the longest absence of the device',
} as const;

const objections = { device: 'the device cannot', key: 'its key does not allow it' } as const;

function certificateFields(each: PlannedCertificate, now: number): string {
  const { reckoned, dueAt, renewal, keyModes } = each;
  const due = renewal === null ? moment(dueAt, now) : `renewal ${renewal} is open`;
  const less = reckoned.spreadMs > 0 ? `, less ${formatDuration(reckoned.spreadMs)} of spread` : '';
  const modes = keyModes.map(({ mode, objection }) => (objection ? `${mode} (${objections[objection]})` : mode));
  return fields([
    ['certificate', cell(each.serial)],
    ['in force', `${time(each.notBefore)} to ${moment(each.notAfter, now)}`],
    ['replacement due', due],
    ['renewAt', `${time(reckoned.renewAt)}${less}`],
    ['reckoned now', `${time(reckoned.at)}, ${reasons[reckoned.by]}`],
    ['key mode', `${cell(each.keyMode)}, of ${cell(modes.join(', '))}`],
    ['overlap', `${formatDuration(each.overlapMs)} after the replacement was seen`],
    ['grace ends', moment(each.graceUntil, now)],
    ['warning', moment(each.warnAt, now)],
    ['alarm', moment(each.alarmAt, now)],
    ['overdue', moment(each.overdueAt, now)],
  ]);
}

function words(view: PolicyView, now: number): string {
  const missing = view.classIsConfigured ? '' : ', which is not configured: it has the policy of default';
  const head = fields([
    ['principal', cell(view.id)],
    ['status', view.status],
    ['class', cell(view.class) + missing],
    ['criticality', view.criticality],
    ['cohort', view.cohort],
  ]);
  const values = table(
    ['KEY', 'VALUE', 'RULE', fold('INSTEAD OF')],
    view.values.map((each) => valueRow(each, view)),
  );
  return [head, values, ...view.certificates.map((each) => certificateFields(each, now))].join('\n');
}

/** Values in the list, and how they are headed there. */
const listed = {
  lifetime: 'LIFETIME',
  renewAt: 'RENEWAT',
  overlap: 'OVERLAP',
  grace: 'GRACE',
  keyModes: fold('KEYMODES'),
  expiryWarning: 'WARNING',
  expiryAlarm: 'ALARM',
  overdueAfter: 'OVERDUE',
};

function listTable(rows: readonly PolicyRow[]): string {
  const textOf = (row: PolicyRow, key: string): string => {
    const origin = row.values.find((each) => each.key === key);
    return origin?.cutToMs == null ? cell(origin?.text) : formatDuration(origin.cutToMs);
  };
  return table(
    ['CLASS', 'CRITICALITY', ...Object.values(listed)],
    rows.map((row) => [cell(row.class), row.criticality, ...Object.keys(listed).map((key) => textOf(row, key))]),
  );
}

export function registerPolicy(program: Command, surroundings: Surroundings): void {
  const group = program.command('policy').description('how long certificates live and when they are renewed, and why');
  withCommon(group.command('list'))
    .description('list the policies: every class at every criticality')
    .action(async (options: CommonOptions) => {
      const rows = await withOperations(surroundings, options, (each) => each.listPolicies());
      answer(options.output, rows, () => listTable(rows));
    });
  withCommon(group.command('explain'))
    .description('show which rule set each value for a principal, and what follows for its certificates')
    .argument('<id>')
    .action(async (id: string, options: CommonOptions) => {
      const view = await withOperations(surroundings, options, (each) => each.explainPolicy({ id }));
      answer(options.output, view, () => words(view, Date.now()));
    });
}
