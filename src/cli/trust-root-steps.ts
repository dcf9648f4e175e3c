// nolapse trust ...: the steps of a root that is prepared, who stands in their way, and the files that go with them.
import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { OperationError } from '../app/operation-error.ts';
import type { Operations } from '../app/operator/operate.ts';
import type { AskedRootView, RootView, UnprovedView } from '../app/views/trust-roots.ts';
import { parsePrincipalId } from '../domain/principal.ts';
import { unprovedReasons } from '../domain/trust-proof.ts';
import { acceptedMax } from '../domain/unproved.ts';
import { csvOf } from './csv.ts';
import { type CommonOptions, type Surroundings, withOperations } from './invocation.ts';
import { answer, cell, fields, plain, remark, time } from './output.ts';
import { passphraseIn } from './root-passphrase.ts';
import { askedRootWords, rootRows } from './root-words.ts';
import { cut, fold, table } from './table.ts';

/** The files that may go with a step. */
export interface StepFiles {
  readonly accept?: string;
  readonly withdrawal?: string;
  readonly openWith?: string;
}

const faultsShown = 20;
/** The longest ids, each with the end of its line. */
const acceptBytesMax = acceptedMax * 66;
const withdrawalBytesMax = 49_152;

async function readSmall(path: string, bytesMax: number): Promise<Buffer> {
  const found = await stat(path).catch(() => null);
  if (!found?.isFile()) throw new OperationError('invalid', [`${path}: is not a file`]);
  if (found.size > bytesMax) throw new OperationError('invalid', [`${path}: has more than ${bytesMax} bytes`]);
  return readFile(path);
}

/** The ids in a file, one a line. Rejects with `invalid` and the lines that are none. */
export async function readAccepted(path: string): Promise<string[]> {
  const lines = (await readSmall(path, acceptBytesMax)).toString('utf8').split(/\r?\n/);
  const ids: string[] = [];
  const faults: string[] = [];
  for (const [at, line] of lines.entries()) {
    const text = line.trim();
    if (text === '') continue;
    if (parsePrincipalId(text)) ids.push(text);
    else faults.push(`${path}: line ${at + 1}: is no id: ${plain(text.slice(0, 80))}`);
  }
  if (faults.length > 0) throw new OperationError('invalid', faults.slice(0, faultsShown));
  if (ids.length === 0) throw new OperationError('invalid', [`${path}: has no ids: one a line is expected`]);
  if (ids.length > acceptedMax) {
    throw new OperationError('invalid', [`${path}: has ${ids.length} ids: at most ${acceptedMax} are taken`]);
  }
  return ids;
}

/** What the files of a command say. */
export async function besideStep({ accept, withdrawal, openWith }: StepFiles) {
  if (openWith !== undefined && withdrawal === undefined) {
    throw new OperationError('invalid', ['--open-with goes with --withdrawal FILE']);
  }
  return {
    ...(accept !== undefined && { accept: await readAccepted(accept) }),
    ...(withdrawal !== undefined && {
      withdrawal: {
        name: basename(withdrawal),
        base64: (await readSmall(withdrawal, withdrawalBytesMax)).toString('base64'),
        ...(openWith !== undefined && { passphrase: await passphraseIn(openWith) }),
      },
    }),
  };
}

type Stepped = { readonly done: RootView } | { readonly asked: AskedRootView };

function steppedWords(view: Stepped): string {
  return 'done' in view ? fields(rootRows(view.done, Date.now())) : askedRootWords(view.asked);
}

async function step(
  surroundings: Surroundings,
  options: CommonOptions,
  take: (operations: Operations) => Promise<Stepped>,
): Promise<void> {
  const view = await withOperations(surroundings, options, take);
  answer(options.output, view, () => steppedWords(view));
}

export function distributeRoot(surroundings: Surroundings, options: CommonOptions): Promise<void> {
  return step(surroundings, options, (each) => each.distributeRoot());
}

type Given = CommonOptions & StepFiles;

/** With the list of those that are accepted, if there is one. */
export async function acceptingStep(
  which: 'activateRoot' | 'retireRoot',
  surroundings: Surroundings,
  { accept, ...options }: Given,
): Promise<void> {
  const beside = await besideStep(accept === undefined ? {} : { accept });
  return step(surroundings, options, (each) => each[which](beside));
}

export async function withdrawRoot(
  surroundings: Surroundings,
  { withdrawal, openWith, ...options }: Given,
): Promise<void> {
  const given = await besideStep({
    ...(withdrawal !== undefined && { withdrawal }),
    ...(openWith !== undefined && { openWith }),
  });
  if (!given.withdrawal) throw new OperationError('invalid', ['--withdrawal FILE is needed']);
  const { withdrawal: sealed } = given;
  return step(surroundings, options, (each) => each.withdrawRoot({ withdrawal: sealed }));
}

/** `csv` beside what every command has. */
export type ListFormat = CommonOptions['output'] | 'csv';

const columns = ['id', 'owner', 'site', 'kind', 'class', 'gateway', 'last', 'standing', 'left', 'by', 'late'] as const;

/** With the time as people read it. */
const csvRow = (row: UnprovedView) => ({ ...row, by: row.by && time(row.by) });

/** When it is expected to have proved it, or why not in time. */
function expected({ by, late }: UnprovedView): string {
  return late === null ? time(by) : `too late: ${unprovedReasons[late]}`;
}

function unprovedWords({ root, endsAt, rows }: Listed): string {
  const shown = rows.map((row) => [
    cell(row.owner),
    cell(row.site),
    cell(row.id),
    row.last === 0 ? 'never' : `root ${row.last}`,
    expected(row),
    row.left,
  ]);
  const headings = [cut('OWNER'), cut('SITE'), 'ID', 'LAST', fold('EXPECTED'), fold('WHAT IS LEFT')];
  return `${table(headings, shown)}\n${fields([
    ['root', cell(root)],
    ['not proved', String(rows.length)],
    [`not before ${time(endsAt)}`, String(rows.filter(({ late }) => late !== null).length)],
  ])}`;
}

const byPlace = (one: UnprovedView, other: UnprovedView): number =>
  [one.owner ?? '', one.site ?? '', one.id].join('\0') < [other.owner ?? '', other.site ?? '', other.id].join('\0')
    ? -1
    : 1;

const pageRows = 10_000;

interface Listed {
  readonly root: number | null;
  readonly endsAt: number | null;
  readonly rows: readonly UnprovedView[];
}

async function everybody(operations: Operations): Promise<Listed> {
  const rows: UnprovedView[] = [];
  let page = await operations.listUnproved({ limit: pageRows });
  rows.push(...page.principals);
  while (page.next !== null) {
    page = await operations.listUnproved({ limit: pageRows, after: page.next });
    rows.push(...page.principals);
  }
  return { root: page.root, endsAt: page.endsAt, rows: rows.toSorted(byPlace) };
}

/** Lists who has to prove a root and did not, by owner and site. */
export async function listUnproved(
  surroundings: Surroundings,
  { output, ...options }: Omit<CommonOptions, 'output'> & { readonly output: ListFormat },
): Promise<void> {
  const format = output === 'csv' ? 'human' : output;
  const listed = await withOperations(surroundings, { ...options, output: format }, everybody);
  const { root, endsAt, rows } = listed;
  if (output === 'csv') process.stdout.write(csvOf(columns, rows.map(csvRow)));
  else answer(format, { root, endsAt, principals: rows }, () => (root === null ? '' : unprovedWords(listed)));
  if (root === null) remark('no root is prepared, and none is to be retired: nobody has to prove one');
  if (rows.length > 0) process.exitCode = 1;
}
