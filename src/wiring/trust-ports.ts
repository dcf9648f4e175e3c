// The ports beside the first one that a rollover of roots needs: that of the next root, and a control whose chain nobody can trust. Which
// chain belongs on them is decided elsewhere.
import type { Broker } from '../broker/broker.ts';
import type { TlsMaterial } from '../broker/door/tls-options.ts';
import type { OpenPort } from '../broker/ports.ts';
import { NolapseError } from '../domain/errors.ts';
import { controlRoot } from '../domain/trust-record.ts';
import { DerError } from '../pki/der-reader.ts';
import { pemToDer } from '../pki/pem.ts';
import { readCertificate } from '../pki/x509.ts';
import type { NextPort, Reached, ServedChain } from '../ports/next-port.ts';
import { reachPort } from './reach-port.ts';

/** Certificates that are shown. */
const chainMax = 2;
/** For each handshake with the own public address. */
const reachMs = 10_000;

export interface TrustPortsOptions {
  readonly broker: Pick<Broker, 'open' | 'sessionsUnder'>;
  readonly host: string;
  /** Null: not configured. */
  readonly nextPort: number | null;
  readonly controlPort: number | null;
  /** The names that the server is reached by, the first for the own look at it. */
  readonly names: readonly string[];
  /** PEM of the CAs that clients are hinted to choose a certificate of, now. */
  readonly hints: () => readonly string[];
  /** Key and chain (PEM) that nobody can trust. */
  readonly makeControl: () => { readonly key: string; readonly cert: string };
}

interface Served {
  readonly open: OpenPort;
  /** Without hints. */
  chain: Omit<TlsMaterial, 'ca'>;
}

/**
 * Nothing that leads to another root is shown where a root is to be proved: the server's certificate and the issuing CA below the root, at
 * most. A cross certificate would stand above that.
 */
function objectToChain(pem: string): string | null {
  const ders = pemToDer(pem, 'CERTIFICATE') ?? [];
  if (ders.length === 0) return 'it holds no certificate in PEM';
  if (ders.length > chainMax)
    return `it has ${ders.length} certificates: a server's and its issuing CA's are shown, and no cross`;
  try {
    const isSelfIssued = ders.map(readCertificate).some(({ issuer, subject }) => Buffer.compare(issuer, subject) === 0);
    return isSelfIssued ? 'a root is in it: clients have their own' : null;
  } catch (error) {
    if (error instanceof DerError) return error.message;
    throw error;
  }
}

export class TrustPorts implements NextPort {
  readonly #options: TrustPortsOptions;
  #next: Served | null = null;
  #control: Served | null = null;

  constructor(options: TrustPortsOptions) {
    this.#options = options;
  }

  get port(): number | null {
    return this.#options.nextPort;
  }

  get root(): number | null {
    return this.#next?.chain.root ?? null;
  }

  /** Opens the control, where one is configured. Rejects with what the socket says where its port cannot be had. */
  async begin(): Promise<void> {
    const { controlPort, makeControl } = this.#options;
    if (controlPort !== null) this.#control = await this.#open(controlPort, { root: controlRoot, ...makeControl() });
  }

  async serve({ root, keyPem: key, certificatePem: cert }: ServedChain): Promise<void> {
    const { nextPort } = this.#options;
    if (nextPort === null) throw new NolapseError('no_next_port', 'mqtt.nextPort is not configured');
    const chain = { root, key, cert };
    const fault = objectToChain(cert);
    if (fault !== null) throw new NolapseError('chain_unusable', `the chain of root ${root} is not served: ${fault}`);
    try {
      if (!this.#next) this.#next = await this.#open(nextPort, chain);
      else {
        this.#next.open.setSecureContext(this.#hinted(chain));
        this.#next.chain = chain;
      }
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      const isOfSocket = error instanceof Error && 'syscall' in error;
      if (isOfSocket) throw new NolapseError('port_unavailable', `mqtt.nextPort cannot be had: ${detail}`, error);
      throw new NolapseError('chain_unusable', `the chain of root ${root} cannot be served: ${detail}`, error);
    }
  }

  close(): void {
    this.#next?.open.close();
    this.#next = null;
  }

  /** The CAs that clients are to be hinted at have changed. */
  hintAnew(): void {
    for (const each of [this.#next, this.#control]) each?.open.setSecureContext(this.#hinted(each.chain));
  }

  sessionsUnder(root: number): number {
    return this.#options.broker.sessionsUnder(root);
  }

  async reach({ next, present, host }: Parameters<NextPort['reach']>[0]): Promise<Reached> {
    const { nextPort: port, names } = this.#options;
    if (port === null) return { ok: false, fault: 'mqtt.nextPort is not configured' };
    return reachPort({ host: host ?? names[0] ?? 'localhost', port, next, present, withinMs: reachMs });
  }

  async #open(port: number, chain: Served['chain']): Promise<Served> {
    return { open: await this.#options.broker.open({ host: this.#options.host, port }, this.#hinted(chain)), chain };
  }

  #hinted(chain: Served['chain']): TlsMaterial {
    return { ...chain, ca: this.#options.hints() };
  }
}
