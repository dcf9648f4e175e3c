// The tables of docs/tls-stacks.md, made from what is held against real handshakes. test/house/tls-stacks.test.ts compares.
import type { Scene, Trust } from './chains.ts';
import { accepts, type Stack, stacks } from './table.ts';

const known: readonly Stack[] = stacks;

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
const table = (heads: readonly string[], rows: readonly (readonly string[])[]): string =>
  [row(heads), `|${heads.map(() => '---|').join('')}`, ...rows.map(row)].join('\n');

/** Who accepts it, in as few names as that takes. */
function acceptedBy(trust: Trust, scene: Scene): string {
  const [yes, no] = [true, false].map((is) => known.filter((stack) => accepts(stack, { trust, scene }) === is));
  if (!yes?.length) return 'none';
  if (!no?.length) return 'all';
  const names = (some: readonly Stack[]): string => some.map(({ name }) => name).join(', ');
  return yes.length < no.length ? `only ${names(yes)}` : `all but ${names(no)}`;
}

const chains: readonly (readonly [string, Scene, readonly (Trust | null)[]])[] = [
  ['the old one', 'old', ['old', 'next', 'both', 'expired']],
  ['the next one', 'next', ['old', 'next', 'both', 'expired']],
  [
    'the next one and a cross certificate; the old root has no path length',
    'cross',
    ['old', 'next', 'both', 'expired'],
  ],
  ['the same; the old root has `pathlen:1`', 'crossLimited', ['oldLimited', 'next', 'bothLimited', null]],
  ['one of another PKI', 'control', ['old', 'next', 'both', null]],
];

/** Which chains are accepted with which roots. */
export function chainsTable(): string {
  return table(
    ['chain that the broker shows', 'old root', 'next root', 'both roots', 'next root, and the old one has ended'],
    chains.map(([name, scene, trusts]) => [name, ...trusts.map((trust) => (trust ? acceptedBy(trust, scene) : ''))]),
  );
}

function distrustOf({ versions, distrust: { alert, handshakeIn } }: Stack): string {
  const sent = alert ? `\`${alert}\`` : 'no alert, the connection ends';
  const late = versions.filter((version) => handshakeIn.includes(version)).map((version) => version.slice(4));
  return late.length > 0 ? `${sent}; in TLS ${late.join(', ')} after a complete handshake` : sent;
}

/** What each stack needs, and how the broker hears that it does not trust. */
export function stacksTable(): string {
  return table(
    ['stack', 'used here', 'TLS', 'two roots', 'checks the name', 'SNI', 'hints must name', 'does not trust the chain'],
    known.map((stack) => [
      stack.name,
      stack.by,
      stack.versions.map((version) => version.slice(4)).join(', '),
      stack.bothRoots,
      stack.nameCheck,
      stack.sniWithoutDot ? 'the name' : 'a name with a dot',
      stack.hints,
      distrustOf(stack),
    ]),
  );
}
