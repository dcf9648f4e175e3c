// How much room retained messages take, in all and for each principal that was the last to publish them, and whether there is more.
import type { RetainedLimits } from '../../ports/mqtt-options.ts';
import type { Changed } from './changed.ts';

/** Of one principal, or of all. */
export interface RetainedUsage {
  readonly messages: number;
  readonly bytes: number;
}

const none: RetainedUsage = { messages: 0, bytes: 0 };

export class RetainedRoom {
  readonly #limits: RetainedLimits;
  readonly #changed: Changed;
  readonly #byPublisher = new Map<string, RetainedUsage>();
  #all = none;

  constructor(limits: RetainedLimits, changed: Changed) {
    this.#changed = changed;
    this.#limits = limits;
  }

  /** Messages there are. */
  get messages(): number {
    return this.#all.messages;
  }

  clear(): void {
    this.#byPublisher.clear();
    this.#all = none;
  }

  /** Is there room for one more message of so many bytes? What nobody is known to have published counts in all alone. */
  has(publisher: string, bytes: number): boolean {
    const { messagesMax, bytesMax, messagesPerPrincipalMax, bytesPerPrincipalMax } = this.#limits;
    if (this.#all.messages >= messagesMax || this.#all.bytes + bytes > bytesMax) return false;
    if (publisher === '') return true;
    const own = this.#byPublisher.get(publisher) ?? none;
    return own.messages < messagesPerPrincipalMax && own.bytes + bytes <= bytesPerPrincipalMax;
  }

  take(publisher: string, usage: RetainedUsage): void {
    this.#add(publisher, usage);
    const { messages, bytes } = usage;
    this.#changed.undo(() => this.#add(publisher, { messages: -messages, bytes: -bytes }));
  }

  #add(publisher: string, { messages, bytes }: RetainedUsage): void {
    const add = (to: RetainedUsage): RetainedUsage => ({ messages: to.messages + messages, bytes: to.bytes + bytes });
    this.#all = add(this.#all);
    const own = add(this.#byPublisher.get(publisher) ?? none);
    if (own.messages > 0) this.#byPublisher.set(publisher, own);
    else this.#byPublisher.delete(publisher);
  }

  /** One message is there no more. */
  give(publisher: string, bytes: number): void {
    this.take(publisher, { messages: -1, bytes: -bytes });
  }
}
