// Which retained messages a device cannot take, such as those larger than its buffer: it would break off its connection at each SUBSCRIBE.
// One is not sent to that client for a day, or until it changes. Others are sent it as before: nothing is removed. In memory: after a
// restart it is found anew.
import { createHash } from 'node:crypto';
import type { EndCause } from '../domain/disconnection.ts';
import { afterUntakenEnd, isGivenUp, type Untaken } from '../domain/untaken.ts';

/** Messages of topic and payload up to this size are taken by everybody. */
const bytesLeast = 128;
/** How long a message is kept from a client. */
export const withheldMs = 86_400_000;
/** Who says anything so long after a message was sent has taken it. */
const digestedMs = 1_000;
/** Clients remembered; the one whose connection ended longest ago is forgotten. */
const clientsMax = 20_000;
/** Messages kept from one client; the one that was found first is sent again. */
const withheldMax = 16;

export interface RetainedSent {
  readonly topic: string;
  readonly bytes: number;
  /** Of what it holds. */
  readonly version: string;
  readonly sentAt: number;
}

export interface ConnectionEnd {
  readonly cause: EndCause;
  readonly cameAt: number;
  /** When anything was read of it last. */
  readonly heardAt: number;
  readonly endedAt: number;
}

interface Known {
  readonly untaken: Untaken | null;
  /** By topic. */
  readonly withheld: ReadonlyMap<string, { readonly version: string; readonly until: number }>;
}

export class UntakenRetained {
  /** By the name of its session. */
  readonly #clients = new Map<string, Known>();

  /** Is the message kept from this client? */
  isWithheld(client: string, topic: string, payload: Buffer | string, now: number): boolean {
    const held = this.#clients.get(client)?.withheld.get(topic);
    return held !== undefined && now < held.until && held.version === versionOf(payload);
  }

  /** The larger of what was sent before on the connection, and this: it is the one that is suspected. */
  suspect(before: RetainedSent | null, topic: string, payload: Buffer | string, now: number): RetainedSent | null {
    const bytes = Buffer.byteLength(topic) + Buffer.byteLength(payload);
    if (bytes <= bytesLeast || (before && before.bytes >= bytes)) return before;
    return { topic, bytes, version: versionOf(payload), sentAt: now };
  }

  /** A connection has ended. @returns whether the message is kept from the client from now on. */
  ended(client: string, sent: RetainedSent, { cause, cameAt, heardAt, endedAt }: ConnectionEnd): boolean {
    const known = this.#clients.get(client) ?? { untaken: null, withheld: new Map() };
    const { topic, version, sentAt } = sent;
    const isTaken = heardAt > sentAt + digestedMs;
    const first = `${topic}\0${version}`;
    const untaken = isTaken ? null : afterUntakenEnd(known.untaken, { first, cause, cameAt, sentAt, endedAt });
    const isOver = untaken !== null && isGivenUp(untaken);
    const withheld = isOver ? withMore(known.withheld, topic, version, endedAt) : known.withheld;
    this.#clients.delete(client);
    if (withheld.size > 0 || untaken) this.#clients.set(client, { untaken: isOver ? null : untaken, withheld });
    const oldest = this.#clients.size > clientsMax ? this.#clients.keys().next() : null;
    if (oldest && !oldest.done) this.#clients.delete(oldest.value);
    return isOver;
  }
}

function withMore(withheld: Known['withheld'], topic: string, version: string, now: number): Known['withheld'] {
  const current = [...withheld].filter(([each, { until }]) => each !== topic && now < until);
  return new Map([...current.slice(1 - withheldMax), [topic, { version, until: now + withheldMs }]]);
}

function versionOf(payload: Buffer | string): string {
  return createHash('sha256').update(payload).digest('base64');
}
