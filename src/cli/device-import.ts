// nolapse device import: an inventory from a file, all of it or nothing.
import { open } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { OperationError } from '../app/operation-error.ts';
import type { InventoryImportView } from '../app/views/inventory.ts';
import { answerWords, type DryRunOptions, dryRunOf, withDryRun } from './dry-run.ts';
import { type InsistenceOptions, insistenceOf, withInsistence } from './insistence.ts';
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

/** Opens the file; its bytes come as they are asked for, and then it is let go of. */
async function contentOf(file: string): Promise<AsyncIterable<Uint8Array>> {
  if (file === '-') return process.stdin;
  const unreadable = (error: NodeJS.ErrnoException): never => {
    throw new OperationError('invalid', [`${file} cannot be read: ${error.code ?? error.message}`]);
  };
  const handle = await open(file).catch(unreadable);
  return (async function* () {
    try {
      yield* handle.createReadStream() as AsyncIterable<Buffer>;
    } catch (error) {
      unreadable(error as NodeJS.ErrnoException);
    }
  })();
}

type ImportOptions = CommonOptions & InsistenceOptions & DryRunOptions & { readonly format?: Format };

export function registerDeviceImport(group: Command, surroundings: Surroundings): void {
  withDryRun(withInsistence(withCommon(group.command('import'))))
    .description(
      'put a file of devices into the inventory: all rows, or none and every fault by its line; columns it does not have stay',
    )
    .argument('<file>', 'CSV with a heading line, or JSON lines; - for standard input')
    .addOption(new Option('--format <format>', 'what the file is, when its name does not say').choices(formats))
    .action(async (file: string, options: ImportOptions) => {
      const format = formatOf(file, options.format);
      const text = await contentOf(file);
      const done = await withOperations(surroundings, options, (each) =>
        each.importDevices({ format, text, ...insistenceOf(options), ...dryRunOf(options) }),
      );
      answer(options.output, done, () => answerWords([importWords(done)], done.dryRun));
    });
}

function importWords({ added, updated, unchanged }: InventoryImportView): string {
  if (added === 0 && updated === 0) {
    return `nothing changed: ${unchanged === 1 ? '1 record is as it was' : `${unchanged} records are as they were`}`;
  }
  return `${added} added, ${updated} updated${unchanged > 0 ? `, ${unchanged} unchanged` : ''}`;
}
