// Names that an operator gives: what could be none is refused, before anybody looks for it.
import { type FindingKind, findingKinds } from '../../domain/finding.ts';
import { type PrincipalId, parsePrincipalId, principalIdRule } from '../../domain/principal.ts';
import { type RenewalState, renewalStates } from '../../domain/renewal.ts';
import { type Instant, parseDate } from '../../domain/time.ts';
import { OperationError } from '../operation-error.ts';

export function idOf(text: string): PrincipalId {
  const id = parsePrincipalId(text);
  if (!id) throw new OperationError('invalid', [`id: not an id: ${principalIdRule}`]);
  return id;
}

export function instantOf(key: string, text: string): Instant {
  const instant = parseDate(text);
  if (instant !== null) return instant;
  throw new OperationError('invalid', [
    `${key}: not a date such as 2030-01-31, or a time such as 2030-01-31T12:00:00Z`,
  ]);
}

export function findingKindOf(text: string): FindingKind {
  if (Object.hasOwn(findingKinds, text)) return text as FindingKind;
  throw new OperationError('invalid', [`kind: not one of ${Object.keys(findingKinds).join(', ')}`]);
}

export function renewalStateOf(text: string): RenewalState {
  const state = renewalStates.find((candidate) => candidate === text);
  if (!state) throw new OperationError('invalid', [`state: not one of ${renewalStates.join(', ')}`]);
  return state;
}
