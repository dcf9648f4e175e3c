// What a principal was told of the steps of roots and said of them, and when it is told again. Which step it is told is decided in
// trust-plan.ts; that it connects under a root is proved elsewhere.
import type { PrincipalId } from './principal.ts';
import { dayMs, type Instant } from './time.ts';
import type { StepKind } from './trust-step.ts';

/** A signed step as the ledger keeps it, without its bytes. Roots are named by their numbers. */
export interface KeptStep {
  readonly sequence: number;
  readonly kind: StepKind;
  /** The root that signed it. */
  readonly signer: number;
  /** The root that it names: the successor, else the signer. */
  readonly named: number;
  /** Bytes of the step. */
  readonly size: number;
  /** The port that is announced with it. */
  readonly port: number;
  readonly madeAt: Instant;
  /** From when on it is announced and may be fetched; null: it is not released. */
  readonly announcedFrom: Instant | null;
  /** When the life of the root that signed it ends, and nobody needs it any more. */
  readonly keptUntil: Instant;
}

/** May it be announced, fetched and acknowledged now? */
export function isAnnounced({ announcedFrom, keptUntil }: KeptStep, now: Instant): boolean {
  return announcedFrom !== null && announcedFrom <= now && now < keptUntil;
}

/** The ways on which a principal is told: its own connection, and the site gateways that speak for it, which count as one. */
export const tellingWays = ['own', 'carried'] as const;
export type TellingWay = (typeof tellingWays)[number];

/** The step that was told last on one way. */
export interface Told {
  readonly sequence: number;
  /** How often it was told, and when last. */
  readonly times: number;
  readonly at: Instant;
  /** Was it fetched, or anything said of it? Who never did may not know the word. */
  readonly answered: boolean;
  /** What was said of it last, if that was a failure. `leastMs`: how long it is not told again. */
  readonly failure: { readonly code: string; readonly leastMs: number; readonly at: Instant } | null;
}

/** A step of which nothing more need be told. */
export interface SettledStep {
  readonly sequence: number;
  /** Does it say that it keeps it? Else it is beyond it: it holds what is newer, or of another root. */
  readonly stored: boolean;
  /** Who said so. A site gateway's word settles nothing on the device's own connection. */
  readonly way: TellingWay;
}

/** How it is found out whether it verifies the broker at all: it is told of a step that it keeps, with a port whose chain nobody can trust. */
export interface ToldControl {
  /** What it was known by when it was chosen: another one is tried anew. */
  readonly build: string;
  /** When it was chosen, or told. */
  readonly at: Instant;
  /** The step that it was told of; null: it was chosen, and not told yet. */
  readonly sequence: number | null;
  /** Was anything said of the port? What comes later is about the real one. */
  readonly answered: boolean;
}

/** What a principal was told of the steps there are, and said of them. */
export interface TrustTold {
  readonly principalId: PrincipalId;
  /** In the order in which it was said. */
  readonly settled: readonly SettledStep[];
  readonly own: Told | null;
  readonly carried: Told | null;
  /** It could not make room for this step, and connected under this root then; null: it never said so. */
  readonly noRoom: { readonly sequence: number; readonly lastRoot: number } | null;
  /** The same where it could not give up the root that this step withdraws, for it holds no other. */
  readonly alone: { readonly sequence: number; readonly lastRoot: number } | null;
  /** Null: it was never chosen. */
  readonly control: ToldControl | null;
  /** When it is to be told next if it listens; null: when it begins to listen. */
  readonly nextAt: Instant | null;
  /** The reopening of its proof since which all this was said; null: there was none. */
  readonly reopenedAt: Instant | null;
}

/** Steps that are remembered as settled: a rollover has three. */
export const settledMax = 16;

/** How it connects. */
export interface Connects {
  /** The number of the root under which it connected last; the first where it never did under another. */
  readonly lastRoot: number;
  /** When it last came under an older root than before: what it said until then counts no more. */
  readonly reopenedAt: Instant | null;
  /** The largest sequence of a step that it was ever offered: it may hold what such a step named, whatever it said of it; 0: none. */
  readonly offered: number;
}

export function nothingTold(principalId: PrincipalId): TrustTold {
  return {
    ...{ principalId, settled: [], own: null, carried: null, noRoom: null, alone: null, control: null },
    ...{ nextAt: null, reopenedAt: null },
  };
}

/** What still counts of it: a device that was reset, or restored from an image, may have lost what it said it keeps. */
export function toldSince(told: TrustTold, { reopenedAt }: Connects): TrustTold {
  return told.reopenedAt === reopenedAt ? told : { ...nothingTold(told.principalId), reopenedAt };
}

/** Was it told of this step on any way, so that what is said of it counts? */
export function wasTold({ own, carried, settled }: TrustTold, sequence: number): boolean {
  return [own, carried, ...settled].some((each) => each?.sequence === sequence);
}

/** What settles a step on a way. */
export function settledOn({ settled }: TrustTold, way: TellingWay): readonly SettledStep[] {
  return way === 'carried' ? settled : settled.filter((each) => each.way === 'own');
}

export const minuteMs = 60_000;
export const hourMs = 3_600_000;
/** The first repetition of an announcement, which may have been lost; each further one waits four times as long. */
const againFirstMs = 10_000;
const againFactor = 4;
/** Whoever keeps a step is told of nothing but its port. */
const portAgainMs = hourMs;
/** The longest wait where somebody has shown that he knows the word, and where nobody has. */
export const againKnownMs: number = dayMs;
export const againUnknownMs: number = 7 * dayMs;

function againMs(told: TrustTold, last: Told, way: TellingWay): number {
  const grown = againFirstMs * againFactor ** Math.min(last.times - 1, 12);
  const isStored = settledOn(told, way).some(({ sequence }) => sequence === last.sequence);
  const leastMs = Math.max(last.failure?.leastMs ?? 0, isStored ? portAgainMs : 0);
  return Math.max(leastMs, Math.min(grown, last.answered ? againKnownMs : againUnknownMs));
}

/** When a step may be told on this way; null: now. */
export function dueAgain(told: TrustTold, sequence: number, way: TellingWay, now: Instant): Instant | null {
  const last = told[way];
  if (last?.sequence !== sequence) return null;
  // What was told by a clock that ran ahead is taken as told now.
  const due = Math.min(Math.max(last.at, last.failure?.at ?? 0), now) + againMs(told, last, way);
  return due > now ? due : null;
}

/** After a step was told on this way. When the next telling is due is planned apart. */
export function afterTelling(told: TrustTold, sequence: number, way: TellingWay, now: Instant): TrustTold {
  const last = told[way];
  const before = last?.sequence === sequence ? last : { times: 0, answered: false, failure: null };
  return { ...told, [way]: { ...before, sequence, times: before.times + 1, at: now } };
}

/** After the last byte of a step was fetched on this way; the same value where that is no news. */
export function afterFetching(told: TrustTold, sequence: number, way: TellingWay): TrustTold {
  const last = told[way];
  if (last?.sequence !== sequence || last.answered) return told;
  return { ...told, [way]: { ...last, answered: true } };
}
