// nolapse runbook KIND: what to look at and to do about an alert or a finding, out of the page that comes with the package. It asks no
// broker, so it answers when nothing else does.
import { readFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { OperationError } from '../app/operation-error.ts';
import { type AlertKind, alertKinds } from '../domain/alert.ts';
import { type FindingKind, findingKinds } from '../domain/finding.ts';
import { answer, type Format, fields } from './output.ts';

const page = 'docs/operations.md';

interface Runbook {
  readonly kind: string;
  /** Of what there is one of this kind. */
  readonly about: 'alert' | 'finding';
  readonly meaning: string;
  /** In Markdown. */
  readonly text: string;
}

export function registerRunbook(program: Command): void {
  program
    .command('runbook')
    .description('what to do about an alert or a finding')
    .argument('[kind]', 'its kind; without one, the kinds there are')
    .addOption(new Option('-o, --output <format>', 'how to answer').choices(['human', 'json']).default('human'))
    .action((kind: string | undefined, { output }: { readonly output: Format }) => {
      if (kind === undefined)
        return answer(output, kindRows, () => fields(kindRows.map((row) => [row.kind, row.meaning])));
      const found = runbooksOf(kind);
      answer(output, found, () => found.map(wordsOf).join('\n'));
    });
}

/** An alert and a finding may have one kind: what is so of the fleet, and what somebody must act on. */
const kindRows = [
  ...Object.entries(alertKinds).map(([kind, { meaning }]) => ({ kind, about: 'alert', meaning })),
  ...Object.entries(findingKinds)
    .filter(([kind]) => !Object.hasOwn(alertKinds, kind))
    .map(([kind, meaning]) => ({ kind, about: 'finding', meaning })),
];

/** Of an alert and of a finding of this kind. */
function runbooksOf(kind: string): Runbook[] {
  const isAlert = Object.hasOwn(alertKinds, kind);
  const isFinding = Object.hasOwn(findingKinds, kind);
  if (!isAlert && !isFinding) {
    const known = kindRows.map((row) => `  ${row.kind}`);
    throw new OperationError('not_found', [
      `there is no alert or finding ${kind.slice(0, 64)}; the kinds are`,
      ...known,
    ]);
  }
  const text = readPage();
  return [
    ...(isAlert
      ? [{ kind, about: 'alert' as const, meaning: alertKinds[kind as AlertKind].meaning, text: chapterOf(text, kind) }]
      : []),
    ...(isFinding
      ? [{ kind, about: 'finding' as const, meaning: findingKinds[kind as FindingKind], text: rowOf(text, kind) }]
      : []),
  ];
}

/** The page lies beside the program, in a checkout and in an installed package. */
function readPage(): string {
  return readFileSync(new URL(`../../${page}`, import.meta.url), 'utf8');
}

/** From the heading with this name to the next of its rank: with the parts below it. */
function chapterOf(text: string, name: string): string {
  const [, after = ''] = text.split(`\n### ${name}\n`);
  return (after.split(/\n#{2,3} /)[0] ?? '').trim();
}

/** The row of the table of findings, as what it says of when and what to do. */
function rowOf(text: string, name: string): string {
  const [, findings = ''] = text.split('\n## Findings\n');
  const row = findings.split('\n').find((line) => line.startsWith(`| \`${name}\` |`)) ?? '';
  const [, , when = '', what = ''] = row.split('|').map((cell) => cell.trim());
  return `- **When**: ${when}\n- **Do**: ${what}`;
}

/** Links lead nowhere in a terminal: they name the part of the page instead. */
function wordsOf({ kind, about, meaning, text }: Runbook): string {
  const plain = text
    .replaceAll(/\[([^\]]+)\]\(#([^)]+)\)/g, `$1 (${page}#$2)`)
    .replaceAll(/\[([^\]]+)\]\(([\w-]+\.md[^)]*)\)/g, '$1 (docs/$2)')
    .replaceAll(/\[([^\]]+)\]\(\.\.\/([^)]+)\)/g, (_link, name: string, path: string) =>
      name.includes(path) ? name : `${name} (${path})`,
    );
  return `# ${kind} (${about})\n\n${meaning}\n\n${plain}\n`;
}
