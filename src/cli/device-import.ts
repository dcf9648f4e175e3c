// nolapse device import: an inventory from a file, all of it or nothing.
import { open } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { OperationError } from '../app/operations.ts';
import { importCharactersMax } from '../http/control-schemas.ts';
import { type CommonOptions, type Surroundings, withCommon, withOperations } from './invocation.ts';
import { answer } from './output.ts';

const formats = ['csv', 'jsonl'] as const;
type Format = (typeof formats)[number];

const endings: readonly (readonly [string, Format])[] = [
  ['.csv', 'csv'],
  ['.jsonl', 'jsonl'],
  ['.ndjson', 'jsonl'],
];

function formatOf(file: string, said: Format | undefined): Format {
  const format = said ?? endings.find(([ending]) => file.toLowerCase().endsWith(ending))?.[1];
  if (format) return format;
  throw new OperationError('invalid', [`${file}: neither .csv nor .jsonl; say which it is with --format`]);
}

async function readBounded(stream: AsyncIterable<Buffer>, name: string): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of stream) {
    bytes += part.length;
    if (bytes > importCharactersMax) {
      throw new OperationError('invalid', [`${name} is larger than ${importCharactersMax} bytes: import it in parts`]);
    }
    parts.push(part);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(parts));
  } catch {
    throw new OperationError('invalid', [`${name} is not UTF-8 text`]);
  }
}

async function readFile(file: string): Promise<string> {
  if (file === '-') return readBounded(process.stdin, 'standard input');
  const handle = await open(file).catch((error: NodeJS.ErrnoException) => {
    throw new OperationError('invalid', [`${file} cannot be read: ${error.code}`]);
  });
  try {
    return await readBounded(handle.createReadStream({ autoClose: false }), file);
  } finally {
    await handle.close();
  }
}

export function registerDeviceImport(group: Command, surroundings: Surroundings): void {
  withCommon(group.command('import'))
    .description('put a file of devices into the inventory: all rows, or none and every fault by its line')
    .argument('<file>', 'CSV with a heading line, or JSON lines; - for standard input')
    .addOption(new Option('--format <format>', 'what the file is, when its name does not say').choices(formats))
    .action(async (file: string, options: CommonOptions & { readonly format?: Format }) => {
      const format = formatOf(file, options.format);
      const text = await readFile(file);
      const done = await withOperations(surroundings, options, (each) => each.importDevices({ format, text }));
      answer(options.output, done, () => `${done.added} added, ${done.updated} updated\n`);
    });
}
