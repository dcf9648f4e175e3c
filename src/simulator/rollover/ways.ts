// The ways to roll a root over: what each port serves at each time. The broker's own asks the slots.
import type { Fingerprint } from '../../domain/certificate.ts';
import {
  afterPrepare,
  afterRootStep,
  portPlan,
  type RootSlot,
  rootPolicyDefault,
  warnFrom,
} from '../../domain/root-slots.ts';
import { day, year } from '../lapses/world.ts';

export const ports = { first: 8_883, second: 8_885 } as const;

/** `old`, `next`: the chain to that root alone. The others: the next root's chain with a cross certificate by the old root. */
export type Chain = 'old' | 'next' | 'cross, path length 1' | 'cross, no path length';

/** When the next root is announced, and when the old one ends. Milliseconds from the beginning of the simulated time. */
export interface Dates {
  readonly distributedAt: number;
  readonly endsAt: number;
}

export interface Way {
  readonly name: string;
  /** What each port serves; one that is not there is closed. */
  readonly serves: (now: number) => ReadonlyMap<number, Chain>;
  /** When that changes. */
  readonly changes: readonly number[];
  /** From when on it is told who will not make it; null: nobody knows. */
  readonly warnsFrom: number | null;
}

const onFirst = (chain: Chain): ReadonlyMap<number, Chain> => new Map([[ports.first, chain]]);

/** On a day, the one port serves the next root's chain alone. */
function switchAfter(days: number, { distributedAt }: Dates): Way {
  const at = distributedAt + days * day;
  const [before, after] = [onFirst('old'), onFirst('next')];
  return {
    name: `switch on a date, ${days} days after`,
    serves: (now) => (now < at ? before : after),
    changes: [at],
    warnsFrom: null,
  };
}

/** On a day, the one port serves the next root's chain with a cross certificate, until the old root has ended. */
function crossAfter(days: number, chain: Chain & `cross${string}`, { distributedAt, endsAt }: Dates): Way {
  const at = distributedAt + days * day;
  const [before, between, after] = [onFirst('old'), onFirst(chain), onFirst('next')];
  return {
    name: chain.replace('cross', 'cross certificate'),
    serves: (now) => (now < at ? before : now < endsAt ? between : after),
    changes: [at, endsAt],
    warnsFrom: null,
  };
}

/** Two ports, and the old root until it has ended: it becomes the former one when those who will not make it are named. */
function bySlots({ distributedAt, endsAt }: Dates): Way {
  const root = (number: number): Fingerprint => String(number).repeat(64) as Fingerprint;
  const first: RootSlot = {
    ...{ number: 1, state: 'current', fingerprint: root(1), notBefore: endsAt - 20 * year, notAfter: endsAt },
    ...{ preparedAt: 0, distributedAt: 0, activatedAt: 0 },
  };
  const made = { fingerprint: root(2), notBefore: distributedAt, notAfter: distributedAt + 20 * year };
  const prepared = afterPrepare([first], made, distributedAt);
  const distributed = afterRootStep(prepared, 'distribute', distributedAt);
  const warnsFrom = warnFrom(first, rootPolicyDefault);
  const activated = afterRootStep(distributed, 'activate', warnsFrom);
  const slotsAt = (now: number): readonly RootSlot[] => {
    if (now < distributedAt) return [first];
    return now < warnsFrom ? distributed : activated;
  };
  const chainOf = (number: number): Chain => (number === 1 ? 'old' : 'next');
  const changes = [distributedAt, warnsFrom, endsAt];
  const plans = [0, ...changes].map((at) => {
    const { first: one, second } = portPlan(slotsAt(at), 0, at);
    const served: [number, Chain][] = [[ports.first, chainOf(one)]];
    if (second !== null) served.push([ports.second, chainOf(second)]);
    return new Map(served);
  });
  return {
    name: 'two ports, and proof',
    serves: (now) => plans[changes.filter((at) => at <= now).length] ?? onFirst('old'),
    changes,
    warnsFrom,
  };
}

export function waysFor(dates: Dates): readonly Way[] {
  return [
    switchAfter(30, dates),
    switchAfter(90, dates),
    switchAfter(365, dates),
    crossAfter(90, 'cross, path length 1', dates),
    crossAfter(90, 'cross, no path length', dates),
    bySlots(dates),
  ];
}
