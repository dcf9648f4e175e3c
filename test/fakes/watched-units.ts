// Watches for keys that are made, and signatures that are made or verified, within a unit of work: they take long, and an engine may run
// a unit again. Node's own entry points are watched, so no way to them through a package is missed.
import { AsyncLocalStorage } from 'node:async_hooks';
import crypto, { webcrypto } from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import type { Store } from '../../src/ports/store.ts';

type Call = (this: unknown, ...given: unknown[]) => unknown;

/** Of `node:crypto`, all that makes a key or a signature or verifies one. */
const functions = [
  'generateKeyPair',
  'generateKeyPairSync',
  'generateKey',
  'generateKeySync',
  'createECDH',
  'createDiffieHellman',
  'diffieHellman',
  'sign',
  'verify',
  'createSign',
  'createVerify',
] as const;
const subtleMethods = ['generateKey', 'sign', 'verify', 'deriveBits', 'deriveKey'] as const;

/** What was seen. A worker has one, whatever files it runs and whatever they load anew. */
interface Seen {
  readonly unit: AsyncLocalStorage<true>;
  /** Of each call within a unit: its name, and where in `src` it comes from. */
  inside: string[];
  /** Calls outside of every unit, by name. */
  readonly outside: Map<string, number>;
  units: number;
}

const place = Symbol.for('nolapse.test.watched-units');
type Holder = { [place]?: Seen };

function note(seen: Seen, name: string): void {
  if (seen.unit.getStore() === undefined) {
    seen.outside.set(name, (seen.outside.get(name) ?? 0) + 1);
    return;
  }
  const frames = new Error().stack?.split('\n').filter((line) => line.includes('/src/')) ?? [];
  seen.inside.push([name, ...frames.slice(0, 10).map((line) => line.trim())].join(' '));
}

function watch(seen: Seen, owner: object, name: string, label: string): void {
  const whole = Object.getOwnPropertyDescriptor(owner, name);
  const original = whole?.value as Call | undefined;
  if (!whole || typeof original !== 'function') throw new Error(`${label} is no function that can be watched`);
  const watched: Call = function (...given) {
    note(seen, label);
    return original.apply(this, given);
  };
  // How `promisify` treats it is written on the function.
  Object.defineProperties(watched, Object.getOwnPropertyDescriptors(original));
  Object.defineProperty(owner, name, { ...whole, value: watched });
}

function begin(): Seen {
  const seen: Seen = { unit: new AsyncLocalStorage(), inside: [], outside: new Map(), units: 0 };
  for (const name of functions) watch(seen, crypto, name, name);
  watch(seen, crypto.X509Certificate.prototype, 'verify', 'X509Certificate.verify');
  const subtle = Object.getPrototypeOf(webcrypto.subtle) as object;
  for (const name of subtleMethods) watch(seen, subtle, name, `subtle.${name}`);
  syncBuiltinESMExports();
  return seen;
}

const holder = globalThis as Holder;

/** Begins to watch, unless that was done. To be called before anything of `src` is loaded: what is held on to earlier is not watched. */
export function watchUnits(): void {
  holder[place] ??= begin();
}

/** A store whose units of work are watched, where {@link watchUnits} was called. */
export function watched(store: Store): Store {
  const seen = holder[place];
  if (!seen) return store;
  const transact: Store['transact'] = (work, pace) =>
    store.transact((tx) => {
      seen.units += 1;
      return seen.unit.run(true, () => work(tx));
    }, pace);
  return Object.assign(Object.create(store) as Store, { transact });
}

function seenHere(): Seen {
  const seen = holder[place];
  if (!seen) throw new Error('no units are watched: test/units.setup.ts begins it');
  return seen;
}

/** What was called within units since this was asked last. */
export function takeInside(): readonly string[] {
  const seen = seenHere();
  const { inside } = seen;
  seen.inside = [];
  return inside;
}

/** How many units were run until now, and how often each was called outside of them. */
export function watchedSoFar(): { readonly units: number; readonly outside: ReadonlyMap<string, number> } {
  const { units, outside } = seenHere();
  return { units, outside: new Map(outside) };
}
