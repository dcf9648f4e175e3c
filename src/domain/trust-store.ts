// What a device holds of the broker's roots and ports, which steps it takes, and what it tries when it connects. The rules of
// docs/protocol.md, "Trust steps", as transitions of values: what is signed and what was connected to is found out elsewhere.
import type { Fingerprint } from './certificate.ts';
import type { TrustStep } from './trust-step.ts';

/** Roots that a device must be able to keep: the one in use, and the next. */
export const rootsHeldLeast = 2;
/** Ports that are remembered, the one that was proven last first. */
export const portsHeldMax = 4;

export interface HeldRoot {
  readonly fingerprint: Fingerprint;
  /** The highest sequence of a step by this root that was taken; 0: none. */
  readonly sequence: number;
  /** The sequence of the step that brought it; 0: the device was made with it. */
  readonly broughtBy: number;
  /** Did a connection whose chain it verified end in CONNACK 0? */
  readonly proven: boolean;
  /** A step gave it up: it says nothing more, and goes with the next CONNACK 0 under a root that stays. */
  readonly leaving: boolean;
}

/** A port with the root that verified the broker there. */
export interface ProvenPair {
  readonly port: number;
  readonly root: Fingerprint;
}

/** To be written as one: a device that loses power between two parts of it would hold what never belonged together. */
export interface TrustStore {
  /** In the order in which they were accepted. At least one stays. */
  readonly roots: readonly HeldRoot[];
  /** Never empty. */
  readonly ports: readonly number[];
  /** The port of the last successor, until a connection there ended in CONNACK 0; null: none. */
  readonly announced: number | null;
  /** The last connection that ended in CONNACK 0; at first what the device was made with. Its root is never overwritten. */
  readonly committed: ProvenPair;
  /** The sequence of the last step that was taken; 0: none. */
  readonly lastStep: number;
}

/**
 * What a device has that was never told of a step.
 * @param also what else it was made with: successors of the root in their order, such as a spare, and further ports.
 */
export function newTrustStore(
  root: Fingerprint,
  port: number,
  also: { readonly roots?: readonly Fingerprint[]; readonly ports?: readonly number[] } = {},
): TrustStore {
  const held = { sequence: 0, broughtBy: 0, proven: false, leaving: false };
  return {
    roots: [root, ...(also.roots ?? [])].map((fingerprint) => ({ fingerprint, ...held })),
    ports: [port, ...(also.ports ?? [])].slice(0, portsHeldMax),
    announced: null,
    committed: { port, root },
    lastStep: 0,
  };
}

/** The root that may speak: the newest that was accepted and not given up. */
export function newestRoot({ roots }: TrustStore): HeldRoot {
  const newest = roots.findLast(({ leaving }) => !leaving);
  if (!newest) throw new RangeError('a device without a root: a store keeps one that stays');
  return newest;
}

/** Why a device does not take a step, or cannot use it: the `code` of its `ack` `failed`. docs/protocol.md lists the same. */
export const stepRefusals = {
  malformed_step: 'the bytes are no step, or the root in it is none or not the one it names',
  unknown_signer: 'the root that signed the step is not held',
  bad_signature: 'the signature does not verify under the root that signed',
  older_root: 'a newer root was accepted since, or the signer was given up',
  old_sequence: 'the same root has said something of this sequence, or of a later one',
  already_held: 'the root that the step names as successor is held already',
  last_root: 'no other root is left that would stay',
  no_slot: 'no root can make room: first connect under the root that signed',
  port_untrusted: 'no root that is held verifies the broker on the announced port; the step is kept',
  port_unreachable: 'the announced port cannot be reached; the step is kept',
} as const;
export type StepRefusal = keyof typeof stepRefusals;

/** A step as it was received, with what was found out about it. */
export interface ReceivedStep {
  readonly step: TrustStep;
  /** Does its signature verify under the root that it names as its signer, which is held? */
  readonly verifies: boolean;
  /** The port of its announcement. */
  readonly port: number;
}

export type StepAnswer =
  /** To be written, and then acknowledged with `stored`. */
  | { readonly outcome: 'taken'; readonly store: TrustStore }
  /** It was taken before: to be acknowledged again. */
  | { readonly outcome: 'known' }
  /** To be acknowledged with `failed` and the reason as `code`. */
  | { readonly outcome: 'refused'; readonly reason: StepRefusal };

/** Does an announcement name a step that was taken? Then it is acknowledged again, and not fetched. */
export function isTaken({ roots, lastStep }: TrustStore, sequence: number): boolean {
  return sequence > 0 && (sequence === lastStep || roots.some((root) => root.broughtBy === sequence));
}

function objectToSigner(store: TrustStore, { step, verifies }: ReceivedStep): StepRefusal | null {
  const signer = store.roots.find(({ fingerprint }) => fingerprint === step.signer);
  if (!signer) return 'unknown_signer';
  if (!verifies) return 'bad_signature';
  if (signer.fingerprint !== newestRoot(store).fingerprint) return 'older_root';
  return step.sequence > signer.sequence ? null : 'old_sequence';
}

/** The roots with room for one more; null where none may go. The one that verified the last connection stays, and so does the signer. */
function withRoom({ roots, committed }: TrustStore, signer: Fingerprint, rootsMax: number): readonly HeldRoot[] | null {
  if (roots.length < rootsMax) return roots;
  const oldest = roots.findIndex(({ fingerprint }) => fingerprint !== signer && fingerprint !== committed.root);
  return oldest < 0 ? null : roots.toSpliced(oldest, 1);
}

/** The store without the roots that were given up, if the last connection was under one that stays. */
function settled(store: TrustStore): TrustStore {
  const { roots, committed } = store;
  const isStaying = roots.some(({ fingerprint, leaving }) => fingerprint === committed.root && !leaving);
  return isStaying ? { ...store, roots: roots.filter(({ leaving }) => !leaving) } : store;
}

/**
 * What comes of a step. Only the newest root that was accepted speaks: it names one successor, gives up the older roots, or withdraws
 * itself. What is refused changes nothing, and so does what was taken before.
 * @param rootsMax roots that the device can keep, at least {@link rootsHeldLeast}.
 */
export function takeStep(store: TrustStore, received: ReceivedStep, rootsMax: number): StepAnswer {
  const { step, port } = received;
  const refuse = (reason: StepRefusal): StepAnswer => ({ outcome: 'refused', reason });
  if (step.kind === 'successor' && isHeldAfter(store.roots, step)) return { outcome: 'known' };
  const refusal = objectToSigner(store, received);
  if (refusal === 'old_sequence' && step.sequence === store.lastStep) return { outcome: 'known' };
  if (refusal !== null) return refuse(refusal);
  const heard = store.roots.map((each) =>
    each.fingerprint === step.signer ? { ...each, sequence: step.sequence } : each,
  );
  const after: TrustStore = { ...store, roots: heard, lastStep: step.sequence };
  switch (step.kind) {
    case 'successor': {
      if (store.roots.some(({ fingerprint }) => fingerprint === step.named)) return refuse('already_held');
      const roots = withRoom(after, step.signer, Math.max(rootsMax, rootsHeldLeast));
      if (!roots) return refuse('no_slot');
      const next = { fingerprint: step.named, sequence: 0, broughtBy: step.sequence, proven: false, leaving: false };
      return { outcome: 'taken', store: { ...after, roots: [...roots, next], announced: port } };
    }
    case 'drop':
      return { outcome: 'taken', store: giveUp(after, (each) => each.fingerprint !== step.signer) };
    case 'withdraw':
      if (!store.roots.some((each) => !each.leaving && each.fingerprint !== step.signer)) return refuse('last_root');
      return { outcome: 'taken', store: giveUp(after, (each) => each.fingerprint === step.signer) };
  }
}

/** Is the successor held, and accepted after the root that names it? Also a device that was made with both says so. */
function isHeldAfter(roots: readonly HeldRoot[], step: TrustStep & { readonly kind: 'successor' }): boolean {
  const named = roots.findIndex(({ fingerprint, leaving }) => fingerprint === step.named && !leaving);
  return named > roots.findIndex(({ fingerprint }) => fingerprint === step.signer);
}

function giveUp(store: TrustStore, goes: (root: HeldRoot) => boolean): TrustStore {
  return settled({ ...store, roots: store.roots.map((each) => (goes(each) ? { ...each, leaving: true } : each)) });
}

/**
 * The store after a connection to `port` whose chain `root` verified, and which ended in CONNACK 0. Nothing less proves a root: not a
 * handshake, and no other code. Port and root are committed together, and roots that were given up go. A root that is not held changes nothing.
 */
export function afterConnack(store: TrustStore, { port, root }: ProvenPair): TrustStore {
  if (!store.roots.some(({ fingerprint }) => fingerprint === root)) return store;
  return settled({
    ...store,
    roots: store.roots.map((each) => (each.fingerprint === root ? { ...each, proven: true } : each)),
    ports: [port, ...store.ports.filter((each) => each !== port)].slice(0, portsHeldMax),
    announced: store.announced === port ? null : store.announced,
    committed: { port, root },
  });
}

/** One attempt to connect: a port, and the roots that the TLS stack is given for it. */
export interface Attempt {
  readonly port: number;
  readonly roots: readonly Fingerprint[];
}

function inGroups(roots: readonly Fingerprint[], size: number): Fingerprint[][] {
  const groups: Fingerprint[][] = [];
  for (let at = 0; at < roots.length; at += size) groups.push(roots.slice(at, at + size));
  return groups;
}

/**
 * What a device tries, in order, until one attempt ends in CONNACK 0; then from the beginning. Every root that is held comes up on every
 * port that is known, so no change of a chain cuts it off; those that were given up come last. An attempt that fails changes nothing:
 * that is how a device with one slot falls back.
 * @param together roots that the TLS stack takes at once: 1 for a device with one slot.
 * @param trial a port to be tried first, with the newest root alone: the one that was just announced; null: none.
 */
export function attempts(store: TrustStore, together: number, trial: number | null): readonly Attempt[] {
  const { committed, announced } = store;
  const known = [...(trial === null ? [] : [trial]), committed.port, ...store.ports];
  const ports = [...new Set(announced === null ? known : [...known, announced])];
  const newestFirst = store.roots.toReversed();
  const rounds = [newestFirst.filter(({ leaving }) => !leaving), newestFirst.filter(({ leaving }) => leaving)];
  return rounds.flatMap((round) =>
    ports.flatMap((port) => {
      const roots = round.map(({ fingerprint }) => fingerprint);
      // What worked last is tried first, but on a trial: that is for the newest.
      const isFirst = (root: Fingerprint): boolean =>
        root === committed.root && port === committed.port && port !== trial;
      const ordered = [...roots.filter(isFirst), ...roots.filter((root) => !isFirst(root))];
      // Alone, so that it is known which root verified the chain there.
      const alone = port === trial ? 1 : 0;
      const groups = [
        ...inGroups(ordered.slice(0, alone), 1),
        ...inGroups(ordered.slice(alone), Math.max(1, together)),
      ];
      return groups.map((group) => ({ port, roots: group }));
    }),
  );
}
