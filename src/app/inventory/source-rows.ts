// What a source's record says of a device: its fields found where the source has them, checked like any record of the inventory,
// and only what it speaks of kept. What becomes of the device is decided elsewhere.
import { saidAt } from '../../domain/field-path.ts';
import { type PrincipalId, parsePrincipalId } from '../../domain/principal.ts';
import type { SourceRules, Told, ToldStatus } from '../../domain/reconcile.ts';
import { checkRecord } from './check-principal.ts';

/** Null: a record that says nothing of a device that could be here. */
export type RowRead = { readonly told: Told | null } | { readonly faults: readonly string[] };

type Fields = Record<string, unknown>;

/** Fields whose numbers are numbers; in others, an asset's number as an id, they are its digits. */
const numeric: ReadonlySet<string> = new Set(['maxPacket', 'slots']);

/** Texts that many devices share, kept once. */
const textsMax = 10_000;

export class RowReader {
  readonly #rules: SourceRules;
  readonly #classes: ReadonlyMap<string, unknown>;
  readonly #texts = new Map<string, string>();

  /** `classes` has the classes that are configured. */
  constructor(rules: SourceRules, classes: ReadonlyMap<string, unknown>) {
    this.#rules = rules;
    this.#classes = classes;
  }

  read(record: Readonly<Fields>): RowRead {
    const { status: word, ...fields } = this.#fieldsOf(record);
    const status = this.#statusOf(word);
    if (status === null) return { faults: [`status: ${wordsFor(word)} is on no list of the source's statuses`] };
    if (status !== 'active') {
      // Of what is not in service nothing else is asked: what has no id that could be here is nobody.
      const id = parsePrincipalId(fields['id']);
      return { told: id && { id, status } };
    }
    const { id, told, faults } = checkRecord(fields, this.#classes);
    return id === null || faults.length > 0 ? { faults } : { told: this.#shared(id, told) };
  }

  #fieldsOf(record: Readonly<Fields>): Fields {
    const { map, fixed } = this.#rules;
    // Without a prototype, so that no name a record may have is anything but a name.
    const fields = Object.create(null) as Fields;
    // A field that is mapped and that a record does not have is not named by it.
    if (map) for (const [name, path] of map) fields[name] = saidAt(record, path);
    else for (const name of Object.keys(record)) fields[name] = record[name];
    for (const [name, value] of fixed) fields[name] = value;
    for (const name of Object.keys(fields)) {
      const value = fields[name];
      if (typeof value === 'number' && Number.isSafeInteger(value) && !numeric.has(name)) fields[name] = String(value);
    }
    return fields;
  }

  #statusOf(word: unknown): ToldStatus | null {
    if (word === undefined || word === null || word === '') return 'active';
    return (typeof word === 'string' && this.#rules.statuses.get(word)) || null;
  }

  /** The same with its texts kept once. */
  #shared(id: PrincipalId, told: Omit<Told, 'id'>): Told {
    return { ...Object.fromEntries(Object.entries(told).map(([name, value]) => [name, this.#kept(value)])), id };
  }

  #kept(value: unknown): unknown {
    if (typeof value !== 'string') return value;
    const known = this.#texts.get(value);
    if (known === undefined && this.#texts.size < textsMax) this.#texts.set(value, value);
    return known ?? value;
  }
}

/** Characters of a source's own words in a fault. */
const quotedMax = 64;

/** What holds others is not written out: how deep it goes is its writer's choice. */
function wordsFor(value: unknown): string {
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : 'an object';
  if (typeof value !== 'string') return String(value);
  return value.length > quotedMax ? `${JSON.stringify(value.slice(0, quotedMax))}...` : JSON.stringify(value);
}
