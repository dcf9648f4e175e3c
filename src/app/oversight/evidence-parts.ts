// How each sort of record is read for an export: a page of it after a key, those that belong to the period and to a control that was
// asked for. A page may come out empty, and the next not.
import type { AlertKind } from '../../domain/alert.ts';
import { type EvidencePart, kindOfStep } from '../../domain/evidence.ts';
import { type FindingKind, findingKinds } from '../../domain/finding.ts';
import { isOpen, type Renewal } from '../../domain/renewal.ts';
import type { Instant } from '../../domain/time.ts';
import type { Context } from '../context.ts';
import { OperationError } from '../operation-error.ts';
import { viewOf } from '../views/certificates.ts';

/** Rows read at once. */
const pageRows = 1_000;
/** A delegation may name thousands of devices. */
const delegationsMax = 10;

export interface EvidenceRecord {
  /** The controls it gives evidence for. */
  readonly controls: readonly string[];
  readonly record: EvidencePart;
  /** What it says; instants in ISO 8601, UTC. */
  readonly [fact: string]: unknown;
}

interface EvidencePeriod {
  readonly from: Instant;
  readonly until: Instant;
}

/** Which controls a record of this kind gives evidence for. */
type ControlsFor = (kind: string | null) => readonly string[];

interface Row {
  /** Within its part; null: the part has no kinds. */
  readonly kind?: string;
  readonly facts: Readonly<Record<string, unknown>>;
}

interface Page {
  readonly rows: readonly Row[];
  /** After the last row read; null: there is no more. */
  readonly next: string | null;
}

interface Reading {
  readonly app: Pick<Context, 'store' | 'policies' | 'settings'>;
  readonly period: EvidencePeriod;
  /** Empty: from the first. */
  readonly key: string;
  readonly isAskedFor: (kind: string) => boolean;
}

type ReadPage = (reading: Reading) => Promise<Page>;

export async function readPart(
  app: Pick<Context, 'store' | 'policies' | 'settings'>,
  part: EvidencePart,
  period: EvidencePeriod,
  key: string,
  controlsFor: ControlsFor,
): Promise<{ records: EvidenceRecord[]; next: string | null }> {
  const isAskedFor = (kind: string): boolean => controlsFor(kind).length > 0;
  const { rows, next } = await readers[part]({ app, period, key, isAskedFor });
  const records = rows.flatMap(({ kind, facts }): EvidenceRecord[] => {
    const controls = controlsFor(kind ?? null);
    return controls.length === 0 ? [] : [{ controls, record: part, ...dated(facts) }];
  });
  return { records, next };
}

const readers: Readonly<Record<EvidencePart, ReadPage>> = {
  policy: async ({ app: { policies, settings } }) => {
    const { kinds, principals } = settings.access;
    const classes = [...policies.set].flatMap(([name, byCriticality]) =>
      Object.entries(byCriticality).map(([criticality, { policy }]) => ({
        facts: { class: name, criticality, ...policy },
      })),
    );
    return {
      rows: [
        ...classes,
        ...Object.entries(kinds).map(([kind, template]) => ({ facts: { accessOfKind: kind, ...template } })),
        ...[...principals].map(([id, template]) => ({ facts: { accessOf: id, ...template } })),
      ],
      next: null,
    };
  },
  inventory: async ({ app, key }) => {
    const page = await app.store.read.principals({}, { after: key, limit: pageRows });
    return {
      rows: page.map((principal) => ({ facts: { ...principal } })),
      next: after(page, pageRows, ({ id }) => id),
    };
  },
  certificates: async ({ app, key, period }) => {
    const page = await app.store.read.certificates({ after: key, limit: pageRows });
    const meant = page.filter(({ notBefore, notAfter, revokedAt }) =>
      meets(period, notBefore, Math.min(notAfter, revokedAt ?? notAfter)),
    );
    return {
      rows: meant.map((entry) => ({ facts: { ...viewOf(entry) } })),
      next: after(page, pageRows, ({ fingerprint }) => fingerprint),
    };
  },
  renewals: async ({ app, key, period }) => {
    const page = await app.store.read.renewalsAfter(key === '' ? 0 : whole(key), pageRows);
    const meant = page.filter(({ renewal }) => meets(period, renewal.createdAt, endOf(renewal)));
    return {
      rows: meant.map(({ renewal }) => ({ facts: { ...renewal } })),
      next: after(page, pageRows, ({ row }) => String(row)),
    };
  },
  delegations: async ({ app, key, period }) => {
    const page = await app.store.read.delegations(delegationsMax, key);
    const meant = page.filter(({ createdAt, endsAt, revokedAt }) =>
      meets(period, createdAt, Math.min(endsAt, revokedAt ?? endsAt)),
    );
    return { rows: meant.map((each) => ({ facts: { ...each } })), next: after(page, delegationsMax, ({ id }) => id) };
  },
  findings: readFindings,
  alerts: async ({ app, key, period, isAskedFor }) => {
    const [kind, subject] = split(key);
    const page = await app.store.read.alertsAfter(key === '' ? null : { kind: kind as AlertKind, subject }, pageRows);
    const meant = page.filter(
      (alert) => isAskedFor(alert.kind) && meets(period, alert.raisedAt, alert.clearedAt ?? Number.POSITIVE_INFINITY),
    );
    return {
      rows: meant.map((alert) => ({ kind: alert.kind, facts: { ...alert } })),
      next: after(page, pageRows, (alert) => `${alert.kind}/${alert.subject}`),
    };
  },
  journal: async ({ app, key, period, isAskedFor }) => {
    const [at, id] = key === '' ? [String(Math.max(0, period.from)), '0'] : split(key);
    const place = { at: whole(at), id: whole(id) };
    const page = await app.store.read.journalBetween(place, period.until, pageRows);
    const meant = page.filter(({ entry }) => isAskedFor(kindOfStep(entry)));
    return {
      rows: meant.map(({ entry }) => ({ kind: kindOfStep(entry), facts: { ...entry } })),
      next: after(page, pageRows, ({ place: { at: last, id: line } }) => `${last}/${line}`),
    };
  },
};

/** One kind after the other: of the many findings only the kinds that were asked for are read. */
async function readFindings({ app, key, period, isAskedFor }: Reading): Promise<Page> {
  const kinds = (Object.keys(findingKinds) as FindingKind[]).filter(isAskedFor);
  const [named, subject] = key === '' ? [kinds[0] ?? '', ''] : split(key);
  const kind = kinds.find((each) => each === named);
  if (kind === undefined) throw noPlace();
  const page = await app.store.read.findings({ kind, after: subject }, pageRows);
  const meant = page.filter(({ firstAt }) => firstAt < period.until);
  const following = kinds[kinds.indexOf(kind) + 1];
  return {
    rows: meant.map((finding) => ({ kind, facts: { ...finding } })),
    next: after(page, pageRows, (last) => `${kind}/${last.subject}`) ?? (following ? `${following}/` : null),
  };
}

function after<T>(page: readonly T[], limit: number, keyOf: (last: T) => string): string | null {
  const last = page.at(-1);
  return last === undefined || page.length < limit ? null : keyOf(last);
}

function meets({ from, until }: EvidencePeriod, begin: Instant, end: Instant): boolean {
  return begin < until && end >= from;
}

/** When it was changed last is its end only if it has one. */
function endOf(renewal: Renewal): Instant {
  return isOpen(renewal) || renewal.state === 'activated' ? Number.POSITIVE_INFINITY : renewal.updatedAt;
}

function noPlace(): OperationError {
  return new OperationError('invalid', ['after: no place in this export']);
}

/** At the first stroke: kinds have none. */
function split(key: string): [string, string] {
  const at = key.indexOf('/');
  return at < 0 ? [key, ''] : [key.slice(0, at), key.slice(at + 1)];
}

function whole(text: string): number {
  if (!/^\d{1,16}$/.test(text)) throw noPlace();
  return Number(text);
}

/** Names of facts that are instants. */
const instant = /(?:^at|At|Until|^notBefore|^notAfter|^deadline)$/;

function dated(facts: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(facts).map(([name, value]) => [
      name,
      typeof value === 'number' && instant.test(name) ? new Date(value).toISOString() : value,
    ]),
  );
}
