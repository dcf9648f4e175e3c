// Where, in topics sorted by their UTF-8 bytes, the next one can stand that a filter matches: so that whoever looks through sorted topics
// seeks to it and passes over all that lies between.

/** A place among sorted topics: the next topic from `topic` on, or the next one after it. */
export interface Seek {
  readonly topic: string;
  readonly isIncluded: boolean;
}

/** Sorts after the level separator, and nothing between: `a0` comes after all topics below `a/`. */
const afterSeparator = '0';
/** Sorts after `$`, likewise. */
const afterDollar = '%';

/** Does the filter name one topic? */
export function isOneTopic(filter: string): boolean {
  return !/[+#]/.test(filter);
}

/** Where to begin. */
export function firstSeek(filter: string): Seek {
  return { topic: literalsFrom(filter.split('/'), 0), isIncluded: true };
}

/**
 * Where to go on after this topic was looked at; null: the filter matches nothing that follows. The place is always after the topic,
 * and no topic that the filter matches lies between.
 */
export function nextSeek(filter: string, topic: string): Seek | null {
  const pattern = filter.split('/');
  const name = topic.split('/');
  const [first] = pattern;
  // [MQTT-4.7.2-1]
  if (topic.startsWith('$') && (first === '+' || first === '#')) return { topic: afterDollar, isIncluded: true };
  const at = pattern.findIndex((level, index) => level === '#' || (level !== '+' && level !== name[index]));
  if (pattern[at] === '#' && at <= name.length) return { topic, isIncluded: false };
  const matched = Math.min(at < 0 ? pattern.length : at, name.length);
  if (at < 0 && matched === pattern.length) {
    return matched === name.length ? { topic, isIncluded: false } : nextSibling(pattern, name, matched);
  }
  if (matched === name.length) return belowShort(pattern, topic, matched);
  return pastLiteral(pattern, name, matched, topic);
}

/** The topic has fewer levels than the filter, and they match. */
function belowShort(pattern: readonly string[], topic: string, levels: number): Seek {
  // `a!/b` sorts between `a` and `a/b`: where the last level may be any, it is looked at.
  if (pattern[levels - 1] === '+') return { topic, isIncluded: false };
  return { topic: `${topic}/${literalsFrom(pattern, levels)}`, isIncluded: true };
}

/** The topic has another level than the filter names there. */
function pastLiteral(pattern: readonly string[], name: readonly string[], level: number, topic: string): Seek | null {
  const parent = name
    .slice(0, level)
    .map((each) => `${each}/`)
    .join('');
  const wanted = `${parent}${pattern[level]}`;
  if (isBefore(topic, wanted)) return { topic: `${parent}${literalsFrom(pattern, level)}`, isIncluded: true };
  if (level + 1 < pattern.length && isBefore(topic, `${wanted}/`)) {
    return { topic: `${wanted}/${literalsFrom(pattern, level + 1)}`, isIncluded: true };
  }
  return nextSibling(pattern, name, level);
}

/** Nothing more below this value of the last level before `end` that may be any: on to its next value. */
function nextSibling(pattern: readonly string[], name: readonly string[], end: number): Seek | null {
  const any = pattern.lastIndexOf('+', end - 1);
  if (end === 0 || any < 0) return null;
  return { topic: `${name.slice(0, any + 1).join('/')}${afterSeparator}`, isIncluded: true };
}

/** The filter from this level up to its next wildcard. */
function literalsFrom(pattern: readonly string[], level: number): string {
  const rest = pattern.slice(level);
  const wildcard = rest.findIndex((each) => each === '+' || each === '#');
  if (wildcard < 0) return rest.join('/');
  const literals = rest.slice(0, wildcard).join('/');
  // `a/#` matches `a` too [MQTT-4.7.1-2].
  return wildcard > 0 && rest[wildcard] === '+' ? `${literals}/` : literals;
}

function isBefore(a: string, b: string): boolean {
  return Buffer.compare(Buffer.from(a), Buffer.from(b)) < 0;
}
