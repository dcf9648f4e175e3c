// Looks for damage in the database file. It changes nothing.
import type { FileCheck } from '../../ports/store-file.ts';
import { type Connection, sqliteCode } from './sqlite.ts';

/** Faults that are named. */
const faultsMax = 20;
/** Rows read in one go: of the largest, retained messages, some megabytes. */
const rowsAtOnce = 50;

const damage = /^SQLITE_(CORRUPT|NOTADB)/;

/** Says what to do beside what SQLite says, where that is that the file is damaged. */
export function wordsFor(error: unknown): string {
  const words = String(error);
  const isDamaged = damage.test(sqliteCode(error) ?? '');
  return isDamaged ? `${words}: the file is damaged; see ledger_damaged in docs/operations.md` : words;
}

/** SQLite's own check of the whole file, indexes and free pages too. */
export function quickCheck(sqlite: Connection): FileCheck {
  try {
    const rows = sqlite.pragma(`quick_check(${faultsMax})`) as { readonly quick_check: string }[];
    const lines = rows.flatMap(({ quick_check }) => quick_check.split('\n'));
    const faults = lines.filter((line) => line !== 'ok' && !line.startsWith('***')).slice(0, faultsMax);
    return { faults, isWhole: true };
  } catch (error) {
    return { faults: [messageOf(error)], isWhole: true };
  }
}

/** As {@link StoreFile.readThrough}. */
export async function readThrough(
  sqlite: Connection,
  turn: () => Promise<void>,
  isEnough: () => boolean,
): Promise<FileCheck> {
  const faults: string[] = [];
  let isWhole = true;
  try {
    for (const table of tablesOf(sqlite)) {
      const fault = await readTable(sqlite, table, turn, isEnough);
      if (fault) faults.push(`table ${table}: ${fault}`);
      isWhole = !isEnough();
      if (!isWhole) break;
    }
  } catch (error) {
    faults.push(messageOf(error));
  }
  return { faults, isWhole };
}

function tablesOf(sqlite: Connection): string[] {
  const names = sqlite.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'");
  return names.pluck().all() as string[];
}

/** From its first row to its last, or to the first that cannot be read. @returns why it cannot; null: all could be. */
async function readTable(
  sqlite: Connection,
  table: string,
  turn: () => Promise<void>,
  isEnough: () => boolean,
): Promise<string | null> {
  const key = keyOf(sqlite, table);
  const names = key.map((name) => `"${name}"`).join(', ');
  const page = `ORDER BY ${names} LIMIT ${rowsAtOnce}`;
  const from = `SELECT ${names}, * FROM "${table}"`;
  const first = sqlite.prepare(`${from} ${page}`).raw();
  const next = sqlite.prepare(`${from} WHERE (${names}) > (${key.map(() => '?').join(', ')}) ${page}`).raw();
  try {
    for (let rows = first.all() as unknown[][]; rows.length === rowsAtOnce && !isEnough(); ) {
      const last = rows.at(-1)?.slice(0, key.length) ?? [];
      await turn();
      rows = next.all(...last) as unknown[][];
    }
    return null;
  } catch (error) {
    return messageOf(error);
  }
}

/** By what the rows of a table are in order: their number, or the primary key where they have none. */
function keyOf(sqlite: Connection, table: string): string[] {
  const { wr: isWithoutRowId } = sqlite.prepare('SELECT wr FROM pragma_table_list(?)').get(table) as { wr: number };
  if (isWithoutRowId !== 1) return ['rowid'];
  const columns = sqlite.prepare('SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk');
  return columns.pluck().all(table) as string[];
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
