// What `nolapse trust ...` does with roots: prepared here or elsewhere, installed, given up, released.
import { stat, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Operations } from '../app/operator/operate.ts';
import type { PreparedRootView, RootRequestView, RootsView } from '../app/views/trust-roots.ts';
import { NolapseError } from '../domain/errors.ts';
import type { RootStep } from '../domain/trust-approval.ts';
import { openSealedCommand } from '../pki/sealed.ts';
import { type CommonOptions, type Surroundings, withOperations } from './invocation.ts';
import { answer, cell, fields, fromNow, moment, plain } from './output.ts';
import { type Passphrase, passphraseFrom } from './root-passphrase.ts';
import { askedRootWords, rootRows } from './root-words.ts';
import { fold, table } from './table.ts';
import { besideStep, type StepFiles } from './trust-root-steps.ts';

export interface RootOptions {
  readonly request?: string;
  readonly elsewhere?: boolean;
  readonly sealWith?: string;
}

export async function requireAbsent(file: string): Promise<void> {
  if (await stat(file).catch(() => null)) throw new NolapseError('file_exists', `${file} is there already`);
}

/** Which root it is, with what it waits for, and where what is to be kept apart has gone. */
function preparedWords(view: PreparedRootView, passphrase: Passphrase | null, file: string | null): string {
  const rows: [string, string][] = [];
  if (view.root) rows.push(...rootRows(view.root, Date.now()));
  if (view.request) rows.push(...requestRows(view.request));
  if (view.request && file !== null) rows.push(['to be signed', plain(file)]);
  if (view.withdrawal !== null) {
    rows.push(['withdrawal', plain(view.withdrawal)]);
    if (passphrase?.isNew) rows.push(['its passphrase', passphrase.text]);
    rows.push(['it opens with', openSealedCommand]);
  }
  const notes = [
    ...(view.withdrawal === null
      ? []
      : ['The withdrawal takes trust from the new root should its key be stolen. Move the file out of the home and']),
    ...(view.withdrawal === null ? [] : ['keep it apart from the passphrase: neither is in a backup.']),
    `next: ${view.request ? 'nolapse trust install FILE' : 'nolapse backup FILE'}`,
  ];
  return `${fields(rows)}${notes.join('\n')}\n`;
}

function requestRows({ number, sequence, wants }: Omit<RootRequestView, 'text'>): [string, string][] {
  const signature = (of: string) => `a signature by ${of} key: openssl dgst -sha256 -sign ROOT.key -out SIGNATURE FILE`;
  const what = {
    root: 'a root, and its certificate for the key of the request',
    signature: signature("the present root's"),
    drop: signature("the new root's"),
  }[wants];
  return [
    ['root', String(number)],
    ['sequence', String(sequence)],
    ['waits for', what],
  ];
}

/** The rows of `trust status`. */
export function rootsWords(view: RootsView, now: number): string {
  const { slots, approval, asked, awaited, lists, cross, withdrawals, prepareAt, due } = view;
  const rows: [string, string][] = [
    ['next to be prepared', moment(prepareAt, now)],
    ['approval of roots', approval],
  ];
  for (const { root, number, nextUpdate, isAsked } of lists) {
    const words = number === null ? 'none' : `number ${number}, until ${moment(nextUpdate, now)}`;
    rows.push([`CRL of root ${root}`, isAsked ? `${words}; the next waits for a signature` : words]);
  }
  if (cross) {
    const words = `by root ${cross.signer}, on the first port, dropped ${moment(cross.droppedAt, now)}`;
    rows.push([`cross of root ${cross.root}`, words]);
  }
  if (awaited) rows.push(...requestRows(awaited).map(([name, value]): [string, string] => [`next ${name}`, value]));
  for (const file of withdrawals) rows.push(['to be moved away', plain(file)]);
  if (asked) rows.push(['to be released', asked.release]);
  rows.push(['to do', plain(due ?? 'nothing')]);
  const shown = slots.map(({ number, state, notAfter, port, fingerprint }) => [
    cell(number),
    state,
    fromNow(notAfter, now),
    cell(port),
    fingerprint,
  ]);
  return `${table(['ROOT', 'STATE', 'ENDS', 'PORT', fold('SHA-256')], shown)}\n${fields(rows)}`;
}

async function writeRequest(file: string | null, request: RootRequestView | null): Promise<void> {
  if (file !== null && request !== null) await writeFile(file, request.text, { flag: 'wx' });
}

type Given = CommonOptions & RootOptions;

/** Prepares a root, or asks for it; what waits already is written again. */
export async function prepareRoot(surroundings: Surroundings, { request, elsewhere, sealWith, ...options }: Given) {
  const file = request === undefined ? null : resolve(request);
  if (file !== null) await requireAbsent(file);
  if (elsewhere && file === null) throw new NolapseError('request_missing', '--elsewhere needs --request FILE');
  const passphrase = await passphraseFrom(sealWith);
  const signed = file === null ? 'here' : 'signed_elsewhere';
  const preparation = elsewhere ? 'made_elsewhere' : signed;
  const view = await withOperations(surroundings, options, async (each: Operations) => {
    const waiting = file === null ? null : await each.rootRequest();
    if (waiting) return { waiting };
    return each.prepareRoot({ preparation, passphrase: passphrase.text });
  });
  if ('waiting' in view) {
    await writeRequest(file, view.waiting);
    return answer(options.output, view.waiting, () =>
      fields([...requestRows(view.waiting), ['to be signed', plain(file ?? '')]]),
    );
  }
  if ('asked' in view) return answer(options.output, view, () => askedRootWords(view.asked));
  await writeRequest(file, view.done.request);
  tell(options.output, view.done, passphrase, file);
}

function tell(
  output: CommonOptions['output'],
  view: PreparedRootView,
  passphrase: Passphrase,
  file: string | null,
): void {
  const given = view.withdrawal !== null && passphrase.isNew ? { ...view, passphrase: passphrase.text } : view;
  answer(output, given, () => preparedWords(view, passphrase, file));
}

/** Carries out a step of a root that was asked for. */
export async function releaseRoot(
  surroundings: Surroundings,
  named: { readonly step: RootStep; readonly sequence: number; readonly sha256: string },
  { request, sealWith, elsewhere: _, accept, withdrawal, openWith, ...options }: Given & StepFiles,
) {
  const file = request === undefined ? null : resolve(request);
  if (file !== null) await requireAbsent(file);
  const passphrase = await passphraseFrom(sealWith);
  const beside = await besideStep({
    ...(accept !== undefined && { accept }),
    ...(withdrawal !== undefined && { withdrawal }),
    ...(openWith !== undefined && { openWith }),
  });
  const view = await withOperations(surroundings, options, (each) =>
    each.releaseRoot({ ...named, ...beside, ...(named.step === 'prepare' && { passphrase: passphrase.text }) }),
  );
  if (named.step !== 'prepare') {
    answer(options.output, view, () => (view.root ? fields(rootRows(view.root, Date.now())) : ''));
    return;
  }
  await writeRequest(file, view.request);
  tell(options.output, view, passphrase, file);
}

/** Takes files for the root that waits. */
export async function installRoot(
  surroundings: Surroundings,
  files: readonly { readonly name: string; readonly base64: string }[],
  options: CommonOptions,
) {
  const view = await withOperations(surroundings, options, (each) => each.installRoot({ files }));
  answer(options.output, view, () => preparedWords(view, null, null));
}

export async function abortRoot(surroundings: Surroundings, options: CommonOptions) {
  const view = await withOperations(surroundings, options, (each) => each.abortRoot());
  answer(options.output, view, () =>
    fields([
      ['root', String(view.number)],
      ['state', 'aborted'],
    ]),
  );
}
