// Which stored subscriptions match a topic: a trie of filter levels. aedes's own (qlobber) lets a leading wildcard match
// topics that begin with `$`, and throws on filters it finds too deep; this one does neither.
import type { Qos } from './mqtt-packet.ts';

/** A stored subscription as aedes wants it back by topic. */
export interface MatchedSubscription {
  readonly clientId: string;
  readonly topic: string;
  readonly qos: Qos;
  readonly rh?: number | undefined;
  readonly rap?: boolean | undefined;
  readonly nl?: boolean | undefined;
}

class Level {
  readonly next = new Map<string, Level>();
  readonly clients = new Map<string, MatchedSubscription>();
}

export class SubscriptionIndex {
  readonly #root = new Level();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Adds a subscription, in place of the one that client had with the same filter. */
  set(subscription: MatchedSubscription): void {
    let level = this.#root;
    for (const word of subscription.topic.split('/')) {
      let next = level.next.get(word);
      if (!next) {
        next = new Level();
        level.next.set(word, next);
      }
      level = next;
    }
    if (!level.clients.has(subscription.clientId)) this.#size += 1;
    level.clients.set(subscription.clientId, subscription);
  }

  delete(clientId: string, filter: string): void {
    const path: (readonly [Level, string])[] = [];
    let level = this.#root;
    for (const word of filter.split('/')) {
      const next = level.next.get(word);
      if (!next) return;
      path.push([level, word]);
      level = next;
    }
    if (!level.clients.delete(clientId)) return;
    this.#size -= 1;
    for (const [parent, word] of path.reverse()) {
      if (level.clients.size > 0 || level.next.size > 0) return;
      parent.next.delete(word);
      level = parent;
    }
  }

  /** The subscriptions whose filter matches; a client with two such filters is there twice. */
  match(topic: string): MatchedSubscription[] {
    const found: MatchedSubscription[] = [];
    if (this.#size > 0) collect(this.#root, topic.split('/'), 0, found);
    return found;
  }
}

function collect(level: Level, words: readonly string[], depth: number, found: MatchedSubscription[]): void {
  // [MQTT-4.7.2-1]
  const wild = depth > 0 || !words[0]?.startsWith('$');
  const rest = wild ? level.next.get('#') : undefined;
  if (rest) found.push(...rest.clients.values());
  const word = words[depth];
  if (word === undefined) {
    found.push(...level.clients.values());
    return;
  }
  const any = wild ? level.next.get('+') : undefined;
  if (any) collect(any, words, depth + 1, found);
  const same = level.next.get(word);
  if (same && word !== '+' && word !== '#') collect(same, words, depth + 1, found);
}
