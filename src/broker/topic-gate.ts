// Access patterns made ready for the hot path: the same answers as the domain's matching, without splitting a topic for
// the patterns that are a prefix and `/#`.
import { delegatedIn, delegatedLevel } from '../domain/acl.ts';
import type { PrincipalId } from '../domain/principal.ts';
import { matches } from '../domain/topics.ts';

export type TopicGate = (topic: string) => boolean;

export function compileTopicGate(patterns: readonly string[]): TopicGate {
  const exact = new Set<string>();
  const prefixes: string[] = [];
  const others: string[] = [];
  for (const pattern of patterns) {
    const stem = pattern.endsWith('/#') ? pattern.slice(0, -2) : null;
    if (!/[+#]/.test(pattern)) exact.add(pattern);
    else if (stem && !/[+#]/.test(stem)) {
      // `a/#` matches `a` itself too (MQTT 3.1.1, 4.7.1.2).
      exact.add(stem);
      prefixes.push(`${stem}/`);
    } else others.push(pattern);
  }
  return (topic) => {
    for (const prefix of prefixes) if (topic.startsWith(prefix)) return true;
    return exact.has(topic) || others.some((pattern) => matches(pattern, topic));
  };
}

/** Open where one of these patterns names a device by {@link delegatedLevel} that is `carried`, which is asked at each message. */
export function compileDelegatedGate(
  patterns: readonly string[],
  carried: (device: PrincipalId) => boolean,
): TopicGate {
  const beginnings = patterns.map((pattern) => {
    const literal = /^[^+{]*/.exec(pattern)?.[0] ?? '';
    return { pattern, literal: literal.slice(0, literal.lastIndexOf('/') + 1) };
  });
  return (topic) =>
    beginnings.some(({ pattern, literal }) => {
      if (!topic.startsWith(literal)) return false;
      const device = delegatedIn(pattern, topic);
      return device !== null && carried(device);
    });
}

/** Open where one of the two is. */
export function either(one: TopicGate, other: TopicGate): TopicGate {
  return (topic) => one(topic) || other(topic);
}
