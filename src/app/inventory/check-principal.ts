// Reads one inventory record out of the fields somebody wrote: by hand, in CSV, in JSON lines. Every fault is named by its
// field; whether the record fits what is in the inventory already is decided elsewhere.
import { packetBytesLeast, packetBytesMost } from '../../domain/packet.ts';
import {
  type Cohort,
  type Criticality,
  cohorts,
  criticalities,
  type Encoding,
  encodings,
  type KeyMode,
  keyModes,
  type PrincipalId,
  type PrincipalKind,
  parsePrincipalId,
  principalIdRule,
  principalKinds,
  slotsMost,
} from '../../domain/principal.ts';
import { blank, type Told } from '../../domain/reconcile.ts';

/** Characters an owner, a class or a site may have. */
const textLengthMax = 128;

/** Every field a record may have; docs/operations.md lists the same. */
export const inventoryFields: ReadonlySet<string> = new Set([
  'id',
  'owner',
  'kind',
  'class',
  'site',
  'gateway',
  'criticality',
  'encoding',
  'modes',
  'maxPacket',
  'slots',
  'cohort',
]);

/** A record as it was written: the fields it names, those that it empties among them, and what is wrong with it. */
export interface CheckedRecord {
  /** Null: there is none, or it is not one. */
  readonly id: PrincipalId | null;
  readonly told: Omit<Told, 'id'>;
  readonly faults: string[];
}

/** The fields of one record, and what is wrong with them. */
class Fields {
  readonly faults: string[] = [];
  readonly #values: ReadonlyMap<string, unknown>;
  readonly #named: ReadonlySet<string>;

  constructor(input: object) {
    const isEmpty = (value: unknown): boolean => value == null || value === '';
    // What is undefined is not there: so optional fields of an object are when nobody gave them.
    this.#named = new Set(Object.keys(input).filter((name) => input[name as keyof typeof input] !== undefined));
    this.#values = new Map(Object.entries(input).filter(([, value]) => !isEmpty(value)));
    for (const [name, value] of Object.entries(input)) {
      // A field without a name is what a spreadsheet has to the right of its table.
      const isNothing = name === '' && isEmpty(value);
      if (!inventoryFields.has(name) && !isNothing)
        this.faults.push(`${name || 'a field without a name'}: no such field`);
    }
  }

  /** Is there something in it? */
  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** Does the record have this field, empty or not? */
  names(name: string): boolean {
    return this.#named.has(name);
  }

  text(name: string): string | null {
    const value = this.#values.get(name);
    if (value === undefined) return null;
    if (typeof value === 'string' && value.length <= textLengthMax && !/\p{Cc}/u.test(value)) {
      return value.trim() || null;
    }
    this.faults.push(`${name}: not a text of at most ${textLengthMax} printable characters`);
    return null;
  }

  oneOf<T extends string>(name: string, allowed: readonly T[]): T | null {
    const value = this.text(name);
    const found = allowed.find((candidate) => candidate === value);
    if (value !== null && found === undefined) this.faults.push(`${name}: not one of ${allowed.join(', ')}`);
    return found ?? null;
  }

  id(name: string): PrincipalId | null {
    const id = parsePrincipalId(this.#values.get(name));
    if (this.has(name) && id === null) this.faults.push(`${name}: not an id: ${principalIdRule}`);
    return id;
  }

  /** A whole number, or its digits. */
  whole(name: string, least: number, most: number): number | null {
    if (!this.has(name)) return null;
    const value = this.#values.get(name);
    const digits = typeof value === 'string' && /^\d{1,9}$/.test(value.trim());
    const number = digits ? Number(value) : value;
    if (typeof number === 'number' && Number.isInteger(number) && number >= least && number <= most) return number;
    this.faults.push(`${name}: not a whole number from ${least} to ${most}`);
    return null;
  }

  /** A list, or its items in one text with blanks or `|` between them. */
  someOf<T extends string>(name: string, allowed: readonly T[]): readonly T[] {
    const value = this.#values.get(name) ?? [];
    const items: unknown[] = typeof value === 'string' ? value.split(/[\s|]+/).filter(Boolean) : [value].flat();
    const found = items.flatMap((item) => allowed.filter((candidate) => candidate === item));
    if (found.length < items.length) this.faults.push(`${name}: not all of them are one of ${allowed.join(', ')}`);
    else if (new Set(found).size < found.length) this.faults.push(`${name}: one is listed twice`);
    return found;
  }
}

/**
 * Reads a record. A field that it does not name it says nothing of; one that is empty means what stands there when nothing is said.
 * An empty kind is one that is not named, since a kind never changes.
 * @param classes has the classes that are configured.
 */
export function checkRecord(input: object, classes: ReadonlyMap<string, unknown>): CheckedRecord {
  const fields = new Fields(input);
  const { faults } = fields;
  const id = fields.id('id');
  if (!fields.has('id')) faults.push('id: missing');
  const className = fields.text('class') ?? blank.class;
  if (!classes.has(className)) faults.push(`class: ${className} is not configured`);
  const read: Required<Omit<Told, 'id' | 'status'>> = {
    owner: fields.text('owner') ?? blank.owner,
    kind: fields.oneOf<PrincipalKind>('kind', principalKinds) ?? blank.kind,
    class: className,
    criticality: fields.oneOf<Criticality>('criticality', criticalities) ?? blank.criticality,
    site: fields.text('site'),
    gateway: fields.id('gateway'),
    encoding: fields.oneOf<Encoding>('encoding', encodings),
    modes: fields.someOf<KeyMode>('modes', keyModes),
    cohort: fields.oneOf<Cohort>('cohort', cohorts),
    packetBytesMax: fields.whole('maxPacket', packetBytesLeast, packetBytesMost),
    slots: fields.whole('slots', 1, slotsMost),
  };
  const named = Object.entries(read).filter(([property]) => {
    return property === 'kind' ? fields.has('kind') : fields.names(fieldNames.get(property) ?? property);
  });
  return { id, told: Object.fromEntries(named) as Omit<Told, 'id'>, faults };
}

/** Somebody at hand says whose a device is. A source may know a device and not that, which is a finding. */
export const ownerMissing = 'owner: missing; nobody would be told';

/** Those properties of a principal that have another name in a record. */
export const fieldNames: ReadonlyMap<string, string> = new Map([['packetBytesMax', 'maxPacket']]);
