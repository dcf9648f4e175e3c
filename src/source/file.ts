// An inventory in a file, CSV or JSON lines. A file that somebody writes while it is read is not relied on.
import { type FileHandle, open, stat } from 'node:fs/promises';
import type { Source, SourceBatch } from '../ports/source.ts';
import { type RowFormat, readRows } from '../wire/inventory-rows.ts';

export interface FileOptions {
  readonly path: string;
  readonly format: RowFormat;
}

const nothing = { records: [], faults: [] };

export function createFileSource({ path, format }: FileOptions): Source {
  return {
    place: (at) => (at > 0 ? `line ${at}` : ''),
    read: (signal) => read(path, format, signal),
  };
}

async function* read(path: string, format: RowFormat, signal: AbortSignal): AsyncGenerator<SourceBatch> {
  let handle: FileHandle | undefined;
  try {
    // Asked before it is opened: the opening of a pipe waits for somebody to write into it.
    if (!(await stat(path)).isFile()) {
      yield { ...nothing, faults: [`${path} is not a file`] };
      return;
    }
    handle = await open(path);
    const before = await handle.stat();
    const stream = handle.createReadStream({ autoClose: false, signal });
    // Stopped before its first piece is asked for, it fails with nobody there to hear it; whoever reads on is told once more.
    stream.on('error', () => undefined);
    for await (const { rows, faults } of readRows(format, stream)) {
      yield {
        records: rows.map(({ line, fields }) => ({ at: line, fields })),
        faults: faults.map(({ line, fault }) => (line > 0 ? `line ${line}: ${fault}` : fault)),
      };
    }
    const after = await handle.stat();
    if (after.size !== before.size || after.mtimeMs !== before.mtimeMs) {
      yield { ...nothing, faults: [`${path} was changed while it was read`] };
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    yield { ...nothing, faults: [signal.aborted ? 'stopped' : `${path} cannot be read: ${code ?? message}`] };
  } finally {
    await handle?.close();
  }
}
