// Every arrow of the renewal's state machine, found by walking it from its beginning: what a diagram of it has to show.
import type { Fingerprint } from '../../src/domain/certificate.ts';
import { advance, isOpen, type Renewal, type RenewalEvent } from '../../src/domain/renewal.ts';
import { day, fingerprintB, noon, policy, renewal } from './samples.ts';

const [key, otherKey] = ['d', 'e'].map((digit) => digit.repeat(64) as Fingerprint) as [Fingerprint, Fingerprint];

const events: readonly RenewalEvent[] = [
  { type: 'due' },
  { type: 'offered' },
  { type: 'requested', requestKey: key },
  { type: 'requested', requestKey: otherKey },
  { type: 'issued', fingerprint: fingerprintB },
  { type: 'delivered' },
  { type: 'installed' },
  { type: 'failed', code: 'x', detail: 'y' },
  { type: 'activated', overlapUntil: noon + day },
  { type: 'confirmed' },
  { type: 'retired' },
  { type: 'cancelled', detail: 'z' },
  { type: 'expired' },
  { type: 'closed' },
];

/** What tells two moments of a renewal apart; counts and times do not. */
function momentOf({ mode, state, newFingerprint, requestKey, lapsedAt, requests }: Renewal): string {
  return JSON.stringify([mode, state, newFingerprint, requestKey, lapsedAt !== null, requests]);
}

/** `from --> to` for every change of state that some sequence of events brings about, in every key mode. */
export function arrows(): { readonly steps: Set<string>; readonly openStates: Set<string> } {
  const steps = new Set<string>();
  const openStates = new Set<string>();
  const seen = new Set<string>();
  const waiting = (['csr', 'recertify', 'keygen'] as const).map((mode) => renewal({ mode }));
  for (let current = waiting.pop(); current; current = waiting.pop()) {
    if (seen.has(momentOf(current))) continue;
    seen.add(momentOf(current));
    if (isOpen(current)) openStates.add(current.state);
    for (const event of events) {
      const transition = advance(current, event, policy, noon);
      if (transition.kind !== 'changed') continue;
      if (transition.renewal.state !== current.state) steps.add(`${current.state} --> ${transition.renewal.state}`);
      waiting.push(transition.renewal);
    }
  }
  return { steps, openStates };
}
