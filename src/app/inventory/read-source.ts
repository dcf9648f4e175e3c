// Reads a source to its end and checks every record of it before anything is believed: one fault, and nothing of it is.
import type { PrincipalId, PrincipalKind } from '../../domain/principal.ts';
import type { SourceRules, Told } from '../../domain/reconcile.ts';
import type { Source, SourceBatch } from '../../ports/source.ts';
import type { Context } from '../context.ts';
import { Faults } from '../faults.ts';
import { OperationError } from '../operation-error.ts';
import type { WithTurns } from '../turns.ts';
import { RowReader } from './source-rows.ts';

export interface NamedSource {
  readonly name: string;
  readonly source: Source;
  readonly rules: SourceRules;
}

/** Devices of one source; more is more than a broker holds in memory. */
const devicesMax = 2_000_000;

/** Records checked, or gateways looked up, before others have a turn. */
const batchRecords = 500;

/** Everything the source says, by device. Rejects with `invalid` and every fault. */
export async function readSource(
  app: Pick<Context, 'store' | 'policies'> & WithTurns,
  { source, rules }: NamedSource,
  signal: AbortSignal,
): Promise<Map<PrincipalId, Told>> {
  const told = new Map<PrincipalId, Told>();
  const reader = new RowReader(rules, app.policies.set);
  const faults = new Faults();
  for await (const { records, faults: unread } of source.read(signal)) {
    for (const fault of unread) faults.add(0, fault);
    for (let from = 0; from < records.length; from += batchRecords) {
      for (const { at, fields } of records.slice(from, from + batchRecords)) {
        for (const fault of takeRow(reader, told, fields)) faults.add(at, fault);
      }
      await app.turns.take();
    }
    if (told.size > devicesMax) throw new OperationError('invalid', [`more than ${devicesMax} devices`]);
  }
  await objectToGateways(app, told, faults);
  if (faults.any)
    throw new OperationError(
      'invalid',
      faults.named((at) => (at > 0 ? source.place(at) : '')),
    );
  return told;
}

function takeRow(reader: RowReader, told: Map<PrincipalId, Told>, fields: SourceBatch['records'][number]['fields']) {
  const read = reader.read(fields);
  if ('faults' in read) return read.faults;
  if (!read.told) return [];
  if (told.has(read.told.id)) return [`id: ${read.told.id} is listed already`];
  told.set(read.told.id, read.told);
  return [];
}

/** A device's gateway must exist, in the source or in the inventory, and be one. */
async function objectToGateways(
  app: Pick<Context, 'store'> & WithTurns,
  told: ReadonlyMap<PrincipalId, Told>,
  faults: Faults,
): Promise<void> {
  const kinds = new Map<PrincipalId, PrincipalKind | null>();
  let seen = 0;
  for (const { id, gateway } of told.values()) {
    seen += 1;
    if (seen % batchRecords === 0) await app.turns.take();
    if (gateway === undefined || gateway === null) continue;
    let kind = kinds.get(gateway);
    if (kind === undefined) {
      kind = await kindOf(app, told, gateway);
      kinds.set(gateway, kind);
    }
    if (kind === null) faults.add(0, `${id}: gateway: ${gateway} is neither in the source nor in the inventory`);
    else if (kind !== 'gateway') faults.add(0, `${id}: gateway: ${gateway} is a ${kind}`);
  }
}

async function kindOf(
  app: Pick<Context, 'store'>,
  told: ReadonlyMap<PrincipalId, Told>,
  id: PrincipalId,
): Promise<PrincipalKind | null> {
  const row = told.get(id);
  if (row?.kind) return row.kind;
  const known = await app.store.read.principal(id);
  return known?.kind ?? (row ? 'device' : null);
}
