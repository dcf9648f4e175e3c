// How a root and a step that waits for its release are worded.
import type { AskedRootView, RootView } from '../app/views/trust-roots.ts';
import { cell, moment } from './output.ts';

export function rootRows(
  { number, state, notAfter, fingerprint, sequence, port }: RootView,
  now: number,
): [string, string][] {
  return [
    ['root', String(number)],
    ['state', state],
    ['ends', moment(notAfter, now)],
    ['SHA-256', fingerprint],
    ['sequence', cell(sequence)],
    ['port', cell(port)],
  ];
}

export function askedRootWords({ release }: AskedRootView): string {
  return `nothing has changed yet. To carry it out:\n  ${release}\n`;
}
