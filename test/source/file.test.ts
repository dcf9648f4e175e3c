// An inventory in a file, as a source reads it: whole, or with what keeps it from being relied on.
import { appendFileSync, chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SourceRecord } from '../../src/ports/source.ts';
import { readSecret } from '../../src/remote/secret.ts';
import { sourceKinds } from '../../src/source/index.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nolapse-source-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const at = (name: string): string => join(folder, name);

async function read(path: string, format: 'csv' | 'jsonl' = 'csv', between: () => void = () => undefined) {
  const source = sourceKinds.file({ path, format });
  const records: SourceRecord[] = [];
  const faults: string[] = [];
  for await (const batch of source.read(new AbortController().signal)) {
    between();
    records.push(...batch.records);
    faults.push(...batch.faults);
  }
  return { records: records.map(({ at: place, fields }) => [source.place(place), fields]), faults };
}

describe('a source in a file', () => {
  it('has a record a row, each with its line', async () => {
    writeFileSync(at('a.csv'), 'id,site\npump-1,north\npump-2,\n');
    expect(await read(at('a.csv'))).toEqual({
      records: [
        ['line 2', { id: 'pump-1', site: 'north' }],
        ['line 3', { id: 'pump-2', site: '' }],
      ],
      faults: [],
    });
    writeFileSync(at('a.jsonl'), '{"id":"pump-1","site":{"slug":"north"}}\nnot json\n');
    expect(await read(at('a.jsonl'), 'jsonl')).toEqual({
      records: [['line 1', { id: 'pump-1', site: { slug: 'north' } }]],
      faults: ['line 2: not a JSON object'],
    });
  });

  it('is not relied on when it is missing, empty, no file or unreadable', async () => {
    expect((await read(at('none.csv'))).faults).toEqual([`${at('none.csv')} cannot be read: ENOENT`]);
    mkdirSync(at('folder.csv'));
    expect((await read(at('folder.csv'))).faults).toEqual([`${at('folder.csv')} is not a file`]);
    writeFileSync(at('empty.csv'), '');
    expect((await read(at('empty.csv'))).faults).toEqual(['line 1: the file has no rows']);
    writeFileSync(at('latin.csv'), Buffer.from('id\nS\xfcd\n', 'latin1'));
    expect((await read(at('latin.csv'))).faults).toEqual(['not UTF-8 text']);
  });

  it('is not relied on when somebody writes it meanwhile', async () => {
    const rows = Array.from({ length: 5_000 }, (_, i) => `pump-${i}`).join('\n');
    writeFileSync(at('a.csv'), `id\n${rows}\n`);
    let once = true;
    const { faults } = await read(at('a.csv'), 'csv', () => {
      if (once) appendFileSync(at('a.csv'), 'pump-new\n');
      once = false;
    });
    expect(faults).toEqual([`${at('a.csv')} was changed while it was read`]);
  });

  it('that is stopped between its opening and its first piece fails, and nothing else does', async () => {
    writeFileSync(at('a.csv'), `id,site\n${'pump,north\n'.repeat(100)}`);
    const uncaught: unknown[] = [];
    const note = (error: unknown): number => uncaught.push(error);
    process.on('uncaughtException', note);
    try {
      // Whatever step of it a stop falls into.
      for (let turns = 0; turns < 40; turns += 1) {
        const stop = new AbortController();
        const reading = (async () => {
          const faults: string[] = [];
          for await (const batch of sourceKinds.file({ path: at('a.csv'), format: 'csv' }).read(stop.signal)) {
            faults.push(...batch.faults);
          }
          return faults;
        })();
        for (let turn = 0; turn < turns % 8; turn += 1) await new Promise((resolve) => setImmediate(resolve));
        stop.abort();
        expect([[], ['stopped']]).toContainEqual(await reading);
      }
      await new Promise((resolve) => setImmediate(resolve));
    } finally {
      process.off('uncaughtException', note);
    }
    expect(uncaught).toEqual([]);
  });

  it('stops when it is told to', async () => {
    const rows = Array.from({ length: 100_000 }, (_, i) => `pump-${i}`).join('\n');
    writeFileSync(at('a.csv'), `id\n${rows}\n`);
    const stop = new AbortController();
    const faults: string[] = [];
    let records = 0;
    for await (const batch of sourceKinds.file({ path: at('a.csv'), format: 'csv' }).read(stop.signal)) {
      records += batch.records.length;
      faults.push(...batch.faults);
      stop.abort();
    }
    expect(faults).toEqual(['stopped']);
    expect(records).toBeLessThan(100_000);
  });
});

describe("a token's file", () => {
  const token = async (content: string, mode = 0o600) => {
    writeFileSync(at('token'), content);
    chmodSync(at('token'), mode);
    return readSecret(at('token'));
  };

  it('holds one token, with or without a line ending', async () => {
    expect(await token('abc')).toEqual({ text: 'abc' });
    expect(await token('abc\r\n', 0o640)).toEqual({ text: 'abc' });
  });

  it.each([
    ['', 0o600, 'does not hold one secret'],
    ['two tokens', 0o600, 'does not hold one secret'],
    ['abc\nX-Header: x', 0o600, 'does not hold one secret'],
    ['abc', 0o644, 'can be read by anybody: chmod 600 it'],
    ['x'.repeat(10_000), 0o600, 'is larger than 8192 bytes: it is no secret'],
  ])('of %j and mode %o is refused', async (content, mode, fault) => {
    expect(await token(content, mode)).toEqual({ fault: `${at('token')} ${fault}` });
  });

  it('is no pipe, no device and no folder', async () => {
    mkdirSync(at('folder'));
    for (const path of ['/dev/zero', at('folder')]) {
      expect(await readSecret(path)).toEqual({ fault: `${path} is not a file` });
    }
  });

  it('must be there', async () => {
    expect(await readSecret(at('none'))).toEqual({ fault: `${at('none')} cannot be read: ENOENT` });
  });
});
