// The device's side of the conversation: what it does with an offer, a certificate, a confirmation and an error. Each may
// come twice, late or out of order. It stores and answers; connecting is not its business.
import type { EnrollmentCode } from '../domain/errors.ts';
import type { DownMessage, UpMessage } from '../domain/message.ts';
import type { PrincipalId } from '../domain/principal.ts';
import { decodeDown } from '../wire/index.ts';
import type { CredentialStore } from './credentials.ts';
import type { Listener } from './event.ts';
import { makeRequest, matchKey, readCertificate } from './key.ts';
import { Backoff, pause } from './pause.ts';

export interface EnrollmentOptions {
  readonly id: PrincipalId;
  readonly store: CredentialStore;
  /** Publishes; false when the connection ended before it was acknowledged. */
  readonly say: (message: UpMessage) => Promise<boolean>;
  readonly tell: Listener;
  readonly retryFirstMs: number;
  readonly retryMaxMs: number;
}

/** What the device knows of the connection a message came in on. */
export interface Standing {
  /** The renewal its certificate came from; null for the first certificate. */
  readonly renewal: string | null;
  /** The replacement was refused so often that the device is back on the old one. */
  readonly fellBack: boolean;
  /** Aborts when the connection ends. */
  readonly signal: AbortSignal;
}

type Of<W extends DownMessage['word']> = Extract<DownMessage, { word: W }>;

/** Codes after which the same key cannot succeed: the next offer is answered with a new one. */
const keyIsSpent: ReadonlySet<EnrollmentCode> = new Set([
  'malformed_csr',
  'bad_signature',
  'key_refused',
  'key_reused',
  'key_in_use',
  'unknown_renewal',
  'renewal_closed',
]);

/** Codes after which asking again changes nothing before the gateway makes its next offer. */
const askingIsVain: ReadonlySet<EnrollmentCode> = new Set(['not_authorized', 'too_many_requests', 'wrong_state']);

export class Enrollment {
  readonly #options: EnrollmentOptions;
  readonly #backoff: Backoff;

  constructor(options: EnrollmentOptions) {
    this.#options = options;
    this.#backoff = new Backoff(options.retryFirstMs, options.retryMaxMs);
  }

  /**
   * Acts on one message from the gateway.
   * @returns `reconnect` once a replacement is stored and acknowledged; `hush` when the gateway takes enrollment alone.
   */
  async take(word: string, payload: Uint8Array, standing: Standing): Promise<'stay' | 'reconnect' | 'hush'> {
    const decoded = decodeDown(word, payload);
    if (!decoded.ok) {
      this.#options.tell({ type: 'error', code: decoded.code, detail: decoded.detail });
      return 'stay';
    }
    const { message } = decoded;
    switch (message.word) {
      case 'offer':
        return this.#onOffer(message, standing);
      case 'cert':
        return this.#onCertificate(message, standing);
      case 'done':
        await this.#onDone(message, standing);
        return 'stay';
      case 'error':
        return this.#onError(message, standing);
      case 'part':
        return 'stay';
    }
  }

  async #onOffer(offer: Of<'offer'>, standing: Standing): Promise<'stay' | 'reconnect'> {
    const { id, store, say, tell } = this.#options;
    tell({ type: 'offer', renewal: offer.renewal, deadline: offer.deadline });
    const next = await store.read('next');
    if (next?.renewal === offer.renewal && !standing.fellBack) return this.#acknowledge(offer.renewal, standing);
    let pending = await store.readPending();
    if (pending?.renewal !== offer.renewal) {
      // The key is stored before the request leaves: a certificate for a key that was lost would be worth nothing.
      pending = { renewal: offer.renewal, ...(await makeRequest(id)) };
      await store.writePending(pending);
    }
    await say({ word: 'csr', renewal: offer.renewal, csr: pending.csr });
    tell({ type: 'requested', renewal: offer.renewal, csr: pending.csr });
    return 'stay';
  }

  async #onCertificate(message: Of<'cert'>, standing: Standing): Promise<'stay' | 'reconnect'> {
    const { store, say, tell } = this.#options;
    const { renewal } = message;
    const pending = await store.readPending();
    if (pending?.renewal !== renewal) {
      // Already stored: the acknowledgement was lost. Never asked for: nothing to put it over.
      const next = await store.read('next');
      return next?.renewal === renewal && !standing.fellBack ? this.#acknowledge(renewal, standing) : 'stay';
    }
    const certificatePem = matchKey(message.certificates, pending.keyPem);
    if (!certificatePem) {
      await say({ word: 'ack', renewal, status: 'failed', code: 'key_mismatch', detail: 'not over the key asked for' });
      return 'stay';
    }
    tell({ type: 'certificate', renewal, ...readCertificate(certificatePem) });
    // What this connection stands on is known to work: it must not be overwritten by what is not.
    if (standing.renewal !== null) await this.forgetOld(standing.renewal);
    await store.write('next', { certificatePem, keyPem: pending.keyPem, renewal, retires: null });
    await store.writePending(null);
    this.#backoff.reset();
    return this.#acknowledge(renewal, standing);
  }

  async #acknowledge(renewal: string, standing: Standing): Promise<'stay' | 'reconnect'> {
    const { say, tell } = this.#options;
    const heard = await say({ word: 'ack', renewal, status: 'installed' });
    if (heard) tell({ type: 'installed', renewal });
    return standing.renewal === renewal ? 'stay' : 'reconnect';
  }

  async #onDone(message: Of<'done'>, standing: Standing): Promise<void> {
    const { store, tell } = this.#options;
    const { renewal, retires } = message;
    tell({ type: 'done', renewal, retires });
    const next = await store.read('next');
    if (standing.renewal !== renewal || next?.renewal !== renewal) return;
    await store.write('next', { ...next, retires });
  }

  /** The replacement from this renewal takes the old credential's place, which is deleted. */
  async forgetOld(renewal: string | null): Promise<void> {
    const { store, tell } = this.#options;
    const next = await store.read('next');
    if (!next || next.renewal !== renewal) return;
    await store.promote();
    tell({ type: 'forgotten', renewal });
  }

  async #onError(message: Of<'error'>, standing: Standing): Promise<'stay' | 'hush'> {
    const { store, say, tell } = this.#options;
    tell({ type: 'error', code: message.code, detail: message.detail ?? '' });
    if (keyIsSpent.has(message.code)) {
      const pending = await store.readPending();
      if (message.renewal === undefined || pending?.renewal === message.renewal) await store.writePending(null);
    }
    if (message.code === 'not_authorized') return 'hush';
    if (askingIsVain.has(message.code) && message.retryAfter === undefined) return 'stay';
    const waitMs = message.retryAfter === undefined ? this.#backoff.next() : message.retryAfter * 1_000;
    // Not awaited: the next message must not wait behind this pause. A hello brings whatever is owed.
    void pause(waitMs, standing.signal).then((still) => (still ? say({ word: 'hello' }) : undefined));
    return 'stay';
  }
}
