// What is subscribed by topic filters: which of it a topic name matches, found so many nodes at a time. Wildcards at the first level never
// match names that begin with `$` [MQTT-4.7.2-1]. What is taken out leaves no node behind.

/** A level of filters. Most have one level below them, or none: a table is made for the second. */
interface Level<Key, Value> {
  word: string;
  below: Level<Key, Value> | null;
  more: Map<string, Level<Key, Value>> | null;
  /** What is subscribed by the filter that ends here. */
  values: Map<Key, Value> | null;
}

/** The matches of one topic name, while they are looked for. */
export interface FilterWalk<Value> {
  readonly isOver: boolean;
  /** Looks at so many more nodes at most. @returns how many it was; what was found is added to `found`. */
  step(nodesMax: number, found: Value[]): number;
}

function levelOf<Key, Value>(word: string): Level<Key, Value> {
  return { word, below: null, more: null, values: null };
}

export class FilterTree<Key, Value> {
  readonly #root = levelOf<Key, Value>('');
  #size = 0;
  #nodes = 0;

  /** Values in it. */
  get size(): number {
    return this.#size;
  }

  /** Levels it keeps for them. */
  get nodes(): number {
    return this.#nodes;
  }

  /** Adds a value, in place of the one that has the same filter and key. */
  set(filter: string, key: Key, value: Value): void {
    let level = this.#root;
    for (const word of filter.split('/')) level = childOf(level, word) ?? this.#grow(level, word);
    level.values ??= new Map();
    if (!level.values.has(key)) this.#size += 1;
    level.values.set(key, value);
  }

  /** @returns what was taken out. */
  delete(filter: string, key: Key): Value | undefined {
    const path = [this.#root];
    let level: Level<Key, Value> | undefined = this.#root;
    for (const word of filter.split('/')) {
      level = childOf(level, word);
      if (!level) return undefined;
      path.push(level);
    }
    const value = level.values?.get(key);
    if (!level.values?.delete(key)) return undefined;
    this.#size -= 1;
    if (level.values.size === 0) level.values = null;
    this.#prune(path);
    return value;
  }

  /** The walk may be left, and taken up after the tree has changed: it goes on with what is there then. */
  walk(topic: string): FilterWalk<Value> {
    return new Walk<Key, Value>(this.#root, topic.split('/'));
  }

  /** All that the topic name matches. */
  match(topic: string): Value[] {
    const found: Value[] = [];
    if (this.#size > 0) this.walk(topic).step(Number.POSITIVE_INFINITY, found);
    return found;
  }

  #grow(level: Level<Key, Value>, word: string): Level<Key, Value> {
    const child = levelOf<Key, Value>(word);
    this.#nodes += 1;
    if (level.more) level.more.set(word, child);
    else if (level.below) {
      level.more = new Map([
        [level.below.word, level.below],
        [word, child],
      ]);
      level.below = null;
    } else level.below = child;
    return child;
  }

  #prune(path: Level<Key, Value>[]): void {
    for (let level = path.pop(); level && path.length > 0; level = path.pop()) {
      if (level.values || level.below || level.more) return;
      const parent = path[path.length - 1] as Level<Key, Value>;
      this.#nodes -= 1;
      if (parent.below) parent.below = null;
      else if (parent.more?.delete(level.word) && parent.more.size === 0) parent.more = null;
    }
  }
}

function childOf<Key, Value>({ below, more }: Level<Key, Value>, word: string): Level<Key, Value> | undefined {
  if (more) return more.get(word);
  return below?.word === word ? below : undefined;
}

class Walk<Key, Value> implements FilterWalk<Value> {
  readonly #words: readonly string[];
  /** Levels that match so far and are still to be looked at, and how many words each stands behind. */
  readonly #levels: Level<Key, Value>[];
  readonly #depths: number[] = [0];

  constructor(root: Level<Key, Value>, words: readonly string[]) {
    this.#levels = [root];
    this.#words = words;
  }

  get isOver(): boolean {
    return this.#levels.length === 0;
  }

  step(nodesMax: number, found: Value[]): number {
    let nodes = 0;
    while (nodes < nodesMax) {
      const level = this.#levels.pop();
      if (!level) break;
      nodes += 1;
      this.#look(level, this.#depths.pop() ?? 0, found);
    }
    return nodes;
  }

  #look(level: Level<Key, Value>, depth: number, found: Value[]): void {
    const word = this.#words[depth];
    const mayBeWild = depth > 0 || word?.charCodeAt(0) !== dollar;
    // It stands for the level above it, too (MQTT 3.1.1, 4.7.1.2).
    const rest = mayBeWild ? childOf(level, '#') : undefined;
    if (rest?.values) for (const value of rest.values.values()) found.push(value);
    if (word === undefined) {
      if (level.values) for (const value of level.values.values()) found.push(value);
      return;
    }
    const any = mayBeWild ? childOf(level, '+') : undefined;
    const same = word === '+' || word === '#' ? undefined : childOf(level, word);
    if (any) this.#push(any, depth + 1);
    if (same) this.#push(same, depth + 1);
  }

  #push(level: Level<Key, Value>, depth: number): void {
    this.#levels.push(level);
    this.#depths.push(depth);
  }
}

const dollar = '$'.charCodeAt(0);
