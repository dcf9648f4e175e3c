// Kills its own process with SIGKILL at the n-th moment at which something becomes durable: before and after each commit of the ledger,
// after each rename of a file into place, and before each removal. Loaded before the program; KILL_AT_MOMENT says which. With
// KILL_ARMED_BY moments count from when a file of that name is there.
import fs from 'node:fs';
import { createRequire, syncBuiltinESMExports } from 'node:module';

const at = Number(process.env.KILL_AT_MOMENT ?? '0');
const armedBy = process.env.KILL_ARMED_BY;
const { existsSync } = fs;
let moments = 0;

function moment() {
  if (armedBy && !existsSync(armedBy)) return;
  moments += 1;
  if (moments === at) process.kill(process.pid, 'SIGKILL');
}

const { renameSync, rmSync } = fs;
fs.renameSync = (...given) => {
  renameSync(...given);
  if (String(given[1]).includes('/pki/')) moment();
};
fs.rmSync = (...given) => {
  if (String(given[0]).includes('/pki/')) moment();
  rmSync(...given);
};
syncBuiltinESMExports();

const require = createRequire(import.meta.url);

/** The driver for this Node is one of the two, and the other may be missing. */
for (const name of ['better-sqlite3', 'better-sqlite3-12']) {
  try {
    watchCommits(require(name));
  } catch (error) {
    if (error.code !== 'MODULE_NOT_FOUND') throw error;
  }
}

function watchCommits(Database) {
  const { prepare } = Database.prototype;
  Database.prototype.prepare = function (sql, ...rest) {
    const statement = prepare.call(this, sql, ...rest);
    if (sql !== 'COMMIT') return statement;
    const { run } = statement;
    statement.run = (...given) => {
      moment();
      const result = run.apply(statement, given);
      moment();
      return result;
    };
    return statement;
  };
}
