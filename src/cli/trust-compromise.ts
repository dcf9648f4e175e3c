// nolapse trust compromised|lost|exposed: what is done when the key of a CA is in wrong hands or lost, and who still trusts that CA.
import { Argument, type Command, Option } from 'commander';
import type { Operations } from '../app/operator/operate.ts';
import type { AskedStepView, TrustView } from '../app/views/trust.ts';
import type {
  CompromisedIssuingView,
  CompromisedRootView,
  ExposedView,
  LostKeyView,
} from '../app/views/trust-exposure.ts';
import type { AskedRootView } from '../app/views/trust-roots.ts';
import { openSealedCommand } from '../pki/sealed.ts';
import { withReason } from './actor.ts';
import { parseWhole } from './arguments.ts';
import { csvOf } from './csv.ts';
import { type CommonOptions, type Surroundings, withCommon, withOperations } from './invocation.ts';
import { answer, cell, fields, moment, plain, remark } from './output.ts';
import { type Passphrase, passphraseFrom } from './root-passphrase.ts';
import { cut, fold, table } from './table.ts';

const columns = ['id', 'owner', 'site', 'kind', 'class', 'gateway', 'last', 'standing', 'left'] as const;

function byPlace(one: ExposedView, other: ExposedView): number {
  const [a, b] = [one, other].map(({ owner, site, id }) => [owner ?? '', site ?? '', id].join('\0'));
  return (a ?? '') < (b ?? '') ? -1 : 1;
}

async function everybody(operations: Operations): Promise<{ root: number | null; rows: ExposedView[] }> {
  const rows: ExposedView[] = [];
  let page = await operations.listExposed({});
  rows.push(...page.principals);
  while (page.next !== null) {
    page = await operations.listExposed({ after: page.next });
    rows.push(...page.principals);
  }
  return { root: page.root, rows: rows.toSorted(byPlace) };
}

function exposedWords(root: number, rows: readonly ExposedView[]): string {
  const shown = rows.map(({ owner, site, id, last, left }) => [
    cell(owner),
    cell(site),
    cell(id),
    last === 0 ? 'never' : `root ${last}`,
    left,
  ]);
  const listed = table([cut('OWNER'), cut('SITE'), 'ID', 'LAST', fold('WHAT IS LEFT')], shown);
  return `${listed}\n${fields([
    ['distrusted', `root ${root}`],
    ['trust it still', String(rows.length)],
  ])}`;
}

type ListOptions = Omit<CommonOptions, 'output'> & { readonly output: CommonOptions['output'] | 'csv' };

async function listExposed(surroundings: Surroundings, { output, ...options }: ListOptions): Promise<void> {
  const format = output === 'csv' ? 'human' : output;
  const { root, rows } = await withOperations(surroundings, { ...options, output: format }, everybody);
  if (output === 'csv') process.stdout.write(csvOf(columns, rows));
  else answer(format, { root, principals: rows }, () => (root === null ? '' : exposedWords(root, rows)));
  if (root === null) remark('no root in use is distrusted: nobody is exposed');
  if (rows.length > 0) process.exitCode = 1;
}

/** The rows about a root whose key is lost. */
export function lostRows({ root, wholeUntil, worksUntil, left }: LostKeyView, now: number): [string, string][] {
  return [
    ['key lost of', `root ${root}`],
    ['whole lives until', moment(wholeUntil, now)],
    ['nothing works after', moment(worksUntil, now)],
    ['what is left', plain(left)],
  ];
}

/** What `trust status` says of keys that are in wrong hands or lost; nothing where all is well. */
export function keyWords({ lost: keys, distrusted }: Pick<TrustView, 'lost' | 'distrusted'>, now: number): string {
  const rows = [
    ...distrusted.map(({ root }): [string, string] => ['distrusted', `root ${root}: nolapse trust exposed`]),
    ...keys.flatMap((key) => lostRows(key, now)),
  ];
  return rows.length > 0 ? fields(rows) : '';
}

type LostOptions = CommonOptions & { readonly root?: number; readonly found?: boolean };

async function lost(surroundings: Surroundings, { root, found, ...options }: LostOptions): Promise<void> {
  const which = root === undefined ? {} : { root };
  if (found) {
    const view = await withOperations(surroundings, options, (each) => each.findRootKey(which));
    return answer(options.output, view, () => fields([['key found of', `root ${view.number}`]]));
  }
  const view = await withOperations(surroundings, options, (each) => each.loseRootKey(which));
  answer(options.output, view, () => fields(lostRows(view, Date.now())));
}

type Compromised = CompromisedIssuingView | CompromisedRootView;
type CompromiseOptions = CommonOptions & {
  readonly number?: number;
  readonly fresh?: boolean;
  readonly sealWith?: string;
};
/** What was printed when it was asked for. */
export interface NamedRelease {
  readonly number: number;
  readonly sha256: string;
}

function compromisedWords(view: Compromised, passphrase: Passphrase): string {
  const rows: [string, string][] =
    'number' in view
      ? [
          ['compromised', `issuing CA ${view.number}, below root ${view.root}`],
          ['signs now', view.replacement ? `issuing CA ${view.replacement.number}` : '-'],
        ]
      : [
          ['compromised', `root ${view.root}`],
          ['comes first now', `root ${view.current}`],
        ];
  const { prepared, asked } = view;
  if (prepared) rows.push(['next root', String(prepared.root?.number ?? prepared.request?.number ?? '-')]);
  if (prepared?.withdrawal) {
    rows.push(['withdrawal', plain(prepared.withdrawal)]);
    if (passphrase.isNew) rows.push(['its passphrase', passphrase.text]);
    rows.push(['it opens with', openSealedCommand]);
  }
  if (asked) rows.push(['to be released', asked.release]);
  const left = view.left.map((each) => `to do: ${plain(each)}\n`).join('');
  return `${fields(rows)}${left}to do: nolapse trust exposed lists who still trusts root ${view.root}\n`;
}

type Told = { readonly done: Compromised } | { readonly asked: AskedRootView | AskedStepView };

function tellCompromised(output: CommonOptions['output'], view: Told, passphrase: Passphrase): void {
  if ('asked' in view) {
    answer(output, view, () => `nothing has changed yet. To carry it out:\n  ${view.asked.release}\n`);
    return;
  }
  const { done } = view;
  const given = done.prepared?.withdrawal && passphrase.isNew ? { ...done, passphrase: passphrase.text } : done;
  answer(output, given, () => compromisedWords(done, passphrase));
}

/** @param released null: it is asked for, or carried out at once. */
export async function compromised(
  surroundings: Surroundings,
  ca: string,
  { number, fresh, sealWith, ...options }: CompromiseOptions,
  released: NamedRelease | null = null,
): Promise<void> {
  const passphrase = await passphraseFrom(sealWith);
  const sealed = { passphrase: passphrase.text };
  const view = await withOperations(surroundings, options, async (each): Promise<Told> => {
    if (ca === 'root') {
      const release = released && { sequence: released.number, sha256: released.sha256 };
      return each.compromiseRoot({
        ...sealed,
        ...(number !== undefined && { root: number }),
        ...(release && { release }),
      });
    }
    const which = released?.number ?? number;
    return each.compromiseIssuing({
      ...sealed,
      ...(which !== undefined && { number: which }),
      ...(fresh && { fresh }),
      ...(released && { release: released.sha256 }),
    });
  });
  tellCompromised(options.output, view, passphrase);
}

function registerCompromised(group: Command, surroundings: Surroundings): void {
  withReason(withCommon(group.command('compromised')))
    .description('say that the key of a CA is in wrong hands, and do what can be done about it')
    .addArgument(new Argument('<ca>', 'which CA').choices(['issuing', 'root']))
    .addOption(new Option('--number <number>', 'which of them; the current one by default').argParser(parseWhole))
    .option('--fresh', 'give up a next issuing CA that was prepared before: its key may be in the same hands')
    .option(
      '--seal-with <file>',
      'with the passphrase for the withdrawal of a root that is made now; else one is printed',
    )
    .action((ca: string, options: CompromiseOptions) => compromised(surroundings, ca, options));
}

export function registerCompromise(group: Command, surroundings: Surroundings): void {
  registerCompromised(group, surroundings);
  const list = withCommon(group.command('exposed')).description(
    'list who still trusts a root that is not to be trusted, by owner and site',
  );
  const output = list.options.find(({ long }) => long === '--output');
  output?.choices(['human', 'json', 'csv']);
  list.action((options: ListOptions) => listExposed(surroundings, options));
  withReason(withCommon(group.command('lost')))
    .description('say that nobody has the key of a root any more: what goes on, until when, and what to do')
    .addArgument(new Argument('<ca>', 'which CA').choices(['root']))
    .addOption(new Option('--root <number>', 'which root; the current one by default').argParser(parseWhole))
    .option('--found', 'it was found after all')
    .action((_ca: string, options: LostOptions) => lost(surroundings, options));
}
