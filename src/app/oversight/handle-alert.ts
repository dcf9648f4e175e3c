// What an operator does with alerts: reads them, takes one on, says that one is done with.
import { type Alert, type AlertKind, type AlertName, alertKey, alertKinds } from '../../domain/alert.ts';
import { acknowledgeWithin } from '../alert.ts';
import { type Changing, change } from '../change.ts';
import { OperationError } from '../operation-error.ts';
import { alertAfresh, type LookAfreshContext } from './look-afresh.ts';

/** Characters of who takes an alert on. */
const nameMax = 128;

interface Named {
  readonly kind: string;
  readonly subject: string;
}

/** The newest first, as things are now. */
export async function listAlerts(
  app: LookAfreshContext,
  { kind, open, after }: { readonly kind?: string; readonly open?: boolean; readonly after?: string },
  limit: number,
): Promise<Alert[]> {
  await alertAfresh(app);
  if (after !== undefined) return byName(app, { kind: kind === undefined ? null : kindOf(kind), open, after }, limit);
  const query = { ...(kind !== undefined && { kind: kindOf(kind) }), ...(open !== undefined && { open }) };
  return app.store.read.alerts(query, limit);
}

/** A kind has no slash; a subject may. */
async function byName(
  { store }: LookAfreshContext,
  { kind, open, after }: { kind: AlertKind | null; open: boolean | undefined; after: string },
  limit: number,
): Promise<Alert[]> {
  const [, afterKind, subject = ''] = /^([^/]*)\/(.*)$/s.exec(after) ?? [];
  const read = open ? store.read.openAlerts : store.read.alertsAfter;
  let last = afterKind === undefined ? null : { kind: afterKind as AlertKind, subject };
  // From the first of its kind, where one is asked for.
  if (kind !== null && (last === null || last.kind < kind)) last = { kind, subject: '' };
  const found = await read.call(store.read, last, limit);
  return kind === null ? found : found.filter((each) => each.kind === kind);
}

export async function showAlert(app: LookAfreshContext, { kind, subject }: Named): Promise<Alert> {
  await alertAfresh(app);
  return found(await app.store.read.alert(kindOf(kind), subject), { kind: kindOf(kind), subject });
}

/** Taken on by one, it may be taken over by another. Rejects with `conflict` once it is cleared. */
export async function acknowledgeAlert(app: Changing, { kind, subject, by }: Named & { by: string }): Promise<Alert> {
  const name = { kind: kindOf(kind), subject };
  const who = by.trim();
  if (who === '' || who.length > nameMax || /\p{C}/u.test(who)) {
    throw new OperationError('invalid', [`by: expected 1 to ${nameMax} characters`]);
  }
  return change(app, async (within) => {
    const known = found(await within.tx.alert(name.kind, subject), name);
    if (known.clearedAt !== null) throw new OperationError('conflict', [`${alertKey(name)} is cleared already`]);
    await acknowledgeWithin({ ...within, sinks: [...app.sinks.keys()] }, known, who);
    return found(await within.tx.alert(name.kind, subject), name);
  });
}

/** Twice is once. What is still so is raised anew at the next look at it. */
export async function clearAlert(app: Changing, { kind, subject }: Named): Promise<Alert> {
  const name = { kind: kindOf(kind), subject };
  return change(app, async (within) => {
    await within.clearAlert(name);
    return found(await within.tx.alert(name.kind, subject), name);
  });
}

function kindOf(text: string): AlertKind {
  if (Object.hasOwn(alertKinds, text)) return text as AlertKind;
  throw new OperationError('invalid', [`kind: not one of ${Object.keys(alertKinds).join(', ')}`]);
}

function found(alert: Alert | null, name: AlertName): Alert {
  if (!alert) throw new OperationError('not_found', [`there was never an alert ${alertKey(name).slice(0, 200)}`]);
  return alert;
}
