// The device's side of the conversation: what it does with an offer, a part, a certificate, a confirmation and an error. Each
// may come twice, late or out of order. It stores and answers; connecting is not its business.
import type { EnrollmentCode } from '../domain/errors.ts';
import type { DownMessage, UpMessage } from '../domain/message.ts';
import type { Encoding, PrincipalId } from '../domain/principal.ts';
import { sequenceOfRenewalId } from '../domain/trust-step.ts';
import { decodeDown } from '../wire/index.ts';
import type { Credential, CredentialStore } from './credentials.ts';
import { downloadOf } from './download.ts';
import type { Listener } from './event.ts';
import { Fetch, type Fetched } from './fetch.ts';
import { chainAbove, makeRequest, matchKey, readCertificate } from './key.ts';
import { Backoff, pause } from './pause.ts';
import type { Roots } from './roots.ts';
import { sendRequest } from './send-request.ts';
import { splitReplacement, unwrapKey } from './unwrap.ts';

export interface EnrollmentOptions {
  readonly id: PrincipalId;
  readonly store: CredentialStore;
  /** Publishes; false when the connection ended before it was acknowledged. */
  readonly say: (message: UpMessage) => Promise<boolean>;
  readonly tell: Listener;
  /** Null: it keeps the root that it was made with. */
  readonly roots: Roots | null;
  readonly encoding: Encoding;
  /** The largest packet it handles, either way, in bytes. */
  readonly maxPacket: number;
  readonly retryFirstMs: number;
  readonly retryMaxMs: number;
}

/** What the device knows of the connection a message came in on. */
export interface Standing {
  /** What the connection was opened with. */
  readonly credential: Credential;
  /** The replacement was refused so often that the device is back on the old one. */
  readonly fellBack: boolean;
  /** Aborts when the connection ends. */
  readonly signal: AbortSignal;
}

type Pair = Pick<Credential, 'certificatePem' | 'keyPem'>;

const mismatch = { code: 'key_mismatch', detail: 'not over the key it was asked for' } as const;

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

/** Codes after which asking again changes nothing before the broker makes its next offer. */
const askingIsVain: ReadonlySet<EnrollmentCode> = new Set([
  'algorithm_refused',
  'not_authorized',
  'packet_too_small',
  'too_many_requests',
  'unsupported_mode',
  'wrong_state',
]);

function tryingPort(isToBeTried: boolean | undefined): 'stay' | 'try' {
  return isToBeTried ? 'try' : 'stay';
}

/** Where the broker had no room to say when to ask again. */
const defaultAskSeconds = 3_600;

export class Enrollment {
  readonly #options: EnrollmentOptions;
  readonly #backoff: Backoff;
  readonly #fetch: Fetch;

  constructor(options: EnrollmentOptions) {
    this.#options = options;
    this.#backoff = new Backoff(options.retryFirstMs, options.retryMaxMs);
    this.#fetch = new Fetch({ ...options, quietMs: options.retryFirstMs });
  }

  /**
   * Acts on one message from the broker.
   * @returns `reconnect` once a replacement is stored and acknowledged; `forward` when the broker has seen one that is stored; `hush`
   * when the broker takes enrollment alone; `try` when a port that was announced is to be tried.
   */
  async take(
    word: string,
    payload: Uint8Array,
    standing: Standing,
  ): Promise<'stay' | 'reconnect' | 'forward' | 'hush' | 'try'> {
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
        if (sequenceOfRenewalId(message.renewal) !== null) {
          return tryingPort(await this.#options.roots?.onPart(message));
        }
        return this.#onFetched(message.renewal, await this.#fetch.take(message), standing);
      case 'trust':
        return tryingPort(await this.#options.roots?.onTrust(message, standing.signal));
    }
  }

  async #onOffer(offer: Of<'offer'>, standing: Standing): Promise<'stay' | 'reconnect'> {
    const { id, store, tell } = this.#options;
    tell({ type: 'offer', renewal: offer.renewal, deadline: offer.deadline });
    const next = await store.read('next');
    if (next?.renewal === offer.renewal && !standing.fellBack) return this.#acknowledge(offer.renewal, standing);
    let pending = await store.readPending();
    const download = downloadOf(offer);
    if (download && (offer.mode !== 'csr' || pending?.renewal === offer.renewal)) {
      return this.#onFetched(offer.renewal, await this.#fetch.begin(download, standing.signal), standing);
    }
    // The broker makes the request of the other modes, and offers again when it has.
    if (offer.mode !== 'csr') return 'stay';
    if (pending?.renewal !== offer.renewal) {
      // The key is stored before the request leaves: a certificate for a key that was lost would be worth nothing.
      pending = { renewal: offer.renewal, ...(await makeRequest(id)) };
      await store.writePending(pending);
    }
    await sendRequest(this.#options, offer.renewal, pending.csr);
    tell({ type: 'requested', renewal: offer.renewal, csr: pending.csr });
    return 'stay';
  }

  async #onFetched(renewal: string, fetched: Fetched, standing: Standing): Promise<'stay' | 'reconnect'> {
    const { store, say, tell } = this.#options;
    if (fetched === null) return 'stay';
    if (fetched === 'corrupt') {
      tell({ type: 'error', code: 'digest_mismatch', detail: 'what was fetched is not what was offered' });
      this.#askLater(this.#backoff.next(), standing);
      return 'stay';
    }
    const pair = await this.#pairOf(renewal, fetched, standing.credential);
    const then = pair ? await this.#install(renewal, pair, standing) : 'stay';
    if (!pair) await say({ word: 'ack', renewal, status: 'failed', ...mismatch });
    await store.writeDownload(null);
    return then;
  }

  /** A replacement with its key: the one made for the request, the one that came with it, or the one in use. */
  async #pairOf(
    renewal: string,
    replacement: Uint8Array,
    { keyPem, certificatePem }: Credential,
  ): Promise<Pair | null> {
    const pending = await this.#options.store.readPending();
    try {
      const { certificate, envelope } = splitReplacement(replacement);
      const own = envelope ? unwrapKey(envelope, keyPem) : keyPem;
      const key = pending?.renewal === renewal ? pending.keyPem : own;
      const matched = matchKey([certificate, ...chainAbove(certificate, certificatePem)], key);
      return matched === null ? null : { certificatePem: matched, keyPem: key };
    } catch {
      return null;
    }
  }

  async #onCertificate(message: Of<'cert'>, standing: Standing): Promise<'stay' | 'reconnect'> {
    const { store, say } = this.#options;
    const { renewal } = message;
    const pending = await store.readPending();
    if (pending?.renewal !== renewal) {
      // Already stored: the acknowledgement was lost. Never asked for: nothing to put it over.
      const next = await store.read('next');
      return next?.renewal === renewal && !standing.fellBack ? this.#acknowledge(renewal, standing) : 'stay';
    }
    const certificatePem = matchKey(message.certificates, pending.keyPem);
    if (!certificatePem) {
      await say({ word: 'ack', renewal, status: 'failed', ...mismatch });
      return 'stay';
    }
    return this.#install(renewal, { certificatePem, keyPem: pending.keyPem }, standing);
  }

  async #install(renewal: string, pair: Pair, standing: Standing): Promise<'stay' | 'reconnect'> {
    const { store, tell } = this.#options;
    tell({ type: 'certificate', renewal, ...readCertificate(pair.certificatePem) });
    // What this connection stands on is known to work: it must not be overwritten by what is not.
    if (standing.credential.renewal !== null) await this.forgetOld(standing.credential.renewal);
    await store.write('next', { ...pair, renewal, retires: null });
    await store.writePending(null);
    this.#backoff.reset();
    return this.#acknowledge(renewal, standing);
  }

  async #acknowledge(renewal: string, standing: Standing): Promise<'stay' | 'reconnect'> {
    const { say, tell } = this.#options;
    const heard = await say({ word: 'ack', renewal, status: 'installed' });
    if (heard) tell({ type: 'installed', renewal });
    return standing.credential.renewal === renewal ? 'stay' : 'reconnect';
  }

  async #onDone(message: Of<'done'>, standing: Standing): Promise<void> {
    const { store, tell } = this.#options;
    const { renewal, retires } = message;
    tell({ type: 'done', renewal, retires });
    const next = await store.read('next');
    if (standing.credential.renewal !== renewal || next?.renewal !== renewal) return;
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

  async #onError(message: Of<'error'>, standing: Standing): Promise<'stay' | 'forward' | 'hush'> {
    const { store, tell } = this.#options;
    if (message.code === 'nothing_due') return this.#onNothingDue(message, standing);
    if (message.code === 'renewal_closed' && standing.fellBack && (await this.#holds(message.renewal, standing))) {
      tell({ type: 'forward', renewal: message.renewal ?? '' });
      return 'forward';
    }
    tell({ type: 'error', code: message.code, detail: message.detail ?? '' });
    if (keyIsSpent.has(message.code)) {
      const pending = await store.readPending();
      if (message.renewal === undefined || pending?.renewal === message.renewal) await store.writePending(null);
    }
    if (message.code === 'not_authorized') return 'hush';
    if (askingIsVain.has(message.code) && message.retryAfter === undefined) return 'stay';
    this.#fetch.interrupt();
    this.#askLater(message.retryAfter === undefined ? this.#backoff.next() : message.retryAfter * 1_000, standing);
    return 'stay';
  }

  /** An answer, and no failure. Of a renewal that it names the broker holds that the device has the replacement. */
  async #onNothingDue(
    { renewal, retryAfter = defaultAskSeconds }: Of<'error'>,
    standing: Standing,
  ): Promise<'stay' | 'forward'> {
    const { say, tell } = this.#options;
    tell({ type: 'idle', retryAfter });
    if (renewal !== undefined && !standing.fellBack && standing.credential.renewal !== renewal) {
      if (await this.#holds(renewal, standing)) {
        tell({ type: 'forward', renewal });
        return 'forward';
      }
      const detail = 'the replacement is not there any more';
      await say({ word: 'ack', renewal, status: 'failed', code: 'lost', detail });
    }
    this.#askLater(retryAfter * 1_000, standing);
    return 'stay';
  }

  /** Is this renewal's replacement stored, and not what the connection was opened with? */
  async #holds(renewal: string | undefined, { credential }: Standing): Promise<boolean> {
    const next = await this.#options.store.read('next');
    return next !== null && next.renewal === renewal && credential.renewal !== renewal;
  }

  /** A hello brings whatever is owed. Not awaited: the next message must not wait behind this pause. */
  #askLater(waitMs: number, { signal }: Standing): void {
    void pause(waitMs, signal).then((still) => (still ? this.#options.say({ word: 'hello' }) : undefined));
  }
}
