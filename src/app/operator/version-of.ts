// Tells one version of a record from another, and has a change made only to the version that was read.
import { createHash } from 'node:crypto';
import type { AlertKind } from '../../domain/alert.ts';
import type { Fingerprint, Serial } from '../../domain/certificate.ts';
import { parsePrincipalId } from '../../domain/principal.ts';
import type { Reader, Store } from '../../ports/store.ts';
import { OperationError } from '../operation-error.ts';

type Names = Readonly<Record<string, unknown>>;

const records = {
  device: async (read: Reader, { id }: Names) => {
    const parsed = parsePrincipalId(id);
    return parsed && read.principal(parsed);
  },
  certificate: async (read: Reader, { id }: Names) => {
    const hex = String(id).toLowerCase().replaceAll(':', '');
    const found = (await read.certificate(hex as Fingerprint)) ?? (await read.certificateBySerial(hex as Serial));
    return found && { ...found, der: null, lastSeenAt: null };
  },
  renewal: (read: Reader, { id }: Names) => read.renewal(String(id)),
  delegation: (read: Reader, { id }: Names) => read.delegation(String(id)),
  campaign: (read: Reader, { id }: Names) => read.campaign(String(id)),
  alert: (read: Reader, { kind, subject }: Names) => read.alert(kind as AlertKind, String(subject)),
} as const satisfies Readonly<Record<string, (read: Reader, names: Names) => Promise<unknown>>>;

export type RecordKind = keyof typeof records;

/** The version that somebody has read, and wants to change. */
export interface Expected {
  readonly kind: RecordKind;
  readonly names: Names;
  readonly version: string;
}

const digits = 24;

/** The version of a record, in hex; null: there is none. */
export async function versionOf(read: Reader, kind: RecordKind, names: Names): Promise<string | null> {
  const record = await records[kind](read, names);
  if (!record) return null;
  return createHash('sha256').update(JSON.stringify(record)).digest('hex').slice(0, digits);
}

/** The store, whose first unit of work fails with `stale` and is undone where the record is no longer as it was read. */
export function expecting(store: Store, { kind, names, version }: Expected): Store {
  let isChecked = false;
  const transact: Store['transact'] = async (work, pace) => {
    const result = await store.transact(async (tx) => {
      if (!isChecked && (await versionOf(tx, kind, names)) !== version) {
        throw new OperationError('stale', ['it has changed since it was read: read it again']);
      }
      return work(tx);
    }, pace);
    isChecked = true;
    return result;
  };
  return Object.create(store, { transact: { value: transact } }) as Store;
}
