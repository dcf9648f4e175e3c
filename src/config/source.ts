// Where configuration comes from: a YAML file, whose lines faults are named by, and NOLAPSE_ variables laid over it. It
// gathers values and judges none of them.
import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, type Pair, parseDocument } from 'yaml';
import { NotReadable, readRegularFile } from '../machine/regular-file.ts';
import type { ConfigFault } from './fault.ts';
import { anyName, type ConfigKey, configKeys } from './keys.ts';

export type Tree = { [key: string]: unknown };

export interface Source {
  readonly tree: Tree;
  readonly faults: readonly ConfigFault[];
  /** The line that sets this path, or the nearest thing above it; undefined when no line does. */
  readonly lineOf: (path: readonly PropertyKey[]) => number | undefined;
}

const fileBytesMax = 1_048_576;
const variablePrefix = 'NOLAPSE_';
/** Variables that are not keys of the file. */
const otherVariables: ReadonlySet<string> = new Set([
  'NOLAPSE_PASSPHRASE',
  'NOLAPSE_PASSPHRASE_FILE',
  'NOLAPSE_HOME',
  'NOLAPSE_CONFIG',
  'NOLAPSE_TOKEN',
]);

export function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const keyText = (pair: Pair): string => String(isScalar(pair.key) ? pair.key.value : pair.key);

/** A section left empty (`mqtt:` and nothing under it) says as little as one left out. */
function withoutEmptySections(tree: Tree): Tree {
  return Object.fromEntries(Object.entries(tree).filter(([, value]) => value !== null));
}

/** `__proto__` passes through object literals and schemas unseen, so it is looked for where it is still a plain key. */
function poisonedKeys(node: unknown, path: readonly string[], found: string[][]): string[][] {
  if (isMap(node)) {
    for (const pair of node.items) {
      const at = [...path, keyText(pair)];
      if (at.at(-1) === '__proto__') found.push(at);
      else poisonedKeys(pair.value, at, found);
    }
  }
  return found;
}

function readText(file: string): { text: string } | { fault: ConfigFault } {
  try {
    const bytes = readRegularFile(file, fileBytesMax);
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  } catch (error) {
    if (error instanceof NotReadable) return { fault: { path: '', message: error.message } };
    const code = (error as NodeJS.ErrnoException).code;
    const why = code === 'ENOENT' ? 'no such file' : code === 'ERR_ENCODING_INVALID_ENCODED_DATA' ? 'not UTF-8' : code;
    return { fault: { path: '', message: `cannot be read: ${why ?? 'unknown error'}` } };
  }
}

const nothing: Source = { tree: {}, faults: [], lineOf: () => undefined };

/** Reads the file. A file that is not YAML, or not a map, yields an empty tree and the faults with their lines. */
export function readYaml(file: string): Source {
  const read = readText(file);
  if ('fault' in read) return { ...nothing, faults: [read.fault] };
  const counter = new LineCounter();
  const document = parseDocument(read.text, { lineCounter: counter, prettyErrors: false });
  const lineAt = (offset: number): number => counter.linePos(offset).line;
  if (document.errors.length > 0) {
    return {
      ...nothing,
      faults: document.errors.map((error) => ({ path: '', line: lineAt(error.pos[0]), message: error.message })),
    };
  }
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    return { ...nothing, faults: [{ path: '', message: (error as Error).message }] };
  }
  if (value === null || value === undefined) return nothing;
  if (!isTree(value)) return { ...nothing, faults: [{ path: '', line: 1, message: 'expected a map of keys' }] };
  const lineOf = (path: readonly PropertyKey[]): number | undefined => {
    let node: unknown = document.contents;
    let line: number | undefined;
    for (const step of path) {
      if (isAlias(node)) node = node.resolve(document);
      if (isMap(node)) {
        const pair = node.items.find((item) => keyText(item) === String(step));
        if (!pair) break;
        line = lineAt((pair.key as Node).range?.[0] ?? 0);
        node = pair.value;
      } else if (isSeq(node)) {
        node = node.items[Number(step)];
        line = lineAt((node as Node | undefined)?.range?.[0] ?? 0);
      } else break;
    }
    return line;
  };
  const faults = poisonedKeys(document.contents, [], []).map((path) => {
    const line = lineOf(path);
    return { path: path.join('.'), ...(line !== undefined && { line }), message: 'unknown key' };
  });
  return { tree: withoutEmptySections(value), faults, lineOf };
}

const normalized = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9]/g, '_');

/** Do these segments of a variable's name spell this key? The path then, names included, unless it could mean several names; null otherwise. */
function spell(segments: readonly string[], key: ConfigKey, tree: Tree): string[] | 'several' | null {
  const before = key.path.indexOf(anyName);
  const fixed = key.path.filter((step) => step !== anyName).map((step) => step.toLowerCase());
  if (before < 0) return segments.join('_') === fixed.join('_') ? [...key.path] : null;
  const after = key.path.length - before - 1;
  const name = segments.slice(before, segments.length - after);
  const rest = [...segments.slice(0, before), ...segments.slice(segments.length - after)];
  if (name.length === 0 || name.join('') === '' || rest.join('_') !== fixed.join('_')) return null;
  // A variable's name has neither case nor dashes: it means the class that is there already, if one is spelt like it.
  const parent = key.path.slice(0, before).reduce<unknown>((at, step) => (isTree(at) ? at[step] : undefined), tree);
  const alike = isTree(parent) ? Object.keys(parent).filter((each) => normalized(each) === name.join('_')) : [];
  if (alike.length > 1) return 'several';
  const [known] = alike;
  return key.path.map((step) => (step === anyName ? (known ?? name.join('_')) : step));
}

const booleans: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['false', false],
]);

function valueFor(key: ConfigKey, text: string): unknown {
  if (key.kind === 'number') return /^\d{1,15}$/.test(text) ? Number(text) : text;
  if (key.kind === 'boolean') return booleans.get(text) ?? text;
  if (key.kind === 'list') return text === '' ? [] : text.split(',').map((part) => part.trim());
  return key.kind === 'map' ? pairsOf(text) : text;
}

/** `id=name,site=site.slug`; the text itself when it is not that. */
function pairsOf(text: string): unknown {
  if (text === '') return {};
  const pairs = text.split(',').map((part) => /^\s*([^=\s]+)\s*=\s*(.*?)\s*$/.exec(part));
  if (pairs.some((pair) => pair === null || pair[1] === '__proto__')) return text;
  return Object.fromEntries(pairs.map((pair) => [pair?.[1], pair?.[2]]));
}

function put(tree: Tree, path: readonly string[], value: unknown): void {
  let at = tree;
  for (const step of path.slice(0, -1)) {
    const next = Object.hasOwn(at, step) ? at[step] : undefined;
    const child: Tree = isTree(next) ? next : {};
    Object.defineProperty(at, step, { value: child, enumerable: true, configurable: true, writable: true });
    at = child;
  }
  at[path.at(-1) ?? ''] = value;
}

/**
 * Lays the NOLAPSE_ variables over the tree, in place.
 * @returns which variable set which dotted path, and the variables that mean nothing.
 */
export function layVariables(
  tree: Tree,
  env: Readonly<Record<string, string | undefined>>,
): { origins: Map<string, string>; faults: ConfigFault[] } {
  const origins = new Map<string, string>();
  const faults: ConfigFault[] = [];
  for (const [name, text] of Object.entries(env)) {
    const upper = name.toUpperCase();
    if (text === undefined || !upper.startsWith(variablePrefix) || otherVariables.has(upper)) continue;
    const segments = name.slice(variablePrefix.length).toLowerCase().split('_');
    const match = configKeys.map((key) => ({ key, path: spell(segments, key, tree) })).find(({ path }) => path);
    if (!match?.path || match.path.includes('__proto__')) {
      faults.push({ path: name, message: 'no key of the configuration has this name' });
      continue;
    }
    if (match.path === 'several') {
      faults.push({ path: name, message: 'could mean several names that are in the file: write it there' });
      continue;
    }
    put(tree, match.path, valueFor(match.key, text));
    origins.set(match.path.join('.'), name);
  }
  return { origins, faults };
}
