// DER as a tree, so that a test can change a request's structure and write it again: lengths follow, unless they are what is changed.

export interface Node {
  readonly tag: number;
  /** Null: its content is bytes. */
  readonly children: readonly Node[] | null;
  readonly content: Uint8Array;
  /** How its length is written; absent: as DER has it. */
  readonly length?: 'long' | 'indefinite';
}

/** Elements of at most 64 KiB each, one after another. */
function readAll(bytes: Uint8Array): Node[] {
  const nodes: Node[] = [];
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at] ?? 0;
    const first = bytes[at + 1] ?? 0;
    const octets = first < 0x80 ? 0 : first & 0x7f;
    const begin = at + 2 + octets;
    const length = octets === 0 ? first : bytes.subarray(at + 2, begin).reduce((sum, octet) => sum * 0x100 + octet, 0);
    const content = bytes.subarray(begin, begin + length);
    nodes.push({ tag, children: (tag & 0x20) === 0 ? null : readAll(content), content });
    at = begin + length;
  }
  return nodes;
}

/** `der` is one element, and sound. */
export function treeOf(der: Uint8Array): Node {
  const [node] = readAll(der);
  if (!node) throw new Error('no element');
  return node;
}

function lengthOctets(length: number, form: Node['length']): number[] {
  if (form === 'indefinite') return [0x80];
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest >>= 8) octets.unshift(rest & 0xff);
  if (form === 'long') return [0x80 | (octets.length + 1), 0, ...octets];
  return length < 0x80 ? [length] : [0x80 | octets.length, ...octets];
}

export function bytesOf(node: Node): Uint8Array {
  const content = node.children ? Buffer.concat(node.children.map(bytesOf)) : node.content;
  const head = Uint8Array.of(node.tag, ...lengthOctets(content.length, node.length));
  return Buffer.concat([head, content, new Uint8Array(node.length === 'indefinite' ? 2 : 0)]);
}

/** The way to each element by the places of children; the root's is empty. */
export function pathsIn(node: Node): number[][] {
  const below = (node.children ?? []).flatMap((child, at) => pathsIn(child).map((path) => [at, ...path]));
  return [[], ...below];
}

/** What may become of one element: none, one or two. */
export const changes: Readonly<Record<string, (node: Node) => readonly Node[]>> = {
  absent: () => [],
  twice: (node) => [node, node],
  'long length': (node) => [{ ...node, length: 'long' }],
  'indefinite length': (node) => [{ ...node, length: 'indefinite' }],
  'other order': (node) => [node.children ? { ...node, children: node.children.toReversed() } : node],
  empty: (node) => [{ ...node, children: node.children && [], content: new Uint8Array() }],
  'a NULL instead': () => [{ tag: 5, children: null, content: new Uint8Array() }],
  'a NULL behind': (node) => [node, { tag: 5, children: null, content: new Uint8Array() }],
  'another form': (node) => [{ ...node, tag: node.tag ^ 0x20 }],
};

/** The tree with the element at `path` changed; the root becomes the first of what is made of it. */
export function changed(node: Node, path: readonly number[], change: (found: Node) => readonly Node[]): Node {
  const [at, ...rest] = path;
  if (at === undefined) return change(node)[0] ?? { ...node, children: [] };
  const children = (node.children ?? []).flatMap((child, index) => {
    if (index !== at) return [child];
    return rest.length === 0 ? change(child) : [changed(child, rest, change)];
  });
  return { ...node, children };
}
