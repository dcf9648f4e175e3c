// Looks for damage in the ledger's file at a start, and has an alert stand for it. The broker serves on with what can be read: a fleet
// that nobody admits lapses, and when to stop for a repair is for people to decide.
import type { FileCheck } from '../../ports/store-file.ts';
import { type Changing, change } from '../change.ts';
import type { WithChores } from '../chores.ts';
import type { WithTurns } from '../turns.ts';
import type { Check } from '../views/broker.ts';

/** A file up to this size is checked in one go before anybody is served; about a second. */
const startBytesMax = 256 * 1_048_576;
/** While devices are served it may take no longer than this many bytes do; some 50 ms. */
const servingBytesMax = 16 * 1_048_576;
/** How long a look on a running broker goes on. */
const lookMs = 5_000;

const name = { kind: 'ledger_damaged', subject: 'ledger' } as const;

/** To be called before anybody is served. A larger file is read through while others have their turns. Never rejects. */
export async function checkAtStart(app: Changing & WithChores & WithTurns): Promise<void> {
  const { file } = app.store;
  if (file.bytes <= startBytesMax) return settleDamage(app, file.check());
  app.chores.begin('the look for damage', (signal) => readThroughAll(app, signal))?.catch(() => undefined);
}

async function readThroughAll(app: Changing & WithTurns, signal: AbortSignal): Promise<void> {
  const found = await app.store.file.readThrough(
    () => app.turns.take(),
    () => signal.aborted,
  );
  await settleDamage(app, found);
}

async function settleDamage(app: Changing, found: FileCheck): Promise<void> {
  const words = damageWords(found);
  if (words !== null) app.decisions.tell({ action: 'ledger.damaged', message: `the ledger: ${words}` });
  try {
    await haveStand(app, words);
  } catch (error) {
    // Damaged where alerts are, or not to be written at all, which has an alert of its own.
    app.decisions.tell({
      action: 'sweep.failed',
      message: 'could not raise the alert ledger_damaged',
      fields: { 'error.message': error instanceof Error ? error.message : String(error) },
    });
  }
}

function damageWords({ faults }: FileCheck): string | null {
  const [first] = faults;
  const more = faults.length > 1 ? `; and ${faults.length - 1} more faults` : '';
  return first === undefined ? null : `its file is damaged: ${first}${more}`;
}

/** @param detail what the alert says; null: none stands. */
function haveStand(app: Changing, detail: string | null): Promise<void> {
  const condition = { ...name, severity: 'critical', detail: detail ?? '', owner: null } as const;
  return change(app, ({ alert, clearAlert }) => (detail === null ? clearAlert(name) : alert(condition)));
}

/** How the file is now, with the alert as it is. @param isServing whether others wait meanwhile: then a large file is read through, and not for long. */
export async function damageCheck(app: Changing & WithTurns, isServing: boolean): Promise<Check> {
  const { store, turns, clock } = app;
  const found = isServing && store.file.bytes > servingBytesMax ? await look() : store.file.check();
  const { faults, isWhole } = found;
  const [first] = faults;
  // A part without damage says nothing of the rest, in which a start may have found some. A damaged file may take no writes.
  if (first !== undefined || isWhole) await haveStand(app, damageWords(found)).catch(() => undefined);
  const subject = 'ledger file';
  if (first !== undefined) {
    const more = faults.length > 1 ? `; and ${faults.length - 1} more faults` : '';
    return { level: 'critical', subject, detail: `damaged: ${first}${more}; see ledger_damaged in docs/operations.md` };
  }
  return { level: 'ok', subject, detail: isWhole ? 'no damage' : 'no damage in the part that was looked at' };

  async function look(): Promise<FileCheck> {
    const until = clock.steady() + lookMs;
    const found = await store.file.readThrough(
      () => turns.take(),
      () => clock.steady() > until,
    );
    // Neither indexes nor free pages.
    return { ...found, isWhole: false };
  }
}
