// The small parts of the command line: how answers look, and where the passphrase comes from.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cell, fields, fromNow, plain, time } from '../../src/cli/output.ts';
import { takePassphrase } from '../../src/cli/passphrase.ts';
import { table } from '../../src/cli/table.ts';

describe('an answer for people', () => {
  it('aligns columns to their widest cell and ends no line in blanks', () => {
    expect(
      table(
        ['ID', 'OWNER'],
        [
          ['a', 'someone'],
          ['longer', ''],
        ],
      ),
    ).toBe('ID      OWNER\na       someone\nlonger\n');
    expect(
      fields([
        ['id', 'a'],
        ['longer', 'b'],
      ]),
    ).toBe('id      a\nlonger  b\n');
  });

  it('is nothing when there are no rows', () => {
    expect(table(['ID'], [])).toBe('');
    expect(fields([])).toBe('');
  });

  it('gives times in UTC to the second, and how far off they are', () => {
    expect(time(Date.UTC(2030, 0, 2, 3, 4, 5, 678))).toBe('2030-01-02T03:04:05Z');
    expect(fromNow(90_000, 0)).toBe('in 1m 30s');
    expect(fromNow(0, 90_000)).toBe('1m 30s ago');
    expect([time(null), fromNow(null, 0), cell(null), cell('')]).toEqual(['-', '-', '-', '-']);
  });

  it('has no control characters, old and new', () => {
    expect(plain('a\u001b[31mb\u009b31m\r\nc')).toBe('a?[31mb?31m??c');
  });
});

describe('the passphrase', () => {
  let folder = '';
  const warnings: string[] = [];
  const warn = (message: string): void => {
    warnings.push(message);
  };
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'nolapse-passphrase-'));
    warnings.length = 0;
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function fileOf(text: string, mode = 0o600): string {
    const file = join(folder, 'passphrase');
    writeFileSync(file, text);
    chmodSync(file, mode);
    return file;
  }

  it('is gone from the environment before anything is started from it', () => {
    const env = { NOLAPSE_PASSPHRASE: 'secret', NOLAPSE_PASSPHRASE_FILE: '/nowhere', OTHER: 'x' };
    expect(takePassphrase(env).read(warn)).toBe('secret');
    expect(env).toEqual({ OTHER: 'x' });
  });

  it('is absent when neither variable says one', () => {
    expect(takePassphrase({}).read(warn)).toBeUndefined();
    expect(takePassphrase({ NOLAPSE_PASSPHRASE: '', NOLAPSE_PASSPHRASE_FILE: '' }).read(warn)).toBeUndefined();
  });

  it('is the file without the newline at its end, blanks and all', () => {
    const file = fileOf(' with blanks \r\n');
    expect(takePassphrase({ NOLAPSE_PASSPHRASE_FILE: file }).read(warn)).toBe(' with blanks ');
    expect(warnings).toEqual([]);
  });

  it('is warned about when others can read its file', () => {
    const file = fileOf('secret', 0o640);
    expect(takePassphrase({ NOLAPSE_PASSPHRASE_FILE: file }).read(warn)).toBe('secret');
    expect(warnings).toHaveLength(1);
  });

  it('is not taken from a file that is missing, empty or no passphrase by its size', () => {
    for (const file of [join(folder, 'none'), fileOf('\n'), fileOf('x'.repeat(5_000))]) {
      const reading = (): unknown => takePassphrase({ NOLAPSE_PASSPHRASE_FILE: file }).read(warn);
      expect(reading).toThrow(expect.objectContaining({ code: 'passphrase_unreadable' }));
      rmSync(file, { force: true });
    }
  });
});
