// Which records of the broker give evidence for which control of a framework. That they give evidence for it is all that is said:
// whether a control is met, people judge who see the whole of an organisation.
import type { AlertKind } from './alert.ts';
import type { FindingKind } from './finding.ts';

/** The sorts of records, in the order they are exported. Of each: what of it belongs to a period. */
export const evidenceParts = {
  policy: 'classes and access lists, as the configuration has them now',
  inventory: 'every principal, as it is now',
  certificates: 'every certificate that was in force at some time of the period, as the ledger has it now',
  renewals: 'every renewal that was under way at some time of the period, as it is now',
  delegations: 'every delegation that stood at some time of the period, as it is now',
  findings: 'findings that stand now and were made before the end of the period',
  alerts:
    'alerts of the period that are still kept, as they are now; of one that was raised anew since, the life it has now',
  journal: 'every step that was recorded in the period and is still kept, the steps of alerts among them',
} as const;
export type EvidencePart = keyof typeof evidenceParts;

/** Parts that are exported whole: only findings, alerts and the journal are told apart by kind. */
export type WholePart = Exclude<EvidencePart, 'findings' | 'alerts' | 'journal'>;

export interface Control {
  /** As the framework's own document has it. */
  readonly title: string;
  /** What of nolapse gives evidence for it. */
  readonly features: string;
  readonly parts: readonly WholePart[];
  /** Actions of the journal. */
  readonly journal: readonly string[];
  readonly findings: readonly FindingKind[];
  readonly alerts: readonly AlertKind[];
}

export interface Framework {
  readonly title: string;
  readonly version: string;
  readonly source: string;
  readonly controls: Readonly<Record<string, Control>>;
}

/** What an export says of itself, for whoever reads it without this program's documentation. */
export const evidenceMeaning =
  'These records give evidence for the controls they name. They do not say that a control is met: they show what this gateway did and ' +
  'knows, as its own ledger has it, and nothing of what lies outside of it.';

/** Before an alert's kind: its steps, whichever they are. */
const ofAlert = 'alert.';

/**
 * What a step of the journal is told apart by: its action; or of an alert, whose kind is the first word of what is recorded of it, that
 * kind. An alert has one row for all of its lives, and is kept for less long: what became of it earlier, the journal alone has.
 */
export function kindOfStep({ action, detail }: { readonly action: string; readonly detail: string }): string {
  return action.startsWith(ofAlert) ? `${ofAlert}${detail.split(' ', 1)[0]}` : action;
}

/** For which of these controls does a record of this part and kind give evidence? `kind` is as {@link kindOfStep} has it, a finding's or an alert's. */
export function controlsOf(
  framework: Framework,
  names: readonly string[],
  part: EvidencePart,
  kind: string | null = null,
): string[] {
  return names.filter((name) => {
    const control = controlNamed(framework, name);
    if (!control) return false;
    if (part === 'journal' && kind?.startsWith(ofAlert)) {
      return (control.alerts as readonly string[]).includes(kind.slice(ofAlert.length));
    }
    if (part === 'journal' || part === 'findings' || part === 'alerts') {
      return (control[part] as readonly string[]).includes(kind ?? '');
    }
    return control.parts.includes(part);
  });
}

/** The parts that any of these controls asks for, in order. */
export function partsOf(framework: Framework, names: readonly string[]): EvidencePart[] {
  const controls = names.flatMap((name) => controlNamed(framework, name) ?? []);
  return (Object.keys(evidenceParts) as EvidencePart[]).filter((part) =>
    controls.some((control) =>
      part === 'journal'
        ? control.journal.length + control.alerts.length > 0
        : part === 'findings' || part === 'alerts'
          ? control[part].length > 0
          : control.parts.includes(part),
    ),
  );
}

function controlNamed({ controls }: Framework, name: string): Control | null {
  return (Object.hasOwn(controls, name) && controls[name]) || null;
}
