// What differs between the devices of a fleet when its root rolls over: the TLS stack, room for roots, the way out, and what goes
// wrong. The shares are made up to cover the range; what each stack does was measured.
import { chance } from '../lapses/random.ts';

/** With which roots a stack verifies a chain that has the next root's issuing CA and a cross certificate by the old root. */
export interface CrossSupport {
  /** With the old root alone, the next alone, and both. */
  readonly old: boolean;
  readonly next: boolean;
  readonly both: boolean;
}

interface Stack {
  readonly name: string;
  /** Where the old root has a path length of 1, and where it has none. */
  readonly limited: CrossSupport;
  readonly unlimited: CrossSupport;
}

const everything: CrossSupport = { old: true, next: true, both: true };
const notOld: CrossSupport = { ...everything, old: false };
const usual = (name: string): Stack => ({ name, limited: notOld, unlimited: everything });

/** The stacks that were measured, one configuration each. All of them verify a chain without a cross by any root that they hold. */
export const stacks: readonly Stack[] = [
  ...['OpenSSL 3', 'OpenSSL 3, partial chain', 'OpenSSL 3, strict', 'curl', 'mosquitto', 'Node'].map(usual),
  ...['Python 3.11', 'Python, strict', 'NSS', 'Go', 'mbedTLS 2.28', 'MicroPython 1.25'].map(usual),
  { name: 'GnuTLS 3.7', limited: { ...notOld, both: false }, unlimited: everything },
  { name: 'OpenSSL 1.0.2', limited: { ...notOld, both: false }, unlimited: everything },
  { name: 'Java 17', limited: everything, unlimited: everything },
  { name: 'BearSSL 0.6', limited: everything, unlimited: everything },
  { name: 'wolfSSL 5.5, Debian', limited: everything, unlimited: everything },
  {
    name: 'wolfSSL 5.5, its own defaults',
    limited: { ...everything, next: false },
    unlimited: { old: true, next: false, both: false },
  },
];

/** Parts of the fleet. */
export const shares = {
  /** TLS stacks that take one root at a time. */
  oneSlot: 0.25,
  /** Firmware that does not know of steps and takes none. */
  takesNone: 0.01,
  /** Devices that keep the next root in a way that their stack cannot use, and do not notice. */
  unusable: 0.005,
  /** Sites whose firewall lets the first port through and no other. */
  onePort: 0.02,
} as const;

export interface Traits {
  readonly stack: Stack;
  /** Roots that its stack takes at once. */
  readonly together: 1 | 2;
  readonly takesSteps: boolean;
  readonly usesNext: boolean;
  readonly reachesSecondPort: boolean;
}

/** The same for the same seed, whatever else is asked. */
export function traitsOf(seed: number, index: number): Traits {
  const at = (what: number): number => chance(seed ^ 0x7a17, index, what);
  const stack = stacks[Math.floor(at(1) * stacks.length)] ?? stacks[0];
  if (!stack) throw new RangeError('there are no stacks');
  return {
    stack,
    together: at(2) < shares.oneSlot ? 1 : 2,
    takesSteps: at(3) >= shares.takesNone,
    usesNext: at(4) >= shares.unusable,
    reachesSecondPort: at(5) >= shares.onePort,
  };
}
