// The log's way out: never more than one write, never more than so many bytes, and what is lost is counted where it is missing.
import { spawnSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BoundedOutput, type OutputOptions } from '../../src/telemetry/bounded-output.ts';

type Write = NonNullable<OutputOptions['write']>;
type Answer = Parameters<Write>[5];

/** A file that takes what it is told to, when it is told to. */
class SlowFile {
  text = '';
  writes = 0;
  #pending: { readonly bytes: Uint8Array; readonly answer: Answer } | null = null;

  readonly write: Write = (_descriptor, bytes, offset, length, _position, answer) => {
    if (this.#pending) throw new Error('two writes at a time');
    this.writes += 1;
    this.#pending = { bytes: bytes.subarray(offset, offset + length), answer };
  };

  get isAsked(): boolean {
    return this.#pending !== null;
  }

  take(most = Number.POSITIVE_INFINITY): void {
    const { bytes, answer } = this.#next();
    const taken = bytes.subarray(0, most);
    this.text += Buffer.from(taken).toString();
    answer(null, taken.length);
  }

  refuse(code: string): void {
    this.#next().answer(Object.assign(new Error(`${code}: no space left on device, write`), { code }), 0);
  }

  #next() {
    const pending = this.#pending;
    if (!pending) throw new Error('nothing is asked of it');
    this.#pending = null;
    return pending;
  }
}

function outputInto(file: SlowFile, more: Partial<OutputOptions> = {}) {
  const drops = vi.fn();
  const gaps: number[] = [];
  const options = { descriptor: -1, write: file.write, onDrop: drops, onGap: (dropped: number) => gaps.push(dropped) };
  return { output: new BoundedOutput({ ...options, ...more }), drops, gaps };
}

const asked = (file: SlowFile) => vi.waitFor(() => expect(file.isAsked).toBe(true), { interval: 1, timeout: 60_000 });

describe('lines', () => {
  it('of one turn are written together, and never by two writes at a time', async () => {
    const file = new SlowFile();
    const { output } = outputInto(file);
    for (let line = 0; line < 3; line += 1) output.write(`${line}\n`);
    await asked(file);
    for (let line = 3; line < 6; line += 1) output.write(`${line}\n`);
    file.take();
    await asked(file);
    file.take();
    expect(file).toMatchObject({ text: '0\n1\n2\n3\n4\n5\n', writes: 2 });
    expect(output.state).toEqual({ failure: null, dropped: 0 });
  });

  it('beyond the bytes that may wait are dropped, counted, and told of where they are missing', async () => {
    const file = new SlowFile();
    const { output, drops, gaps } = outputInto(file, { bytesMax: 100 });
    output.write(`${'a'.repeat(59)}\n`);
    await asked(file);
    for (let line = 0; line < 10; line += 1) output.write(`${'b'.repeat(19)}\n`);
    expect(output.state.dropped).toBe(8);
    expect(drops).toHaveBeenCalledTimes(8);
    expect(gaps).toEqual([]);
    file.take();
    expect(gaps).toEqual([8]);
    await asked(file);
    file.take();
    expect(file.text).toBe(`${'a'.repeat(59)}\n${`${'b'.repeat(19)}\n`.repeat(2)}`);
  });

  it('are whole and in order after a disk that was full, also one that filled up in the middle of a line', async () => {
    const file = new SlowFile();
    const { output } = outputInto(file);
    output.write('first line\n');
    await asked(file);
    file.take(4);
    await asked(file);
    file.refuse('ENOSPC');
    expect(output.state.failure).toBe('ENOSPC: no space left on device');
    output.write('second line\n');
    await asked(file);
    file.take();
    await asked(file);
    file.take();
    expect(file.text).toBe('first line\nsecond line\n');
    expect(output.state).toEqual({ failure: null, dropped: 0 });
  });
});

describe('the end of the process', () => {
  it('waits for what is held', async () => {
    const file = new SlowFile();
    const { output } = outputInto(file);
    output.write('last words\n');
    const flushed = vi.fn();
    output.flush(flushed);
    await asked(file);
    expect(flushed).not.toHaveBeenCalled();
    file.take();
    expect(flushed).toHaveBeenCalledOnce();
    output.flush(flushed);
    expect(flushed).toHaveBeenCalledTimes(2);
  });

  it('does not wait for ever, and knows what it would wait for', async () => {
    const file = new SlowFile();
    const { output } = outputInto(file);
    output.write('last words\n');
    await new Promise<void>((resolve) => output.flush(resolve));
    expect(output.isStuck).toBe(true);
    // On the spot nothing is tried that could take as long.
    output.flushSync();
    expect(file.text).toBe('');
  });
});

describe('a pipe', () => {
  let folder: string;
  let reader: number;
  let descriptor: number;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'nolapse-pipe-'));
    const path = join(folder, 'pipe');
    expect(spawnSync('mkfifo', [path]).status).toBe(0);
    reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    descriptor = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  });
  afterEach(() => {
    closeSync(descriptor);
    rmSync(folder, { recursive: true });
  });

  it('that is full holds lines until it is read, and takes them in order then', async () => {
    const output = new BoundedOutput({ descriptor, bytesMax: 1_000_000 });
    const line = (index: number): string => `${String(index).padStart(99, '.')}\n`;
    for (let index = 0; index < 20_000; index += 1) output.write(line(index));
    await vi.waitFor(() => expect(output.state.failure).toBe('nothing is taken from it'), { timeout: 60_000 });
    expect(output.state.dropped).toBe(10_000);
    let text = '';
    const buffer = Buffer.alloc(65_536);
    await vi.waitFor(
      () => {
        text += buffer.toString('latin1', 0, readSync(reader, buffer));
        expect(text.length).toBe(1_000_000);
      },
      { interval: 1, timeout: 60_000 },
    );
    closeSync(reader);
    expect(text).toBe(Array.from({ length: 10_000 }, (_, index) => line(index)).join(''));
  });

  it('without a reader is said to be so, each time it is tried', async () => {
    closeSync(reader);
    const onGone = vi.fn();
    const output = new BoundedOutput({ descriptor, onGone });
    output.write('to nobody\n');
    await vi.waitFor(() => expect(onGone).toHaveBeenCalled(), { timeout: 60_000 });
    expect(output.state.failure).toMatch(/^EPIPE: /);
  });
});
