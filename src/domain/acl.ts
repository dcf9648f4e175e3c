// What a session may publish, subscribe to and receive. Deny by default: a list of patterns allows, nothing else does.
import type { Principal, PrincipalId, PrincipalKind } from './principal.ts';
import { alertRoot, covers, downWords, enrollmentRoot, enrollmentTopic, isFilter, matches, upWords } from './topics.ts';

/** Topic patterns; `{id}` stands for the principal's own id. */
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
  gateway: { publish: ['devices/{id}/#', 'gateways/{id}/#'], subscribe: ['devices/{id}/#', 'gateways/{id}/#'] },
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
}

function enrollmentAccess(id: PrincipalId): Access {
  const down = [`${enrollmentRoot}${id}/#`];
  return { publish: upWords.map((word) => enrollmentTopic(id, word)), subscribe: down, receive: down };
}

/** Where a gateway may speak and ask for others at all. For whom it does is judged at each message. */
const speaking: Access = {
  publish: upWords.map((word) => `${enrollmentRoot}+/${word}`),
  subscribe: [`${enrollmentRoot}#`],
  receive: [],
};

/** The patterns of a session of this principal in this lane. The renew-only lane holds its own enrollment topics alone. */
export function accessOf(principal: Principal, lane: 'full' | 'renew-only', rules: AccessRules): Access {
  const own = enrollmentAccess(principal.id);
  if (lane === 'renew-only') return own;
  const template = rules.principals.get(principal.id) ?? rules.kinds[principal.kind];
  const expand = (pattern: string): string => pattern.replaceAll('{id}', principal.id);
  const others = principal.kind === 'gateway' ? speaking : { publish: [], subscribe: [] };
  // Alerts name devices and their owners: no list opens them to anything but a service.
  const mayHear = (pattern: string): boolean => principal.kind === 'service' || !isOfGateway(pattern);
  const subscribe = template.subscribe.map(expand).filter(mayHear);
  return {
    publish: [...own.publish, ...others.publish, ...template.publish.map(expand)],
    subscribe: [...own.subscribe, ...others.subscribe, ...subscribe],
    receive: [...own.receive, ...subscribe],
  };
}

const ownRoot = alertRoot.slice(0, alertRoot.indexOf('/'));

/** Does a pattern ask for what the gateway itself says to services? Wildcards do not reach there. */
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

/** Does a subscription to `filter` ask for the messages the gateway sends to `id`, or without one to anybody? */
export function asksForEnrollment(filter: string, id?: PrincipalId): boolean {
  if (!filter.startsWith(enrollmentRoot)) return false;
  const tail = filter.slice(enrollmentRoot.length);
  const slash = tail.indexOf('/');
  const [who, what] = slash < 0 ? [tail, ''] : [tail.slice(0, slash), tail.slice(slash + 1)];
  if (who === '#') return true;
  if (id !== undefined && who !== id && who !== '+') return false;
  return what === '#' || what === '+' || downWordSet.has(what);
}
