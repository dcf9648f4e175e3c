// The last step of an installation: fails with one line when the SQLite driver for this Node is missing, for npm leaves out an
// optional package that does not compile without a word.
import { requireDriver } from './store/index.ts';

try {
  requireDriver();
} catch (error) {
  process.stderr.write(`nolapse: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
