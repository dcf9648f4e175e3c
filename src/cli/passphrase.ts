// The passphrase that opens the home's keys: out of the environment as early as can be, so that no child process inherits
// it, and never from an argument, where every user of the machine could read it.
import { readFileSync, statSync } from 'node:fs';
import { NolapseError } from '../domain/errors.ts';

const fileBytesMax = 4_096;

export interface PassphraseSource {
  /** Undefined when none was given. Fails with NolapseError `passphrase_unreadable`. */
  read(warn: (message: string) => void): string | undefined;
}

function readPassphraseFile(file: string, warn: (message: string) => void): string {
  const unreadable = (why: string, cause?: unknown): NolapseError =>
    new NolapseError('passphrase_unreadable', `NOLAPSE_PASSPHRASE_FILE ${file}: ${why}`, cause);
  let text: string;
  try {
    const { mode, size } = statSync(file);
    if (size > fileBytesMax) throw unreadable(`larger than ${fileBytesMax} bytes`);
    if ((mode & 0o077) !== 0) warn(`${file} can be read by others than its owner: chmod 600 it`);
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof NolapseError) throw error;
    throw unreadable(String((error as NodeJS.ErrnoException).code ?? error), error);
  }
  const passphrase = text.replace(/\r?\n$/, '');
  if (passphrase === '') throw unreadable('empty');
  return passphrase;
}

/** Takes `NOLAPSE_PASSPHRASE` and `NOLAPSE_PASSPHRASE_FILE` out of `env`; the first wins. */
export function takePassphrase(env: NodeJS.ProcessEnv): PassphraseSource {
  const { NOLAPSE_PASSPHRASE: text, NOLAPSE_PASSPHRASE_FILE: file } = env;
  delete env['NOLAPSE_PASSPHRASE'];
  delete env['NOLAPSE_PASSPHRASE_FILE'];
  return {
    read: (warn) => {
      if (text !== undefined && text !== '') return text;
      return file === undefined || file === '' ? undefined : readPassphraseFile(file, warn);
    },
  };
}
