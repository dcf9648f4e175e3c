// Which of a test's programs are not on this machine. In CI none may be: there the test runs, and fails.
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Not everybody's path leads to where brokers are installed. */
const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin'];

/** True when one of these is missing, and prints which: programs by name, files by their absolute path. Never true in CI. */
export function missing(...names: string[]): boolean {
  if (process.env['CI']) return false;
  const absent = names.filter(
    (name) => !folders.some((folder) => existsSync(name.startsWith('/') ? name : join(folder, name))),
  );
  if (absent.length > 0) console.warn(`left out, for there is no ${absent.join(', ')} here: .ci/run installs it`);
  return absent.length > 0;
}
