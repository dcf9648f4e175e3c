// What happens now, as server-sent events (WHATWG HTML, 9.2): the decisions of the log, for each caller those that it may know of. Streams are
// bounded in number, what waits on each in bytes, and each ends with its credential.
import type { ServerResponse } from 'node:http';
import type { Caller } from '../../app/views/access.ts';
import { isUnlimited } from '../../domain/access-right.ts';
import type { HeardDecision } from '../../telemetry/decision-feed.ts';

/** The application, as far as streams need it. */
export interface Happenings {
  listen(listener: (heard: HeardDecision) => void): () => void;
  /** May this caller know of what happens to this principal? */
  mayHear(caller: Caller, principalId: string): Promise<boolean>;
  again(caller: Caller): Promise<Caller | null>;
}

const ofCredentialMax = 50;
/** Events wait for others that long, and are then written together. */
const gatherMs = 100;
const gatheredMax = 500;
/** A stream whose reader is further behind misses what comes then, and is told how much. */
const unreadBytesMax = 262_144;
/** How often a credential is looked at, and a reader that is gone is noticed. */
const checkMs = 5_000;
const levels: readonly string[] = ['info', 'warn', 'error'];
/** After these, credentials are looked at at once. */
const revocations: readonly string[] = ['token.revoked', 'operator.revoked'];

interface Stream {
  caller: Caller;
  readonly response: ServerResponse;
  missed: number;
}

function textOf(id: string, event: string, data: unknown): string {
  return `${id === '' ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** What belongs to one device is shown to whoever may see that device, without what it says of others. */
function dataOf({ at, action, level, reason, message, fields = {} }: HeardDecision, isWhole: boolean): unknown {
  const principal = fields['nolapse.principal'];
  const renewal = fields['nolapse.renewal'];
  return {
    at: new Date(at).toISOString(),
    action,
    level,
    ...(reason !== undefined && { reason }),
    ...(principal !== undefined && { principal }),
    ...(renewal !== undefined && { renewal }),
    ...(isWhole && { message, fields }),
  };
}

export class EventStreams {
  readonly #most: number;
  readonly #happenings: Happenings;
  readonly #streams = new Set<Stream>();
  readonly #unlisten: () => void;
  readonly #check: NodeJS.Timeout;
  #gathered: { readonly number: number; readonly heard: HeardDecision }[] = [];
  #missed = 0;
  #number = 0;
  #flush: NodeJS.Timeout | null = null;
  #flushed: Promise<void> = Promise.resolve();

  constructor(most: number, happenings: Happenings) {
    this.#most = most;
    this.#happenings = happenings;
    this.#unlisten = happenings.listen((heard) => this.#hear(heard));
    this.#check = setInterval(() => void this.#checkAll(), checkMs).unref();
  }

  get size(): number {
    return this.#streams.size;
  }

  /** Is there room for one more of this caller? */
  hasRoom({ credential }: Caller): boolean {
    if (this.#streams.size >= this.#most) return false;
    const own = [...this.#streams].filter(({ caller }) => caller.credential.id === credential.id);
    return own.length < ofCredentialMax;
  }

  /** Writes to a response whose head has been written, until it is closed or the credential is good no more. */
  open(caller: Caller, response: ServerResponse): void {
    const stream: Stream = { caller, response, missed: 0 };
    this.#streams.add(stream);
    response.once('close', () => this.#streams.delete(stream));
    response.on('error', () => response.destroy());
    response.write('retry: 5000\n\n');
  }

  close(): void {
    this.#unlisten();
    clearInterval(this.#check);
    if (this.#flush) clearTimeout(this.#flush);
    for (const { response } of this.#streams) response.destroy();
  }

  #hear(heard: HeardDecision): void {
    if (this.#streams.size === 0 || !levels.includes(heard.level)) return;
    if (revocations.includes(heard.action)) setImmediate(() => void this.#checkAll());
    this.#number += 1;
    if (this.#gathered.length >= gatheredMax) this.#missed += 1;
    else this.#gathered.push({ number: this.#number, heard });
    this.#flush ??= setTimeout(() => {
      this.#flush = null;
      const [gathered, missed] = [this.#gathered, this.#missed];
      this.#gathered = [];
      this.#missed = 0;
      // One after the other, so that events stay in order.
      this.#flushed = this.#flushed.then(() => this.#writeAll(gathered, missed)).catch(() => undefined);
    }, gatherMs).unref();
  }

  async #writeAll(gathered: readonly { number: number; heard: HeardDecision }[], missed: number): Promise<void> {
    const whole = gathered.map(({ number, heard }) => textOf(`${number}`, heard.action, dataOf(heard, true))).join('');
    for (const stream of this.#streams) {
      stream.missed += missed;
      if (stream.response.writableLength > unreadBytesMax) {
        stream.missed += gathered.length;
        continue;
      }
      const isWhole = isUnlimited(stream.caller.credential);
      const text = isWhole ? whole : await this.#partOf(gathered, stream.caller);
      const gap = stream.missed > 0 ? textOf('', 'gap', { missed: stream.missed }) : '';
      stream.missed = 0;
      if (gap + text !== '' && !stream.response.writableEnded) stream.response.write(gap + text);
    }
  }

  async #partOf(gathered: readonly { number: number; heard: HeardDecision }[], caller: Caller): Promise<string> {
    const known = new Map<string, boolean>();
    let text = '';
    for (const { number, heard } of gathered) {
      const principal = heard.fields?.['nolapse.principal'];
      if (typeof principal !== 'string') continue;
      const may = known.get(principal) ?? (await this.#happenings.mayHear(caller, principal));
      known.set(principal, may);
      if (may) text += textOf(`${number}`, heard.action, dataOf(heard, false));
    }
    return text;
  }

  async #checkAll(): Promise<void> {
    for (const stream of [...this.#streams]) {
      const { response } = stream;
      const caller = await this.#happenings.again(stream.caller).catch(() => null);
      if (response.writableEnded) continue;
      if (caller) {
        stream.caller = caller;
        // Shows whether anybody is there.
        response.write(':\n\n');
      } else response.end(textOf('', 'end', { reason: 'the credential is good no more' }));
    }
  }
}
