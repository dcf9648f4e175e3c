// MQTT topic names and filters: matching, covering, and the enrollment topics `$enroll/1/<id>/<word>`.
import type { AlertName } from './alert.ts';
import { escapeName } from './escape.ts';
import { type PrincipalId, parsePrincipalId } from './principal.ts';

export const upWords = ['hello', 'csr', 'get', 'ack'] as const;
export const downWords = ['offer', 'part', 'cert', 'done', 'trust', 'error'] as const;
export type UpWord = (typeof upWords)[number];
export type DownWord = (typeof downWords)[number];

/** The root of every enrollment topic, its version included. */
export const enrollmentRoot = '$enroll/1/';

/** The root of the topics on which services hear of alerts. It begins with `$`: nobody but the broker publishes there. */
export const alertRoot = '$nolapse/alerts/';

/**
 * First levels that no access list opens: the protocol's own, the broker's, and those that elsewhere have a meaning of their own. What
 * else begins with `$` is for applications.
 */
export const reservedRoots = ['$enroll', '$nolapse', '$SYS', '$share', '$queue'] as const;

/** Is the topic, or all that the filter can match, below a reserved root? */
export function isReserved(topic: string): boolean {
  const slash = topic.indexOf('/');
  return (reservedRoots as readonly string[]).includes(slash < 0 ? topic : topic.slice(0, slash));
}

/** Levels a topic or filter may have; aedes's matchers throw above 100. */
export const topicLevelsMax = 64;

/** The topic on which `word` is exchanged with the principal `id`. */
export function enrollmentTopic(id: PrincipalId, word: UpWord | DownWord): string {
  return `${enrollmentRoot}${id}/${word}`;
}

/** The topic on which services hear what becomes of an alert, its subject escaped. */
export function alertTopic({ kind, subject }: AlertName): string {
  return `${alertRoot}${kind}/${escapeName(subject)}`;
}

/** Takes an enrollment topic apart. Null when the topic is not one or names an impossible id; unknown words are kept. */
export function parseEnrollmentTopic(topic: string): { readonly id: PrincipalId; readonly word: string } | null {
  if (!topic.startsWith(enrollmentRoot)) return null;
  const [id, word, ...rest] = topic.slice(enrollmentRoot.length).split('/');
  const principalId = parsePrincipalId(id);
  return principalId && word && rest.length === 0 ? { id: principalId, word } : null;
}

export function isUpWord(word: string): word is UpWord {
  return (upWords as readonly string[]).includes(word);
}

/** Levels of a topic that is published to; aedes refuses more. */
const nameLevelsMax = 100;

/** Is this a string MQTT may carry? No U+0000 [MQTT-1.5.3-2]; bytes that are no UTF-8 [MQTT-1.5.3-1] arrive here as one. */
export function isWellFormed(text: string): boolean {
  return !text.includes('\0');
}

/** Can a message be published on it? Not empty [MQTT-4.7.3-1], no wildcards [MQTT-3.3.2-2], and a bounded number of levels. */
export function isTopicName(topic: string): boolean {
  if (topic.length === 0 || topic.includes('#') || topic.includes('+')) return false;
  return topic.length < nameLevelsMax || topic.split('/').length <= nameLevelsMax;
}

/** Is this a filter a subscription may carry? [MQTT-4.7.1-2], [MQTT-4.7.1-3], and a bounded number of levels. */
export function isFilter(filter: string): boolean {
  if (filter.length === 0 || filter.length > 65_535 || !isWellFormed(filter)) return false;
  const levels = filter.split('/');
  if (levels.length > topicLevelsMax) return false;
  return levels.every((level, index) => {
    if (level.includes('#')) return level === '#' && index === levels.length - 1;
    return !level.includes('+') || level === '+';
  });
}

/** Does the filter match the topic name? Wildcards at the first level never match names that begin with `$` [MQTT-4.7.2-1]. */
export function matches(filter: string, topic: string): boolean {
  if (filter === topic) return true;
  return matchesLevels(filter.split('/'), topic.split('/'));
}

/** The same, of a filter and a topic name that were taken apart into their levels. */
export function matchesLevels(pattern: readonly string[], name: readonly string[]): boolean {
  if (name[0]?.startsWith('$') && (pattern[0] === '#' || pattern[0] === '+')) return false;
  for (let i = 0; i < pattern.length; i += 1) {
    if (pattern[i] === '#') return true;
    if (i >= name.length || (pattern[i] !== '+' && pattern[i] !== name[i])) return false;
  }
  return pattern.length === name.length;
}

/** Does everything that `filter` can match lie within what `pattern` matches? Both are filters. */
export function covers(pattern: string, filter: string): boolean {
  if (pattern === filter) return true;
  if (filter.startsWith('$') && (pattern.startsWith('#') || pattern.startsWith('+'))) return false;
  const outer = pattern.split('/');
  const inner = filter.split('/');
  for (let i = 0; i < outer.length; i += 1) {
    if (outer[i] === '#') return true;
    if (i >= inner.length || inner[i] === '#') return false;
    if (outer[i] !== '+' && outer[i] !== inner[i]) return false;
  }
  return outer.length === inner.length;
}

/** Characters of a topic that the log has, in a sentence or a field. */
export const topicLoggedMax = 128;

/** A topic as a sentence names it: in quotes, which it cannot end by itself, without control characters, and cut where it is long. */
export function quotedTopic(topic: string): string {
  return JSON.stringify(topic.length > topicLoggedMax ? `${topic.slice(0, topicLoggedMax)}…` : topic);
}
