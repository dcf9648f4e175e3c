// Which file of a folder imports which, types among them, and the circles that come of it.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export type ImportGraph = ReadonlyMap<string, readonly string[]>;

const imported = /^\s*(?:import|export)\b[^;]*?from '(\.[^']+)'|\bimport\('(\.[^']+)'\)|^import '(\.[^']+)'/gms;

/** Files by their path from the root of the repository. */
export function importsIn(folder: string): ImportGraph {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  const paths = files.map((name) => join(folder, name));
  return new Map(paths.map((path) => [path, importsOf(path, readFileSync(path, 'utf8'))]));
}

export function importsOf(path: string, text: string): readonly string[] {
  return [...text.matchAll(imported)].map(([, named, awaited, bare]) =>
    join(dirname(path), named ?? awaited ?? bare ?? ''),
  );
}

/** Files that import each other, directly or through others: a list for each such group, sorted. */
export function circlesIn(graph: ImportGraph): string[][] {
  const reached = new Map([...graph.keys()].map((file) => [file, reachedFrom(graph, file)]));
  const seen = new Set<string>();
  const circles: string[][] = [];
  for (const [file, others] of reached) {
    if (seen.has(file) || !others.has(file)) continue;
    const circle = [...others].filter((other) => reached.get(other)?.has(file) === true);
    for (const each of circle) seen.add(each);
    circles.push(circle.toSorted());
  }
  return circles;
}

/** Itself only where it is in a circle. */
function reachedFrom(graph: ImportGraph, from: string): ReadonlySet<string> {
  const reached = new Set<string>();
  const waiting = [...(graph.get(from) ?? [])];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (reached.has(next)) continue;
    reached.add(next);
    waiting.push(...(graph.get(next) ?? []));
  }
  return reached;
}
