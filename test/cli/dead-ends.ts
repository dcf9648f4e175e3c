// Descriptors that take nothing: a full disk, a pipe that nobody reads, a pipe whose reader has gone.
import { spawnSync } from 'node:child_process';
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';

export interface DeadEnd {
  /** To be given to a process as its output. Blocking, as a shell opens it. */
  readonly descriptor: number;
  close(): void;
}

function pipeIn(folder: string): { path: string; reader: number; writer: number } {
  const path = join(folder, `pipe-${Math.random().toString(36).slice(2)}`);
  const { status, stderr } = spawnSync('mkfifo', [path], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  return { path, reader, writer: openSync(path, 'w') };
}

function fill(path: string): void {
  const descriptor = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  try {
    for (;;) writeSync(descriptor, Buffer.alloc(4_096, '\n'));
  } catch {
    closeSync(descriptor);
  }
}

export const deadEnds: Readonly<Record<string, (folder: string) => DeadEnd>> = {
  'a full disk': () => {
    const descriptor = openSync('/dev/full', 'w');
    return { descriptor, close: () => closeSync(descriptor) };
  },
  'a pipe that nobody reads': (folder) => {
    const { path, reader, writer } = pipeIn(folder);
    fill(path);
    return {
      descriptor: writer,
      close: () => {
        closeSync(writer);
        closeSync(reader);
      },
    };
  },
  'a pipe whose reader has gone': (folder) => {
    const { reader, writer } = pipeIn(folder);
    closeSync(reader);
    return { descriptor: writer, close: () => closeSync(writer) };
  },
};
