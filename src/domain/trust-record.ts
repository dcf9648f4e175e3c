// What is kept of one principal's way to the next roots: the step it was offered, whether it keeps the root that the step names, and under
// which root it connects. Proved is a root by nothing but a CONNECT with the principal's own certificate on a port that shows the root's
// chain: not by a handshake, not by whom an anchor introduced, and not by what is said. Where nothing changes, the same value comes back.
import type { PrincipalId, PrincipalStatus } from './principal.ts';
import type { Instant } from './time.ts';
import { type Confirmation, chancesLeast, type TrustProgress } from './trust-proof.ts';

/** Roots of a home are numbered from 1. Whoever was never offered another one has the first. */
export const firstRoot = 1;
/** The number that no root has: of a port whose chain nobody can trust. */
export const controlRoot = 0;

export interface OfferedStep {
  /** Of the step, as {@link TrustStep} has it. */
  readonly sequence: number;
  /** The number of the root that it names. */
  readonly root: number;
  readonly at: Instant;
}

export interface StoredStep extends OfferedStep {
  /** The site gateway that said so; null: the principal itself did. */
  readonly by: PrincipalId | null;
}

/** How it fared on a port whose chain nobody can trust. */
export const controlVerdicts = ['passed', 'does_not_verify'] as const;
export type ControlVerdict = (typeof controlVerdicts)[number];

export interface TrustRecord {
  readonly principalId: PrincipalId;
  /** The newest step it was offered; null: none. */
  readonly offered: OfferedStep | null;
  /** The newest step it said it keeps, or its site gateway said for it; null: none, or none since a proof was reopened. */
  readonly stored: StoredStep | null;
  /**
   * The root under which it connected last, and since when it does; null: it never connected under another than the first. It is what is
   * proved: an older root reopens the proof of a newer one.
   */
  readonly last: { readonly root: number; readonly at: Instant } | null;
  /** When it last connected under an older root than the time before; null: never. */
  readonly reopenedAt: Instant | null;
  /** CONNECTs since it came as far as it is on its way to a root; no more of them are counted than tell whether it is stuck. */
  readonly visits: number;
  readonly control: { readonly verdict: ControlVerdict; readonly at: Instant } | null;
}

/** What is known of somebody of whom nothing is kept. */
export function noRecord(principalId: PrincipalId): TrustRecord {
  return { principalId, offered: null, stored: null, last: null, reopenedAt: null, visits: 0, control: null };
}

/** The root under which it connected last; {@link firstRoot} also where it never did. */
export function lastRoot({ last }: Pick<TrustRecord, 'last'>): number {
  return last?.root ?? firstRoot;
}

/** How far it is on its way to a root. Whoever has proved a newer one needs the older no more. */
export function confirmationTowards(record: TrustRecord, root: number): Confirmation {
  if (lastRoot(record) >= root) return 'proved';
  if (record.stored?.root === root) return 'stored';
  return record.offered?.root === root ? 'offered' : 'none';
}

/** The newest root that it was offered or keeps and has not proved, and how far it is; null: none. */
export function underWay(record: TrustRecord): { readonly root: number; readonly isStored: boolean } | null {
  const root = Math.max(record.offered?.root ?? 0, record.stored?.root ?? 0);
  return root > lastRoot(record) ? { root, isStored: record.stored?.root === root } : null;
}

/** The same with its times, as the forecast of who will not make it takes it. */
export function progressTowards(record: TrustRecord, root: number): TrustProgress {
  const { offered, stored, last, reopenedAt, visits } = record;
  const isProved = lastRoot(record) >= root;
  return {
    offeredAt: offered?.root === root ? offered.at : null,
    storedAt: stored?.root === root ? stored.at : null,
    provedAt: isProved ? (last?.at ?? 0) : null,
    reopenedAt,
    visits: underWay(record)?.root === root ? visits : 0,
  };
}

/** What tells whether a CONNECT changes what is kept: where it does not, nothing else need be read, and nothing is written. */
export interface TrustGlance {
  /** As {@link lastRoot} has it. */
  readonly last: number;
  /** Is it on its way to a root, and are its visits still counted? */
  readonly isCounted: boolean;
}

export function glanceAt(record: TrustRecord): TrustGlance {
  return { last: lastRoot(record), isCounted: underWay(record) !== null && record.visits < chancesLeast };
}

export function isNews({ last, isCounted }: TrustGlance, root: number): boolean {
  return root !== controlRoot && (root !== last || isCounted);
}

/** Who was admitted, as far as a proof goes by it. */
export interface TrustConnection {
  readonly principalId: PrincipalId;
  /** The number of the root whose chain its port showed. */
  readonly root: number;
  /** Did an anchor let it in? Then it has shown no certificate of its own. */
  readonly introduced: boolean;
}

/**
 * After a CONNECT that was admitted, to the full lane or to renew only. A newer root than it came under before is proved by it. An older one
 * reopens the proof, because the device may have been reset, or restored from an image, and have forgotten the root.
 */
export function afterConnect(record: TrustRecord, connection: TrustConnection, now: Instant): TrustRecord {
  const { principalId, root, introduced } = connection;
  if (introduced || principalId !== record.principalId || !isNews(glanceAt(record), root)) return record;
  const before = lastRoot(record);
  if (root === before) return { ...record, visits: record.visits + 1 };
  const after: TrustRecord = { ...record, last: { root, at: now }, visits: 0 };
  return root > before ? after : { ...after, stored: null, reopenedAt: now };
}

/** A step that names the root was announced to it. What was announced before, or is proved, is no news. */
export function afterOffer(record: TrustRecord, step: Omit<OfferedStep, 'at'>, now: Instant): TrustRecord {
  const isKnown = (record.offered?.sequence ?? 0) >= step.sequence || lastRoot(record) >= step.root;
  return isKnown ? record : { ...record, offered: { ...step, at: now }, visits: 0 };
}

export type Acknowledged =
  | { readonly outcome: 'taken'; readonly record: TrustRecord }
  /** It was never offered a step of this sequence: the word counts for nothing. */
  | { readonly outcome: 'not_offered' };

/**
 * It says, or its site gateway says for it, that it keeps the root that the offered step names. Its own word replaces a gateway's. Nobody's
 * word proves anything.
 * @param by the site gateway that said so; null: it said so itself.
 */
export function afterStored(record: TrustRecord, sequence: number, by: PrincipalId | null, now: Instant): Acknowledged {
  const { offered, stored } = record;
  if (offered?.sequence !== sequence) return { outcome: 'not_offered' };
  const isRepeated = stored?.sequence === sequence;
  if (isRepeated && (stored.by === null || by !== null)) return { outcome: 'taken', record };
  const visits = isRepeated ? record.visits : 0;
  return { outcome: 'taken', record: { ...record, stored: { sequence, root: offered.root, at: now, by }, visits } };
}

/** It verifies the broker, or does not. The newest word counts: another firmware may verify what the one before did not. */
export function afterControl(record: TrustRecord, verdict: ControlVerdict, now: Instant): TrustRecord {
  return record.control?.verdict === verdict ? record : { ...record, control: { verdict, at: now } };
}

/** What decides whether a root may be activated before somebody has proved it. */
export interface Gating {
  readonly status: PrincipalStatus;
  /** Did it ever have a certificate? Whoever had none is given the newest root with its first. */
  readonly hasCertificate: boolean;
  /** Did it ever connect itself? */
  readonly hasConnected: boolean;
  /** Does its record name a site gateway? */
  readonly hasGateway: boolean;
}

/**
 * Does it have to prove a next root before that is activated? A device behind a site gateway has no TLS of its own to the broker, until
 * it is seen to.
 */
export function gates({ status, hasCertificate, hasConnected, hasGateway }: Gating): boolean {
  return status === 'active' && hasCertificate && (hasConnected || !hasGateway);
}
