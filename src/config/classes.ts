// Classes of devices: what each inherits, and whether its figures make sense together. The result is the domain's Policy.
import type { Policy, PolicySet } from '../domain/policy.ts';
import type { Criticality } from '../domain/principal.ts';
import { formatDuration, parseDuration, parseSpan, type Span, spanMs } from '../domain/time.ts';
import { classDefaults, type RawClasses } from './schema.ts';

/** A certificate shorter than this cannot be offered, requested, delivered and activated in time. */
const lifetimeLeastMs = 5_000;
/** The built-in overlap gives way to a shorter life, down to this share of it. */
const overlapShareMost = 0.25;
/** The built-in backdating gives way likewise. */
const backdateShareMost = 0.05;

type ClassKey = keyof typeof classDefaults;
type RawClass = RawClasses[string];

export interface ClassFault {
  readonly path: readonly string[];
  readonly message: string;
}

interface Written {
  readonly text: string;
  /** In the class itself, inherited from `default`, or not written anywhere. */
  readonly from: 'own' | 'default' | 'built-in';
}

function written(own: RawClass | undefined, base: RawClass | undefined, key: ClassKey): Written {
  const mine = own?.[key];
  if (mine !== undefined) return { text: String(mine), from: 'own' };
  const inherited = base?.[key];
  if (inherited !== undefined) return { text: String(inherited), from: 'default' };
  return { text: String(classDefaults[key]), from: 'built-in' };
}

function toSpan(text: string): Span {
  const span = parseSpan(text);
  // The schema has read it before; this is for a default that is no span.
  if (!span) throw new Error(`not a span: ${text}`);
  return span;
}

/** A built-in figure, kept below a share of the lifetime; one that somebody wrote is taken as it is. */
function capped(value: Written, lifetimeMs: number, share: number): Span {
  const span = toSpan(value.text);
  if (value.from !== 'built-in') return span;
  return { kind: 'duration', ms: Math.min(spanMs(span, lifetimeMs), Math.floor(lifetimeMs * share)) };
}

function policyFrom(own: RawClass | undefined, base: RawClass | undefined): Policy {
  const read = (key: ClassKey): Written => written(own, base, key);
  const lifetimeMs = parseDuration(read('lifetime').text) ?? 0;
  return {
    lifetimeMs,
    renewAt: toSpan(read('renewAt').text),
    spread: toSpan(read('spread').text),
    overlap: capped(read('overlap'), lifetimeMs, overlapShareMost),
    grace: toSpan(read('grace').text),
    retryFirst: toSpan(read('retryFirst').text),
    retryMax: toSpan(read('retryMax').text),
    backdate: capped(read('backdate'), lifetimeMs, backdateShareMost),
    requestsMax: Number(read('requestsMax').text),
    keyModes: own?.keyModes ?? base?.keyModes ?? classDefaults.keyModes,
    keyAgeMaxMs: parseDuration(read('keyAgeMax').text) ?? 0,
    requireDeviceProof: own?.requireDeviceProof ?? base?.requireDeviceProof ?? classDefaults.requireDeviceProof,
    activateWithin: toSpan(read('activateWithin').text),
    expiryWarning: toSpan(read('expiryWarning').text),
    expiryAlarm: toSpan(read('expiryAlarm').text),
    overdueAfter: toSpan(read('overdueAfter').text),
  };
}

function nonsense(policy: Policy): [ClassKey, string][] {
  const { lifetimeMs } = policy;
  const lifetime = formatDuration(lifetimeMs);
  if (lifetimeMs < lifetimeLeastMs) {
    return [['lifetime', `${lifetimeMs} ms is shorter than ${formatDuration(lifetimeLeastMs)}`]];
  }
  const faults: [ClassKey, string][] = [];
  const backdateMs = spanMs(policy.backdate, lifetimeMs);
  if (backdateMs > lifetimeMs) faults.push(['backdate', `it is longer than the lifetime, ${lifetime}`]);
  // Renewal counts from notBefore, which lies `backdate` before the issuance.
  const wholeMs = lifetimeMs + backdateMs;
  const renewMs = spanMs(policy.renewAt, wholeMs);
  const earliestMs = renewMs - spanMs(policy.spread, wholeMs);
  if (spanMs(policy.renewAt, lifetimeMs) >= lifetimeMs) {
    faults.push(['renewAt', `it must come before the end of the lifetime, ${lifetime}`]);
  } else if (earliestMs <= backdateMs) {
    faults.push(['renewAt', 'less the spread it is not later than backdate: a replacement would be due once issued']);
  }
  if (spanMs(policy.overlap, lifetimeMs) > lifetimeMs) {
    faults.push(['overlap', `it is longer than the lifetime, ${lifetime}`]);
  }
  if (spanMs(policy.expiryAlarm, lifetimeMs) > spanMs(policy.expiryWarning, lifetimeMs)) {
    faults.push(['expiryAlarm', 'it is longer than expiryWarning']);
  }
  return faults;
}

/**
 * Resolves every class, `default` among them whether it is written or not.
 * @param unreadable names of classes that already have a fault: they, and all when `default` is one, are not judged further.
 */
export function resolveClasses(
  raw: RawClasses,
  unreadable: ReadonlySet<string>,
): { policies: PolicySet; faults: ClassFault[] } {
  const policies = new Map<string, Record<Criticality, Policy>>();
  const faults: ClassFault[] = [];
  const base = raw['default'];
  for (const name of new Set(['default', ...Object.keys(raw)])) {
    if (unreadable.has(name) || unreadable.has('default')) continue;
    const policy = policyFrom(raw[name], base);
    policies.set(name, { low: policy, medium: policy, high: policy, critical: policy });
    for (const [key, message] of nonsense(policy)) {
      const { text, from } = written(raw[name], base, key);
      const whence = from === 'own' ? '' : from === 'default' ? ', inherited from default,' : ', the default,';
      faults.push({ path: ['classes', name, key], message: `${text}${whence} does not fit: ${message}` });
    }
  }
  return { policies, faults };
}
