// Who brings a change about, through what, and why: every line of the journal says so. It decides nothing about what anybody may do.
import type { PrincipalId } from './principal.ts';

/** What an actor acts through. A principal acts by what it says and does over MQTT; the broker on its own accord. */
export const actorChannels = ['command line', 'control socket', 'api', 'source', 'mqtt', 'broker'] as const;
export type ActorChannel = (typeof actorChannels)[number];

export interface Actor {
  readonly name: string;
  readonly channel: ActorChannel;
  /** True: the name is what the caller says of itself, and nothing vouches for it. */
  readonly claimed: boolean;
  /** Null: none was given. */
  readonly reason: string | null;
}

/** What happens because its time has come, or because of something the broker noticed. */
export const brokerActor: Actor = { name: 'broker', channel: 'broker', claimed: false, reason: null };

/** An inventory source that is read when it is due. */
export function sourceActor(name: string): Actor {
  return { name, channel: 'source', claimed: false, reason: null };
}

/** A principal by what it says over MQTT. `introduced`: only an anchor says who it is, and no certificate of the ledger. */
export function principalActor(id: PrincipalId, introduced = false): Actor {
  return { name: id, channel: 'mqtt', claimed: introduced, reason: null };
}

/** Characters of a name, and of a reason. */
export const actorTextMax = 256;

const isKept = (text: string): boolean => text.length <= actorTextMax && !/\p{C}/u.test(text);
const expected = `not a text of at most ${actorTextMax} printable characters`;

/** What keeps it from being recorded, a sentence each; empty: nothing. */
export function actorFaults({ name, reason }: Pick<Actor, 'name' | 'reason'>): string[] {
  const faults: string[] = [];
  if (name.trim() === '') faults.push('actor: expected the name of who does this');
  if (!isKept(name)) faults.push(`actor: ${expected}`);
  if (reason !== null && !isKept(reason)) faults.push(`reason: ${expected}`);
  return faults;
}
