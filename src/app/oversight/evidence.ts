// The records behind a framework's controls for a period, a page at a time: what is exported is never held whole, here or by whoever
// asks. It changes nothing.
import { controlsOf, type EvidencePart, evidenceParts, type Framework, partsOf } from '../../domain/evidence.ts';
import { frameworks, parseFramework } from '../../domain/evidence-frameworks.ts';
import { type Instant, parseDate } from '../../domain/time.ts';
import type { Context } from '../context.ts';
import { OperationError } from '../operation-error.ts';
import type { WithTurns } from '../turns.ts';
import { type EvidenceRecord, readPart } from './evidence-parts.ts';

type EvidenceContext = Pick<Context, 'store' | 'clock' | 'policies' | 'settings'> & WithTurns;

export interface EvidenceQuery {
  readonly framework: string;
  /** ISO 8601 dates or times: from the one on, to just before the other. */
  readonly from: string;
  readonly to: string;
  /** Every control of the framework where nothing is said. */
  readonly controls?: readonly string[];
  /** Where the page before this one ended. */
  readonly after?: EvidencePlace;
}

export interface EvidencePlace {
  readonly part: EvidencePart;
  readonly key: string;
  /** The end of the period as it was settled with the first page. */
  readonly until: Instant;
}

export interface EvidenceView {
  /** Of this program. */
  readonly version: string;
  readonly now: Instant;
  readonly from: Instant;
  /** The end of the period, or now where that is earlier. */
  readonly until: Instant;
  readonly controls: readonly string[];
  /** The journal has every step from then on; null: it has none. */
  readonly journalFrom: Instant | null;
  readonly records: readonly EvidenceRecord[];
  /** Null: this was the last page. */
  readonly next: EvidencePlace | null;
}

/** Rejects with `invalid`, every fault named. */
export async function evidence(app: EvidenceContext, query: EvidenceQuery): Promise<EvidenceView> {
  const now = app.clock.now();
  const { framework, names, from, to } = askedFor(query, now);
  const period = { from, until: query.after?.until ?? Math.min(to, now) };
  const parts = partsOf(framework, names);
  const part = query.after?.part ?? parts[0];
  if (part === undefined || !parts.includes(part)) throw fault('after: no place in this export');
  await app.turns.take();
  const read = await readPart(app, part, period, query.after?.key ?? '', (kind) =>
    controlsOf(framework, names, part, kind),
  );
  const following = read.next === null ? parts[parts.indexOf(part) + 1] : part;
  return {
    version: app.settings.version,
    now,
    ...period,
    controls: names,
    journalFrom: await app.store.read.journalBegins(),
    records: read.records,
    next: following === undefined ? null : { part: following, key: read.next ?? '', until: period.until },
  };
}

function fault(...texts: string[]): OperationError {
  return new OperationError('invalid', texts);
}

interface Asked {
  readonly framework: Framework;
  readonly names: readonly string[];
  readonly from: Instant;
  readonly to: Instant;
}

function askedFor(query: EvidenceQuery, now: Instant): Asked {
  const faults: string[] = [];
  const name = parseFramework(query.framework);
  if (name === null) {
    faults.push(`framework: ${query.framework.slice(0, 64)} is none of ${Object.keys(frameworks).join(', ')}`);
  }
  const framework: Framework | null = name && frameworks[name];
  const known = Object.keys(framework?.controls ?? {});
  for (const control of framework ? new Set(query.controls ?? []) : []) {
    if (!known.includes(control)) faults.push(`control: ${control.slice(0, 64)} is none of ${known.join(', ')}`);
  }
  const [from, to] = [dateOf('from', query.from, faults), dateOf('to', query.to, faults)];
  if (from !== null && to !== null && from >= to)
    faults.push('from, to: the period has no length: from is not before to');
  else if (from !== null && from > now) faults.push('from: not in the past');
  if (!framework || from === null || to === null || faults.length > 0) throw fault(...faults);
  const asked = query.controls;
  return { framework, names: asked ? known.filter((each) => asked.includes(each)) : known, from, to };
}

function dateOf(name: string, text: string, faults: string[]): Instant | null {
  const instant = parseDate(text);
  if (instant === null) faults.push(`${name}: not a date such as 2030-01-31, or a time such as 2030-01-31T10:00Z`);
  return instant;
}

/** What a place may name. */
export const evidencePartNames = Object.keys(evidenceParts) as [EvidencePart, ...EvidencePart[]];
