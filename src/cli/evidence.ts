// nolapse evidence: the records behind a framework's controls for a period, as JSON lines. Exit code 1 when the journal does not reach
// back to the beginning of the period: what was asked for is not all there.
import { type FileHandle, open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { OperationError } from '../app/operation-error.ts';
import type { Operations } from '../app/operator/operate.ts';
import type { EvidencePlace, EvidenceQuery, EvidenceView } from '../app/oversight/evidence.ts';
import { type FrameworkName, frameworks, parseFramework } from '../domain/evidence-frameworks.ts';
import { EvidenceFile, type Seal, type Sink } from './evidence-file.ts';
import { type CommonOptions, type Surroundings, withCommon, withOperations } from './invocation.ts';
import { answer, cell, fields, remark, time } from './output.ts';
import { fold, table } from './table.ts';

type Options = CommonOptions & {
  readonly framework: string;
  readonly from: string;
  readonly to: string;
  readonly control?: readonly string[];
  readonly out?: string;
};

interface Exported {
  /** The first page: what was asked for, as it was understood. */
  readonly view: EvidenceView;
  readonly seal: Seal;
}

/** Asks page after page, and keeps none. */
async function exportTo(sink: Sink, operations: Operations, first: EvidenceView, query: EvidenceQuery): Promise<Seal> {
  const file = new EvidenceFile(sink);
  await file.begin(query.framework as FrameworkName, first);
  await file.add(first.records);
  let after: EvidencePlace | null = first.next;
  while (after) {
    const page: EvidenceView = await operations.evidence({ ...query, after });
    await file.add(page.records);
    after = page.next;
  }
  return file.end();
}

/** A reader who has seen enough changes nothing: how the command ends is what the whole export says. */
const print: Sink = (text) =>
  new Promise((resolve, reject) => {
    if (process.stdout.errored) return resolve();
    process.stdout.write(text, (error: NodeJS.ErrnoException | null | undefined) =>
      error && error.code !== 'EPIPE' ? reject(error) : resolve(),
    );
  });

/** A folder gets a file that is named for what is in it. */
async function targetOf(out: string, { framework }: EvidenceQuery, { from, until }: EvidenceView): Promise<string> {
  const found = await stat(out).catch(() => null);
  const day = (instant: number): string => time(instant).replaceAll(':', '').replace('T000000Z', '');
  return found?.isDirectory() ? join(out, `evidence-${framework}-${day(from)}-${day(until)}.jsonl`) : out;
}

async function openNew(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'wx', 0o600);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === 'EEXIST' ? 'is there already' : `cannot be written: ${code}`;
    throw new OperationError('invalid', [`out: ${path} ${why}`]);
  }
}

/** The file stays only if it was written to its end. */
async function exportInto(path: string, write: (sink: Sink) => Promise<Seal>): Promise<Seal> {
  const handle = await openNew(path);
  try {
    const seal = await write(async (text) => void (await handle.writeFile(text)));
    await handle.sync();
    return seal;
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await handle.close();
  }
}

function words(name: FrameworkName, { view, seal }: Exported, path: string | null): string {
  const { title, version, controls } = frameworks[name];
  const rows = Object.entries(seal.controls).map(([id, { records }]) => [
    id,
    String(records),
    cell(controls[id as keyof typeof controls] && (controls as Record<string, { title: string }>)[id]?.title),
  ]);
  return [
    fields([
      ['framework', `${title} ${version}`],
      ['period', `${time(view.from)} to ${time(view.until)}`],
      ['journal from', time(view.journalFrom)],
      ['records', String(seal.records)],
      ['file', cell(path)],
      ['sha256', seal.sha256],
    ]),
    table(['CONTROL', 'RECORDS', fold('GIVES EVIDENCE FOR')], rows),
  ].join('\n');
}

function tellGap({ from, journalFrom }: EvidenceView): void {
  if (journalFrom !== null && journalFrom <= from) return;
  const since = journalFrom === null ? 'holds nothing' : `begins at ${time(journalFrom)}`;
  remark(`the journal ${since}, and has no record of what was done before`);
  process.exitCode = 1;
}

async function run(surroundings: Surroundings, options: Options): Promise<void> {
  const { framework, from, to, control, out, output } = options;
  const query: EvidenceQuery = { framework, from, to, ...(control && { controls: control }) };
  // On a terminal people want to know what there is; into a pipe goes the export itself.
  const isShown = out === undefined && output === 'human' && process.stdout.isTTY === true;
  let path: string | null = null;
  const { view, seal } = await withOperations(surroundings, options, async (operations): Promise<Exported> => {
    const first = await operations.evidence(query);
    const write = (sink: Sink): Promise<Seal> => exportTo(sink, operations, first, query);
    if (out === undefined) return { view: first, seal: await write(isShown ? async () => {} : print) };
    path = await targetOf(out, query, first);
    return { view: first, seal: await exportInto(path, write) };
  });
  const name = parseFramework(framework);
  if (name !== null && (isShown || out !== undefined)) {
    answer(output, { file: path, ...seal }, () => words(name, { view, seal }, path));
    if (isShown) remark('--out FILE, or a pipe, takes the records themselves');
  }
  tellGap(view);
}

export function registerEvidence(program: Command, surroundings: Surroundings): void {
  withCommon(program.command('evidence'))
    .description("the records that give evidence for a framework's controls, of a period, as JSON lines")
    .addOption(
      new Option('--framework <name>', `one of ${Object.keys(frameworks).join(', ')}`).makeOptionMandatory(true),
    )
    .requiredOption('--from <date>', 'from this date, such as 2030-01-31 (UTC), or this time')
    .requiredOption('--to <date>', 'until this date or time, which is not included')
    .option('--control <name...>', 'of these controls (default: all of the framework)')
    .option('--out <path>', 'into this new file, or a file in this folder, and a summary on standard output')
    .action((options: Options) => run(surroundings, options));
}
