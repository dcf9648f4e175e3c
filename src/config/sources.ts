// Inventory sources as the configuration has them: where each is read, how its fields are called, and what is to be thought of a
// source that lacks devices.
import { z } from 'zod';
import { checkRecord, inventoryFields } from '../app/inventory/check-principal.ts';
import { fieldPathRule, isFieldPath } from '../domain/field-path.ts';
import type { SourceRules, ToldStatus } from '../domain/reconcile.ts';
import { filePath, isInTheClear, remoteUrl, tokenScheme } from './remote.ts';
import { day, duration, second, share, whole } from './values.ts';

const path = z.string({ error: fieldPathRule }).refine(isFieldPath, { error: fieldPathRule });
const word = z.string().min(1).max(128);
const mapRule = 'expected names and what they stand for, such as { id: name }';

export const sourceSchema = z.strictObject({
  kind: z.enum(['file', 'http'], { error: 'expected file or http' }).optional(),
  path: filePath.optional(),
  format: z.enum(['csv', 'jsonl'], { error: 'expected csv or jsonl' }).optional(),
  url: remoteUrl.optional(),
  rows: path.optional(),
  next: path.optional(),
  page: z
    .string()
    .regex(/^[A-Za-z0-9_.-]{1,64}$/, { error: 'expected the name of a query parameter' })
    .optional(),
  count: path.optional(),
  tokenFile: filePath.optional(),
  authorization: tokenScheme,
  caFile: filePath.optional(),
  timeout: duration('30s', 100, 300 * second),
  pagesMax: whole(1_000, 1, 1_000_000),
  bytesMax: whole(536_870_912, 1_024, 4_294_967_296),
  every: duration('1h', second, 365 * day),
  missingMax: share('5%'),
  map: z.record(z.string(), path, { error: mapRule }).optional(),
  fixed: z.record(z.string(), word, { error: mapRule }).optional(),
  statuses: z
    .strictObject({
      active: z.array(word).max(100).prefault(['active']),
      decommissioned: z.array(word).max(100).prefault(['decommissioned']),
      ignored: z.array(word).max(100).prefault([]),
    })
    .prefault({}),
});

type RawSource = z.output<typeof sourceSchema>;

/** Where a source is read. */
export type SourcePlace =
  | { readonly kind: 'file'; readonly path: string; readonly format: 'csv' | 'jsonl' }
  | {
      readonly kind: 'http';
      readonly url: string;
      readonly rows: string | null;
      readonly next: string | null;
      readonly page: string | null;
      readonly count: string | null;
      readonly tokenFile: string | null;
      readonly authorization: string;
      readonly caFile: string | null;
      readonly timeoutMs: number;
      readonly pagesMax: number;
      readonly bytesMax: number;
    };

export interface SourceConfig {
  readonly place: SourcePlace;
  readonly rules: SourceRules;
}

interface SourceFault {
  readonly path: readonly string[];
  readonly message: string;
}

/** Keys that mean something to one kind alone. Those with a default are left out: they are always there. */
const keysOf = {
  file: ['path', 'format'],
  http: ['url', 'rows', 'next', 'page', 'count', 'tokenFile', 'caFile'],
} as const satisfies Record<SourcePlace['kind'], readonly (keyof RawSource)[]>;

/** The key that a source of this kind cannot do without. */
const neededKey = { file: 'path', http: 'url' } as const satisfies Record<SourcePlace['kind'], keyof RawSource>;

function formatOf(source: RawSource): 'csv' | 'jsonl' | null {
  if (source.format) return source.format;
  const name = source.path?.toLowerCase() ?? '';
  return name.endsWith('.csv') ? 'csv' : /\.(jsonl|ndjson)$/.test(name) ? 'jsonl' : null;
}

type Complaint = readonly [key: string, message: string];

function objectToPlace(source: RawSource): Complaint[] {
  const { kind } = source;
  if (!kind) return [['kind', 'missing: file or http']];
  const needed = neededKey[kind];
  const ofOthers = Object.entries(keysOf).filter(([other]) => other !== kind);
  const foreign = ofOthers.flatMap(([, keys]) => keys.filter((key) => source[key] !== undefined));
  const complaints: Complaint[] = foreign.map((key) => [key, `means nothing to a source of kind ${kind}`]);
  if (source[needed] === undefined) complaints.push([needed, `missing: a source of kind ${kind} has one`]);
  if (kind === 'file' && source.path && !formatOf(source)) {
    complaints.push(['format', 'missing: the name of the file does not tell whether it is csv or jsonl']);
  }
  if (source.next && source.page) complaints.push(['page', 'pages have a link to the next one or a number, not both']);
  if (source.url && source.tokenFile && isInTheClear(source.url)) {
    complaints.push(['url', 'the token would be sent in the clear: https']);
  }
  return complaints;
}

type Classes = ReadonlyMap<string, unknown>;

function objectToFields({ map, fixed, statuses }: RawSource, classes: Classes): Complaint[] {
  const complaints: Complaint[] = [];
  for (const name of Object.keys(map ?? {})) {
    if (!inventoryFields.has(name) && name !== 'status') complaints.push([`map.${name}`, 'no field of the inventory']);
  }
  if (map && !Object.hasOwn(map, 'id')) complaints.push(['map', 'it says nothing of id']);
  for (const [name, value] of Object.entries(fixed ?? {})) {
    if (!inventoryFields.has(name) || name === 'id')
      complaints.push([`fixed.${name}`, 'nothing that all devices may share']);
    else if (map && Object.hasOwn(map, name)) complaints.push([`fixed.${name}`, 'in map as well']);
    else complaints.push(...objectToShared(name, value, classes));
  }
  const words = Object.values(statuses).flat();
  for (const twin of new Set(words.filter((each, index) => words.indexOf(each) < index))) {
    complaints.push(['statuses', `${twin} is listed twice`]);
  }
  return complaints;
}

/** A value that no device can have would be a fault of every record. */
function objectToShared(name: string, value: string, classes: Classes): Complaint[] {
  const { faults } = checkRecord({ id: 'any', [name]: value }, classes);
  return faults.map((fault) => [`fixed.${name}`, fault.slice(fault.indexOf(': ') + 2)]);
}

type Absolute = (path: string) => string;

function filePlace(source: RawSource, absolute: Absolute): SourcePlace {
  return { kind: 'file', path: absolute(source.path ?? ''), format: formatOf(source) ?? 'csv' };
}

function httpPlace(source: RawSource, absolute: Absolute): SourcePlace {
  const { url = '', rows, next, page, count, tokenFile, authorization, caFile, timeout, pagesMax, bytesMax } = source;
  const orNull = (text: string | undefined): string | null => text ?? null;
  return {
    kind: 'http',
    url,
    rows: orNull(rows),
    next: orNull(next),
    page: orNull(page),
    count: orNull(count),
    tokenFile: tokenFile === undefined ? null : absolute(tokenFile),
    authorization,
    caFile: caFile === undefined ? null : absolute(caFile),
    timeoutMs: timeout,
    pagesMax,
    bytesMax,
  };
}

const places: Record<SourcePlace['kind'], (source: RawSource, absolute: Absolute) => SourcePlace> = {
  file: filePlace,
  http: httpPlace,
};

/** One without a kind is a fault, and is not read. */
function placeOf(source: RawSource, absolute: Absolute): SourcePlace {
  return places[source.kind ?? 'http'](source, absolute);
}

function rulesOf({ every, missingMax, map, fixed, statuses }: RawSource): SourceRules {
  const all: [string, ToldStatus][] = [];
  for (const status of ['active', 'decommissioned', 'ignored'] as const) {
    for (const each of statuses[status]) all.push([each, status]);
  }
  return {
    everyMs: every,
    missingShareMax: missingMax,
    map: map ? new Map(Object.entries(map)) : null,
    fixed: new Map(Object.entries(fixed ?? {})),
    statuses: new Map(all),
  };
}

/** What does not go together in the sources that are written down; those that are `unreadable` are not judged. `classes` has those there are. */
export function sourceFaults(
  raw: Readonly<Record<string, RawSource>>,
  unreadable: ReadonlySet<string>,
  classes: Classes,
): SourceFault[] {
  const readable = Object.entries(raw).filter(([name]) => !unreadable.has(name));
  return readable.flatMap(([name, source]) =>
    [...objectToPlace(source), ...objectToFields(source, classes)].map(([key, message]) => ({
      path: ['sources', name, ...key.split('.')],
      message,
    })),
  );
}

/** @param absolute what a path means that is relative to the configuration file. */
export function settleSources(raw: Readonly<Record<string, RawSource>>, absolute: Absolute): Map<string, SourceConfig> {
  const settled = Object.entries(raw).map(([name, source]) => [
    name,
    { place: placeOf(source, absolute), rules: rulesOf(source) },
  ]);
  return new Map(settled as [string, SourceConfig][]);
}
