// What a session may publish, subscribe to and receive. Deny by default: a list of patterns allows, nothing else does.
import { type Principal, type PrincipalId, type PrincipalKind, parsePrincipalId } from './principal.ts';
import { alertRoot, covers, downWords, enrollmentRoot, enrollmentTopic, isFilter, matches, upWords } from './topics.ts';

/** Stands for a whole level of a pattern: the id of a device whose telemetry a delegation lets the site gateway carry. */
export const delegatedLevel = '{delegated}';

/** Topic patterns; `{id}` stands for the principal's own id, and {@link delegatedLevel} for those of others. */
export interface AccessTemplate {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

/** A template a kind, and the own lists of single services. */
export interface AccessRules {
  readonly kinds: Readonly<Record<PrincipalKind, AccessTemplate>>;
  readonly principals: ReadonlyMap<string, AccessTemplate>;
}

export const defaultTemplates: Readonly<Record<PrincipalKind, AccessTemplate>> = {
  device: { publish: ['devices/{id}/#'], subscribe: ['devices/{id}/#'] },
  gateway: {
    publish: ['devices/{id}/#', 'gateways/{id}/#', 'devices/{delegated}/#'],
    subscribe: ['devices/{id}/#', 'gateways/{id}/#', 'devices/{delegated}/#'],
  },
  service: { publish: [], subscribe: [] },
};

/** The expanded patterns of one session. */
export interface Access {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
  /**
   * What it may be handed without a further question. A gateway may ask for more: what is said to the devices it speaks
   * for changes with their delegations, and is judged message by message.
   */
  readonly receive: readonly string[];
  /**
   * Patterns that hold {@link delegatedLevel}: where a gateway may publish and what it may be handed as far as its delegations say so,
   * which is judged message by message too.
   */
  readonly delegated: { readonly publish: readonly string[]; readonly receive: readonly string[] };
}

const nothingDelegated: Access['delegated'] = { publish: [], receive: [] };

function enrollmentAccess(id: PrincipalId): Access {
  const down = [`${enrollmentRoot}${id}/#`];
  const publish = upWords.map((word) => enrollmentTopic(id, word));
  return { publish, subscribe: down, receive: down, delegated: nothingDelegated };
}

/** Where a gateway may speak and ask for others at all. For whom it does is judged at each message. */
const speaking = {
  publish: upWords.map((word) => `${enrollmentRoot}+/${word}`),
  subscribe: [`${enrollmentRoot}#`],
};

/** The patterns of a session of this principal in this lane. The renew-only lane holds its own enrollment topics alone. */
export function accessOf(principal: Principal, lane: 'full' | 'renew-only', rules: AccessRules): Access {
  const own = enrollmentAccess(principal.id);
  if (lane === 'renew-only') return own;
  const template = rules.principals.get(principal.id) ?? rules.kinds[principal.kind];
  const expand = (pattern: string): string => pattern.replaceAll('{id}', principal.id);
  // Alerts name devices and their owners: no list opens them to anything but a service.
  const mayHear = (pattern: string): boolean => principal.kind === 'service' || !isOfGateway(pattern);
  const publish = template.publish.map(expand);
  const subscribe = template.subscribe.map(expand).filter(mayHear);
  const access = {
    publish: [...own.publish, ...publish.filter(isPlain)],
    subscribe: [...own.subscribe, ...subscribe.filter(isPlain)],
    receive: [...own.receive, ...subscribe.filter(isPlain)],
  };
  if (principal.kind !== 'gateway') return { ...access, delegated: nothingDelegated };
  const delegated = { publish: publish.filter(isDelegated), receive: subscribe.filter(isDelegated) };
  return {
    publish: [...access.publish, ...speaking.publish],
    subscribe: [...access.subscribe, ...speaking.subscribe, ...delegated.receive.map(filterOf)],
    receive: access.receive,
    delegated,
  };
}

function isDelegated(pattern: string): boolean {
  return pattern.includes(delegatedLevel);
}

function isPlain(pattern: string): boolean {
  return !isDelegated(pattern);
}

/** The filter that matches what a pattern with {@link delegatedLevel} matches for any device. */
export function filterOf(pattern: string): string {
  return pattern.replace(delegatedLevel, '+');
}

/** The device whose topic it is, by a pattern with {@link delegatedLevel}; null: the pattern does not match, or nobody can have that id. */
export function delegatedIn(pattern: string, topic: string): PrincipalId | null {
  if (!matches(filterOf(pattern), topic)) return null;
  return parsePrincipalId(topic.split('/')[pattern.split('/').indexOf(delegatedLevel)]);
}

const ownRoot = alertRoot.slice(0, alertRoot.indexOf('/'));

/** Does a pattern ask for what the broker itself says to services? Wildcards do not reach there. */
function isOfGateway(pattern: string): boolean {
  return pattern === ownRoot || pattern.startsWith(`${ownRoot}/`);
}

export function mayPublish(access: Access, topic: string): boolean {
  return access.publish.some((pattern) => matches(pattern, topic));
}

export function maySubscribe(access: Access, filter: string): boolean {
  return isFilter(filter) && access.subscribe.some((pattern) => covers(pattern, filter));
}

/** Judged for every message handed to a session, whatever subscription brought it there. */
export function mayReceive(access: Access, topic: string): boolean {
  return access.receive.some((pattern) => matches(pattern, topic));
}

const downWordSet: ReadonlySet<string> = new Set(downWords);

/** Does a subscription to `filter` ask for the messages the broker sends to `id`, or without one to anybody? */
export function asksForEnrollment(filter: string, id?: PrincipalId): boolean {
  if (!filter.startsWith(enrollmentRoot)) return false;
  const tail = filter.slice(enrollmentRoot.length);
  const slash = tail.indexOf('/');
  const [who, what] = slash < 0 ? [tail, ''] : [tail.slice(0, slash), tail.slice(slash + 1)];
  if (who === '#') return true;
  if (id !== undefined && who !== id && who !== '+') return false;
  return what === '#' || what === '+' || downWordSet.has(what);
}
