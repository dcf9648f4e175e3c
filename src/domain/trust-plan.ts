// Which step of a root a principal is told next, from the steps there are, what it was told and said of them, and the root under which
// it connects; and what follows from what it says. Nothing is sent here.
import { dayMs, type Instant } from './time.ts';
import type { TrustRecord } from './trust-record.ts';
import type { StepRefusal } from './trust-store.ts';
import {
  againUnknownMs,
  type Connects,
  dueAgain,
  hourMs,
  isAnnounced,
  type KeptStep,
  minuteMs,
  type SettledStep,
  settledMax,
  settledOn,
  type TellingWay,
  type Told,
  type TrustTold,
  tellingWays,
} from './trust-told.ts';

/** What a plan is made from. `told` is as {@link toldSince} has it. */
export interface PlanFacts {
  /** All that are kept, in order of sequence. */
  readonly steps: readonly KeptStep[];
  readonly told: TrustTold;
  readonly connects: Connects;
  readonly now: Instant;
}

function byWhichItCame(steps: readonly KeptStep[], root: number): KeptStep | null {
  return steps.findLast(({ kind, named }) => kind === 'successor' && named === root) ?? null;
}

/** The newest root that it holds and has not given up, as far as is known: the one that it lets speak. */
export function newestHeld({ steps, told, connects }: Omit<PlanFacts, 'now'>, way: TellingWay): number {
  let newest = connects.lastRoot;
  for (const { sequence } of settledOn(told, way)) {
    const step = steps.find((each) => each.sequence === sequence);
    if (step?.signer !== newest) continue;
    if (step.kind === 'successor') newest = step.named;
    if (step.kind === 'withdraw') newest = byWhichItCame(steps, newest)?.signer ?? newest;
  }
  return newest;
}

/** The withdrawal of the successor that it names; null: it names none, or one that has not withdrawn itself. */
function withdrawalOf({ steps, now }: PlanFacts, { kind, named }: KeptStep): KeptStep | null {
  const isBy = (step: KeptStep): boolean => step.kind === 'withdraw' && step.signer === named;
  return (kind === 'successor' && steps.find((step) => isBy(step) && isAnnounced(step, now))) || null;
}

/**
 * The withdrawals of successors that this root has named, and that it may hold without our knowing: it was told of them once, and has
 * connected under the older root since, or what it said was lost. One that holds none of them refuses, and is told no more.
 */
function withdrawnMeanwhile(facts: PlanFacts, newest: number): KeptStep[] {
  const named = facts.steps.filter(({ signer, sequence }) => signer === newest && sequence <= facts.connects.offered);
  return named.flatMap((step) => withdrawalOf(facts, step) ?? []);
}

/**
 * The step to be told on a way: the next one by the newest root that is held; when there is none, once more the successor that is stored and under
 * which nobody connected yet, for the sake of its port. Null: nothing.
 */
export function stepToTell(facts: PlanFacts, way: TellingWay): KeptStep | null {
  const { steps, told, connects, now } = facts;
  const newest = newestHeld(facts, way);
  const settled = new Map(settledOn(told, way).map((each) => [each.sequence, each]));
  const bySigner = steps.filter(({ signer }) => signer === newest);
  const heard = bySigner.findLast(({ sequence }) => settled.has(sequence))?.sequence ?? 0;
  const open = bySigner.filter((step) => {
    return step.sequence > heard && isAnnounced(step, now) && !withdrawalOf(facts, step);
  });
  const withdrawn = withdrawnMeanwhile(facts, newest).find(({ sequence }) => !settled.has(sequence));
  if (withdrawn) return withdrawn;
  // Nothing that a root says counts beside that it is not to be trusted; but who holds no other needs the next one to leave it.
  const withdrawal = open.find(({ kind }) => kind === 'withdraw') ?? null;
  const { alone } = told;
  const isAlone =
    withdrawal !== null && alone?.sequence === withdrawal.sequence && alone.lastRoot === connects.lastRoot;
  const others = open.filter((step) => step !== withdrawal);
  const next = (isAlone ? others[0] : null) ?? withdrawal ?? open[0] ?? null;
  const unproved = newest > connects.lastRoot ? byWhichItCame(steps, newest) : null;
  const isKept = unproved !== null && settled.get(unproved.sequence)?.stored && isAnnounced(unproved, now);
  const again = isKept ? unproved : null;
  // It can make room for the next only once it has connected under the one before.
  const { noRoom } = told;
  const lacksRoom = noRoom !== null && noRoom.sequence === next?.sequence && noRoom.lastRoot === connects.lastRoot;
  return lacksRoom ? (again ?? next) : (next ?? again);
}

/**
 * What follows from a reported failure: the step counts as stored; it is passed over, because the device is beyond it; or it is told again.
 * `leastMs`: not before that.
 */
interface Consequence {
  readonly means: 'stored' | 'passed' | 'again';
  readonly leastMs: number;
}

const noSlot: StepRefusal = 'no_slot';
const lastHeld: StepRefusal = 'last_root';
const unknownSigner: StepRefusal = 'unknown_signer';

/** By the code of an `ack` `failed`. docs/protocol.md has the same in words. */
export const consequences: Readonly<Record<StepRefusal, Consequence>> = {
  malformed_step: { means: 'again', leastMs: 10 * minuteMs },
  unknown_signer: { means: 'passed', leastMs: dayMs },
  bad_signature: { means: 'again', leastMs: 10 * minuteMs },
  older_root: { means: 'passed', leastMs: dayMs },
  old_sequence: { means: 'passed', leastMs: dayMs },
  already_held: { means: 'stored', leastMs: hourMs },
  last_root: { means: 'again', leastMs: againUnknownMs },
  no_slot: { means: 'again', leastMs: hourMs },
  port_untrusted: { means: 'stored', leastMs: hourMs },
  port_unreachable: { means: 'stored', leastMs: hourMs },
};

/** The device's words are its own: one that is not known says no more than that it failed. */
function consequenceOf(code: string | null, step: KeptStep, way: TellingWay, { lastRoot }: Connects): Consequence {
  if (code === null) return { means: 'stored', leastMs: 0 };
  const known = Object.hasOwn(consequences, code) ? consequences[code as StepRefusal] : consequences.malformed_step;
  // It connects under the very root that it says it does not hold; or somebody else says what it holds.
  const isDoubtful = code === unknownSigner && lastRoot === step.signer;
  return known.means === 'passed' && (isDoubtful || way === 'carried') ? { ...known, means: 'again' } : known;
}

/**
 * After it was said on a way that a step is kept, or that it failed; the same value where that is no news.
 * @param code of the failure; null: it is kept.
 */
export function afterAnswer(facts: PlanFacts, step: KeptStep, way: TellingWay, code: string | null): TrustTold {
  const { told, connects, now } = facts;
  const { sequence } = step;
  const last = told[way]?.sequence === sequence ? told[way] : null;
  const { means, leastMs } = consequenceOf(code, step, way, connects);
  const settled =
    means === 'again' ? told.settled : settledWith(told.settled, { sequence, stored: means === 'stored', way });
  const isNews = settled !== told.settled || (last !== null && !isRepeated(last, code));
  if (!isNews) return told;
  const failure = code === null ? null : { code, leastMs, at: now };
  const answered = { ...(last ?? { sequence, times: 1, at: now }), answered: true, failure };
  const here = { sequence, lastRoot: connects.lastRoot };
  const noRoom = code === noSlot && way === 'own' ? here : told.noRoom;
  const alone = code === lastHeld && way === 'own' && step.kind === 'withdraw' ? here : told.alone;
  const after: TrustTold = { ...told, settled, noRoom, alone, [way]: answered };
  // There is no port to be tried before the next.
  const nextMs = settled !== told.settled && step.kind !== 'successor' ? 0 : minuteMs;
  return { ...after, nextAt: nextTelling({ ...facts, told: after }, nextMs) };
}

/** The same where nothing is added by it: the device's own word stands, and that it keeps a step. */
function settledWith(settled: readonly SettledStep[], entry: SettledStep): readonly SettledStep[] {
  const known = settled.find(({ sequence }) => sequence === entry.sequence);
  if (known && (known.way === 'own' || entry.way === 'carried') && (known.stored || !entry.stored)) return settled;
  return [...settled.filter((each) => each !== known), entry].slice(-settledMax);
}

/** Was the same said since it was told last? */
function isRepeated({ answered, failure, at }: Told, code: string | null): boolean {
  if (code === null || failure === null) return answered && code === null && failure === null;
  return failure.code === code && failure.at >= at;
}

/**
 * When whoever listens is told next, on the ways on which it was told before; null: not before it begins to listen.
 * @param nextMs until it is told of another step than the last: it is given time to try what it was told.
 */
export function nextTelling(facts: PlanFacts, nextMs: number = minuteMs): Instant | null {
  const { told, now } = facts;
  const dues = tellingWays.flatMap((way) => {
    const step = told[way] && stepToTell(facts, way);
    return step ? [dueAgain(told, step.sequence, way, now) ?? now + nextMs] : [];
  });
  return dues.length > 0 ? Math.min(...dues) : null;
}

/**
 * The step with which a principal that was chosen is told of a control now; null: none. It keeps the step and has proved its root, so that
 * nothing real is due to it, and nothing that it says of the port could be about the real one.
 */
export function stepForControl(facts: PlanFacts): KeptStep | null {
  const { steps, told, connects, now } = facts;
  if (told.control?.sequence !== null || stepToTell(facts, 'own') !== null) return null;
  const step = byWhichItCame(steps, connects.lastRoot);
  const isKept = settledOn(told, 'own').some(({ sequence, stored }) => stored && sequence === step?.sequence);
  return step && isKept && isAnnounced(step, now) ? step : null;
}

/** Is what is said on its own connection of this step about the port of a control? */
export function isAboutControl({ told: { control } }: PlanFacts, { sequence }: KeptStep): boolean {
  return control !== null && control.sequence === sequence && !control.answered;
}

/**
 * After something was said of a control's port. That it cannot be trusted shows that the principal verifies the broker, unless it sent CONNECT
 * there: what it did counts for more than what it says. That the port cannot be reached says nothing.
 */
export function afterControlAnswer(
  { told }: Pick<PlanFacts, 'told'>,
  isRefused: boolean,
  verdict: TrustRecord['control'],
): { readonly told: TrustTold; readonly isPassed: boolean } {
  const { control } = told;
  const cameThere = verdict?.verdict === 'does_not_verify' && verdict.at >= (control?.at ?? 0);
  return {
    told: { ...told, control: control && { ...control, answered: true } },
    isPassed: isRefused && !cameThere,
  };
}
