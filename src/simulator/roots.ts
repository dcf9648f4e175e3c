// The roots that a device verifies the broker with, and the ports where it finds it: takes the steps of roots, tries the port that is
// announced with one, and says what came of that. Which step is taken and what is tried is decided in domain/trust-store.ts.
import type { Fingerprint } from '../domain/certificate.ts';
import type { DownMessage, UpMessage } from '../domain/message.ts';
import { sequenceOfRenewalId } from '../domain/trust-step.ts';
import {
  type Attempt,
  afterConnack,
  attempts,
  isTaken,
  newTrustStore,
  rootsHeldLeast,
  type StepAnswer,
  type StepRefusal,
  type TrustStore,
  takeStep,
} from '../domain/trust-store.ts';
import { derToPem, pemToDer } from '../pki/pem.ts';
import { openStep, stepVerifies } from '../pki/trust-step.ts';
import { fingerprintOf } from '../pki/x509.ts';
import type { Opened } from './connection.ts';
import { type Download, withPart } from './download.ts';
import type { Listener } from './event.ts';

/** To be written as one. */
export interface KeptRoots {
  readonly trust: TrustStore;
  /** DER of the roots that are held, by their SHA-256. */
  readonly ders: ReadonlyMap<Fingerprint, Uint8Array>;
}

export interface RootStore {
  read(): Promise<KeptRoots>;
  write(kept: KeptRoots): Promise<void>;
}

/** What a device is made with, in memory. @param rootPem PEM of its root. */
export function memoryRoots(rootPem: string, port: number): RootStore {
  const [der] = pemToDer(rootPem, 'CERTIFICATE') ?? [];
  if (!der) throw new RangeError('the root is no certificate in PEM');
  const root = fingerprintOf(der);
  let kept: KeptRoots = { trust: newTrustStore(root, port), ders: new Map([[root, der]]) };
  return {
    read: async () => kept,
    write: async (next) => {
      kept = next;
    },
  };
}

export interface RootsOptions {
  readonly store: RootStore;
  /** Roots that it can keep. */
  readonly rootsMax?: number;
  /** Roots that its TLS stack takes at once: 1 for a device with one slot. */
  readonly together?: number;
}

interface Talk {
  readonly say: (message: UpMessage) => Promise<boolean>;
  readonly tell: Listener;
}

type Of<W extends DownMessage['word']> = Extract<DownMessage, { word: W }>;

/** A port to try with these roots. */
export interface Place {
  readonly port: number;
  /** PEM. */
  readonly ca: string;
}

/** A step that was announced, and the port with it. */
interface Announced {
  readonly renewal: string;
  readonly port: number;
}

export class Roots {
  readonly #options: Required<RootsOptions>;
  readonly #talk: Talk;
  #fetching: (Announced & { readonly download: Download; readonly signal: AbortSignal }) | null = null;
  /** The step whose port is to be tried, and how that failed by now. */
  #trial: (Announced & { code: StepRefusal | null }) | null = null;
  #failed: { readonly renewal: string; readonly code: StepRefusal } | null = null;

  constructor(options: RootsOptions, talk: Talk) {
    this.#options = { rootsMax: rootsHeldLeast, together: rootsHeldLeast, ...options };
    this.#talk = talk;
  }

  /** What is to be tried in order, until one ends in CONNACK 0. */
  async places(): Promise<readonly Place[]> {
    const { trust, ders } = await this.#options.store.read();
    const pem = ({ roots }: Attempt): string => roots.map((root) => pemOf(ders, root)).join('');
    const all = attempts(trust, this.#options.together, this.#trial?.port ?? null);
    return all.map((attempt) => ({ port: attempt.port, ca: pem(attempt) }));
  }

  /** Nothing but CONNACK 0 proves a root. @returns whether another place may be tried with the same certificate. */
  async tried({ port }: Place, opened: Opened): Promise<boolean> {
    const isTrial = this.#trial?.port === port;
    if (opened.kind === 'open') {
      await this.#proven(port, opened.root);
      this.#failed = this.#trial?.code ? { renewal: this.#trial.renewal, code: this.#trial.code } : this.#failed;
      this.#trial = null;
      return false;
    }
    if (isTrial && this.#trial) this.#trial.code = opened.kind === 'untrusted' ? 'port_untrusted' : 'port_unreachable';
    return isTrial || opened.kind !== 'refused';
  }

  async #proven(port: number, root: Fingerprint): Promise<void> {
    const { store } = this.#options;
    const { trust, ders } = await store.read();
    const after = afterConnack(trust, { port, root });
    const held = new Set(after.roots.map(({ fingerprint }) => fingerprint));
    await store.write({ trust: after, ders: new Map([...ders].filter(([each]) => held.has(each))) });
    if (this.#trial?.port === port) this.#trial = null;
    this.#talk.tell({ type: 'verified', port, root });
  }

  /** Says why it is back, where it was to try a port. */
  async report(): Promise<void> {
    const failed = this.#failed;
    this.#failed = null;
    if (failed) await this.#refuse(failed.renewal, failed.code);
  }

  /** @returns whether the connection is to be ended, so that the port is tried. */
  async onTrust({ renewal, size, port }: Of<'trust'>, signal: AbortSignal): Promise<boolean> {
    const { say, tell } = this.#talk;
    tell({ type: 'trust', renewal, port });
    const { trust } = await this.#options.store.read();
    const sequence = sequenceOfRenewalId(renewal) ?? 0;
    if (isTaken(trust, sequence)) {
      const brought = trust.roots.find(({ broughtBy }) => broughtBy === sequence);
      return this.#stored({ renewal, port }, trust, brought?.fingerprint ?? null);
    }
    const known = this.#fetching;
    if (known?.renewal === renewal && known.signal === signal) return false;
    const isSame = known?.renewal === renewal && known.download.total === size;
    const download = isSame ? known.download : { renewal, total: size, sha256: null, bytes: new Uint8Array() };
    this.#fetching = { renewal, port, download, signal };
    const offset = download.bytes.length;
    await say({ word: 'get', renewal, offset, length: size - offset });
    return false;
  }

  /** @returns as {@link onTrust} does. */
  async onPart(part: Of<'part'>): Promise<boolean> {
    const known = this.#fetching;
    const download = known && withPart(known.download, part);
    if (!known || !download) return false;
    this.#fetching = { ...known, download };
    if (download.bytes.length < download.total) return false;
    this.#fetching = null;
    return this.#take(known, download.bytes);
  }

  async #take(announced: Announced, bytes: Uint8Array): Promise<boolean> {
    const { store, rootsMax } = this.#options;
    const kept = await store.read();
    const opened = openStep(bytes);
    if (!opened.ok) return this.#refuse(announced.renewal, 'malformed_step');
    const { step } = opened;
    const signer = kept.ders.get(step.signer);
    const verifies = signer !== undefined && stepVerifies(opened, signer);
    // What was announced and what was fetched are one and the same.
    if (step.sequence !== sequenceOfRenewalId(announced.renewal))
      return this.#refuse(announced.renewal, 'malformed_step');
    const answer: StepAnswer = takeStep(kept.trust, { step, verifies, port: announced.port }, rootsMax);
    if (answer.outcome === 'refused') return this.#refuse(announced.renewal, answer.reason);
    const named = step.kind === 'successor' ? step.named : null;
    if (answer.outcome === 'known') return this.#stored(announced, kept.trust, named);
    const roots = new Set(answer.store.roots.map(({ fingerprint }) => fingerprint));
    const ders = step.kind === 'successor' ? new Map([...kept.ders, [step.named, step.root] as const]) : kept.ders;
    await store.write({ trust: answer.store, ders: new Map([...ders].filter(([each]) => roots.has(each))) });
    return this.#stored(announced, answer.store, named);
  }

  /** It is kept: says so, and tries the port of the root that it names, unless it is connected under that. */
  async #stored(announced: Announced, { committed }: TrustStore, named: Fingerprint | null): Promise<boolean> {
    const { say, tell } = this.#talk;
    await say({ word: 'ack', renewal: announced.renewal, status: 'stored' });
    tell({ type: 'stored', renewal: announced.renewal });
    if (named === null || (committed.root === named && committed.port === announced.port)) return false;
    this.#trial = { ...announced, code: null };
    return true;
  }

  async #refuse(renewal: string, code: StepRefusal): Promise<false> {
    this.#talk.tell({ type: 'step_refused', renewal, code });
    await this.#talk.say({ word: 'ack', renewal, status: 'failed', code });
    return false;
  }
}

function pemOf(ders: KeptRoots['ders'], root: Fingerprint): string {
  const der = ders.get(root);
  return der ? derToPem(der, 'CERTIFICATE') : '';
}
