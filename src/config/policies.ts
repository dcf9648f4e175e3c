// Policies of classes and criticalities: which rule gives each value, and whether the values of every combination make sense
// together. The result is the domain's.
import { type Policy, retryFloorMs } from '../domain/policy.ts';
import type { PolicyOrigin, PolicyRule, PolicySaying, PolicySet, SettledPolicy } from '../domain/policy-set.ts';
import { type Criticality, criticalities, type KeyMode } from '../domain/principal.ts';
import { formatDuration, parseDuration, parseSpan, type Span, spanMs } from '../domain/time.ts';
import { classDefaults, type RawClasses, type RawCriticalities } from './schema.ts';

/** A certificate shorter than this cannot be offered, requested, delivered and activated in time. */
const lifetimeLeastMs = 5_000;
/** The built-in overlap gives way to a shorter life, down to this share of it. */
const overlapShareMost = 0.25;
/** The built-in backdating gives way likewise. */
const backdateShareMost = 0.05;

type PolicyKey = keyof typeof classDefaults;
const policyKeys = Object.keys(classDefaults) as PolicyKey[];
type Values = RawClasses[string];

export interface PolicyFault {
  readonly path: readonly string[];
  readonly message: string;
}

/** Whose policy it is. */
interface Combination {
  readonly name: string;
  readonly criticality: Criticality;
}

interface Layer {
  readonly rule: PolicyRule;
  readonly values: Values | undefined;
}

/** What is written, and by whom. */
interface Written {
  readonly layers: readonly Layer[];
}

const builtIn: Values = { ...classDefaults, keyModes: [...classDefaults.keyModes] };

function layersOf({ name, criticality }: Combination, classes: RawClasses, careful: RawCriticalities): Written {
  const layers: Layer[] = [
    { rule: 'criticality', values: careful[criticality] },
    { rule: 'default', values: classes['default'] },
    { rule: 'built-in', values: builtIn },
  ];
  if (name !== 'default') layers.unshift({ rule: 'class', values: classes[name] });
  return { layers };
}

function wordsFor(value: string | number | boolean | readonly KeyMode[]): string {
  return Array.isArray(value) ? value.join(', ') : String(value);
}

function sayings({ layers }: Written, key: PolicyKey): [PolicySaying, ...PolicySaying[]] {
  const said = layers.flatMap(({ rule, values }): PolicySaying[] => {
    const value = values?.[key];
    return value === undefined ? [] : [{ rule, text: wordsFor(value) }];
  });
  const [first, ...rest] = said;
  if (!first) throw new Error(`${key} has no built-in value`);
  return [first, ...rest];
}

function valueIn<K extends PolicyKey>({ layers }: Written, key: K): NonNullable<Values[K]> {
  const value = layers.map(({ values }) => values?.[key]).find((each) => each !== undefined);
  if (value === undefined) throw new Error(`${key} has no built-in value`);
  return value;
}

function spanIn(written: Written, key: PolicyKey): Span {
  const [{ text }] = sayings(written, key);
  const span = parseSpan(text);
  // The schema has read it before; this is for a default that is no span.
  if (!span) throw new Error(`not a span: ${text}`);
  return span;
}

/** A built-in figure, kept below a share of the lifetime; one that somebody wrote is taken as it is. */
function capped(written: Written, key: PolicyKey, lifetimeMs: number, share: number): Span {
  const span = spanIn(written, key);
  if (sayings(written, key)[0].rule !== 'built-in') return span;
  return { kind: 'duration', ms: Math.min(spanMs(span, lifetimeMs), Math.floor(lifetimeMs * share)) };
}

function policyFrom(written: Written): Policy {
  const lifetimeMs = parseDuration(valueIn(written, 'lifetime')) ?? 0;
  return {
    lifetimeMs,
    renewAt: spanIn(written, 'renewAt'),
    spread: spanIn(written, 'spread'),
    overlap: capped(written, 'overlap', lifetimeMs, overlapShareMost),
    grace: spanIn(written, 'grace'),
    retryFirst: spanIn(written, 'retryFirst'),
    retryMax: spanIn(written, 'retryMax'),
    backdate: capped(written, 'backdate', lifetimeMs, backdateShareMost),
    requestsMax: valueIn(written, 'requestsMax'),
    keyModes: valueIn(written, 'keyModes'),
    keyAgeMaxMs: parseDuration(valueIn(written, 'keyAgeMax')) ?? 0,
    requireDeviceProof: valueIn(written, 'requireDeviceProof'),
    activateWithin: spanIn(written, 'activateWithin'),
    expiryWarning: spanIn(written, 'expiryWarning'),
    expiryAlarm: spanIn(written, 'expiryAlarm'),
    overdueAfter: spanIn(written, 'overdueAfter'),
  };
}

function originOf(written: Written, key: PolicyKey, policy: Policy): PolicyOrigin {
  const [{ rule, text }, ...overruled] = sayings(written, key);
  const taken = key === 'overlap' || key === 'backdate' ? policy[key] : null;
  const isCut = taken?.kind === 'duration' && taken.ms !== spanMs(spanIn(written, key), policy.lifetimeMs);
  return { key, text, rule, cutToMs: isCut ? taken.ms : null, overruled };
}

function settlePolicy(written: Written): SettledPolicy {
  const policy = policyFrom(written);
  return { policy, origins: policyKeys.map((key) => originOf(written, key, policy)) };
}

/** A value that does not fit, and the other that it does not fit to. */
interface Misfit {
  readonly key: PolicyKey;
  readonly message: string;
  readonly against?: PolicyKey;
}

function nonsense(policy: Policy): Misfit[] {
  const { lifetimeMs } = policy;
  const lifetime = formatDuration(lifetimeMs);
  if (lifetimeMs < lifetimeLeastMs) {
    return [{ key: 'lifetime', message: `${lifetimeMs} ms is shorter than ${formatDuration(lifetimeLeastMs)}` }];
  }
  const faults: Misfit[] = [];
  const backdateMs = spanMs(policy.backdate, lifetimeMs);
  const isLong = `it is longer than the lifetime, ${lifetime}`;
  if (backdateMs > lifetimeMs) faults.push({ key: 'backdate', message: isLong, against: 'lifetime' });
  // Renewal counts from notBefore, which lies `backdate` before the issuance.
  const wholeMs = lifetimeMs + backdateMs;
  const renewMs = spanMs(policy.renewAt, wholeMs);
  const earliestMs = renewMs - spanMs(policy.spread, wholeMs);
  if (spanMs(policy.renewAt, lifetimeMs) >= lifetimeMs) {
    const message = `it must come before the end of the lifetime, ${lifetime}`;
    faults.push({ key: 'renewAt', message, against: 'lifetime' });
  } else if (earliestMs <= backdateMs) {
    const [early, back] = [earliestMs, backdateMs].map((ms) => formatDuration(Math.max(0, ms)));
    const message = `a replacement would be due once it is issued: less the spread that is ${early} after notBefore, which lies ${back} (backdate) before the issuance`;
    faults.push({ key: 'renewAt', message });
  }
  if (spanMs(policy.overlap, lifetimeMs) > lifetimeMs) {
    faults.push({ key: 'overlap', message: isLong, against: 'lifetime' });
  }
  if (spanMs(policy.expiryAlarm, lifetimeMs) > spanMs(policy.expiryWarning, lifetimeMs)) {
    faults.push({ key: 'expiryAlarm', message: 'it is longer than expiryWarning', against: 'expiryWarning' });
  }
  const pauseMs = (span: Span): number => Math.max(spanMs(span, lifetimeMs), retryFloorMs);
  if (pauseMs(policy.retryFirst) > pauseMs(policy.retryMax)) {
    faults.push({ key: 'retryFirst', message: 'it is longer than retryMax', against: 'retryMax' });
  }
  return faults;
}

/** The place of a value, and in words where it came from; empty for the place that is named anyway. */
function whence(rule: PolicyRule, { name, criticality }: Combination, key: PolicyKey): [string[], string] {
  const here = ['classes', name, key];
  if (rule === 'criticality') return [['criticalities', criticality, key], `of criticality ${criticality}`];
  if (rule === 'class' || (rule === 'default' && name === 'default')) return [here, ''];
  return [here, rule === 'default' ? 'inherited from default' : 'the default'];
}

function faultOf(written: Written, combination: Combination, { key, message, against }: Misfit): PolicyFault {
  const [{ rule, text }] = sayings(written, key);
  const [path, origin] = whence(rule, combination, key);
  const other = against && whence(sayings(written, against)[0].rule, combination, against)[1];
  const words = rule === 'criticality' || origin === '' ? text : `${text}, ${origin},`;
  return { path, message: `${words} does not fit: ${message}${other ? ` (${other})` : ''}` };
}

/** What is wrong with the policies of a class. A fault that does not hang on the criticality is named once. */
function faultsOf(name: string, found: ReadonlyMap<Criticality, readonly PolicyFault[]>): PolicyFault[] {
  const faults = new Map<string, { fault: PolicyFault; of: Criticality[] }>();
  for (const [criticality, list] of found) {
    for (const fault of list) {
      const known = faults.get(JSON.stringify(fault));
      if (known) known.of.push(criticality);
      else faults.set(JSON.stringify(fault), { fault, of: [criticality] });
    }
  }
  return [...faults.values()].map(({ fault: { path, message }, of }) => {
    if (path[0] === 'criticalities') return { path, message: `${message}, in class ${name}` };
    return of.length === found.size
      ? { path, message }
      : { path, message: `${message}, at criticality ${of.join(', ')}` };
  });
}

/** Classes and criticalities that have a fault already: they, and all when the class `default` is one, are not judged further. */
export interface Unreadable {
  readonly classes: ReadonlySet<string>;
  readonly criticalities: ReadonlySet<string>;
}

/** Resolves every class, `default` among them whether it is written or not, at every criticality. */
export function resolvePolicies(
  classes: RawClasses,
  careful: RawCriticalities,
  unreadable: Unreadable,
): { policies: PolicySet; faults: PolicyFault[] } {
  const policies = new Map<string, Record<Criticality, SettledPolicy>>();
  const faults: PolicyFault[] = [];
  for (const name of new Set(['default', ...Object.keys(classes)])) {
    if (unreadable.classes.has(name) || unreadable.classes.has('default')) continue;
    const found = new Map<Criticality, PolicyFault[]>();
    const settled = criticalities.map((criticality): [Criticality, SettledPolicy] => {
      const combination = { name, criticality };
      const written = layersOf(combination, classes, careful);
      const of = settlePolicy(written);
      if (!unreadable.criticalities.has(criticality)) {
        found.set(
          criticality,
          nonsense(of.policy).map((each) => faultOf(written, combination, each)),
        );
      }
      return [criticality, of];
    });
    policies.set(name, Object.fromEntries(settled) as Record<Criticality, SettledPolicy>);
    faults.push(...faultsOf(name, found));
  }
  return { policies, faults };
}
