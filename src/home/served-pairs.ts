// The server's pairs of key and certificate, one for each port, made anew under the issuing CAs that the slots in the ledger name. A broker
// that runs has them shown; at rest the next start does.
import type { Context } from '../app/context.ts';
import { crossMeant } from '../app/trust/kept-cross.ts';
import { OneAtATime } from '../app/trust/one-at-a-time.ts';
import { portsMeant } from '../app/trust/ports-meant.ts';
import { slotsInUse } from '../app/trust/slots-in-use.ts';
import type { Named } from '../authority/issuing-ca.ts';
import {
  readServerCertificate,
  readServerRoot,
  type ServerCertificate,
  secondPair,
  serverCertificateNow,
} from '../authority/server-certificate.ts';
import type { Fingerprint } from '../domain/certificate.ts';
import { NolapseError } from '../domain/errors.ts';
import { type IssuingSlot, slotIn } from '../domain/issuing-slots.ts';
import type { PortPlan } from '../domain/root-slots.ts';
import { derToPem, pemToDer } from '../pki/pem.ts';
import { fingerprintOf, readCertificate } from '../pki/x509.ts';
import type { IssuingCas } from '../ports/issuing-cas.ts';
import type { MadeCross } from '../ports/root-crosses.ts';
import type { ServedRoots, ShownChain } from '../ports/served-roots.ts';
import { pkiFolder } from './home-folder.ts';
import { type HomeOptions, pkiOptions } from './options.ts';

/** What a port is to show. */
export interface ServerPair {
  /** The number of the root that it leads to. */
  readonly root: number;
  readonly server: ServerCertificate & { readonly renewed: boolean };
}

/** The ports of a broker that runs. */
export interface ShowingPorts {
  /** Throws on what TLS does not take; what was shown before is shown on. */
  first(pair: ServerPair): void;
  /**
   * Rejects with what keeps the port from showing it. @param isNeeded false: nothing is shown there but what the first port shows.
   * @returns is the port open?
   */
  second(pair: ServerPair, isNeeded: boolean): Promise<boolean>;
}

type ServedContext = Pick<Context, 'store' | 'clock'> & { readonly issuing: Pick<IssuingCas, 'use'> };

/** Bytes of the Certificate message for these certificates: with a context and an extension block for each (RFC 8446, 4.4.2). */
function messageBytes(ders: readonly Uint8Array[]): number {
  return ders.reduce((sum, der) => sum + 3 + der.length + 2, 4 + 1 + 3);
}

function shown(root: number, server: ServerCertificate | null): ShownChain {
  if (!server) return { root, certificate: null, messageBytes: 0, hasRsaKey: false };
  const ders = pemToDer(server.certificatePem, 'CERTIFICATE') ?? [];
  const hasRsaKey = readCertificate(server.der).key.algorithm === 'rsa';
  return { root, certificate: server.der, messageBytes: messageBytes(ders), hasRsaKey };
}

export class ServedPairs implements ServedRoots {
  readonly #options: HomeOptions;
  readonly #app: ServedContext;
  readonly #turns = new OneAtATime();
  #first: ShownChain;
  #root: Uint8Array;
  #second: ShownChain | null = null;
  #fault: string | null = null;
  #ports: ShowingPorts | null = null;
  /** SHA-256 of the cross that the first port shows; null: none. */
  #cross: Fingerprint | null = null;

  private constructor(options: HomeOptions, app: ServedContext, { first }: PortPlan) {
    const folder = pkiFolder(options.home);
    this.#options = options;
    this.#app = app;
    this.#first = shown(first, readServerCertificate(folder, options.passphrase));
    this.#root = readServerRoot(folder, first);
  }

  /** Reads what is there, and makes nothing. */
  static async open(options: HomeOptions, app: ServedContext): Promise<ServedPairs> {
    return new ServedPairs(options, app, await portsMeant(app));
  }

  get root(): Uint8Array {
    return this.#root;
  }

  get first(): ShownChain {
    return this.#first;
  }

  get second(): ShownChain | null {
    return this.#second;
  }

  get isShowing(): boolean {
    return this.#ports !== null;
  }

  get fault(): string | null {
    return this.#fault;
  }

  /** The pair of the first port, made anew first where that is needed. Fails as {@link serverCertificateNow}. */
  async firstPair(): Promise<ServerPair> {
    const plan = await portsMeant(this.#app);
    const slots = await this.#app.store.read.issuingSlots();
    const cross = await crossMeant(this.#app, plan);
    return cross ? this.#crossed(cross, slots) : this.#pair('server', plan.first, slots);
  }

  /** A broker runs, and listens: from now on what the ports should show is shown. */
  begin(ports: ShowingPorts): void {
    this.#ports = ports;
  }

  follow(): Promise<void> {
    return this.#turns.run(async () => {
      this.#app.issuing.use(await slotsInUse(this.#app.store));
      await this.#serve();
    });
  }

  /** Has the certificates made anew that have little time left. Rejects as {@link follow}. */
  renew(): Promise<void> {
    return this.#turns.run(() => this.#serve());
  }

  /** Follows where the time alone has changed what the ports should show. Rejects as {@link follow}. */
  async look(): Promise<void> {
    // What failed is tried again by the next that renews.
    if (this.#fault !== null) return;
    const plan = await portsMeant(this.#app);
    const { first, second } = plan;
    const cross = await crossMeant(this.#app, plan);
    const isCross = this.#cross === (cross && fingerprintOf(cross.der));
    const isShown = this.#second === null || this.#second.root === second;
    if (first !== this.#first.root || !isShown || !isCross) await this.renew();
  }

  async #serve(): Promise<void> {
    try {
      const plan = await portsMeant(this.#app);
      const slots = await this.#app.store.read.issuingSlots();
      const first = this.#showFirst(plan, slots, await crossMeant(this.#app, plan));
      this.#second = await this.#showSecond(plan, first, slots);
      this.#fault = null;
    } catch (error) {
      this.#fault = error instanceof Error ? error.message : String(error);
      throw error;
    }
  }

  #showFirst({ first: root }: PortPlan, slots: readonly IssuingSlot[], cross: MadeCross | null): ServerPair {
    const pair = cross ? this.#crossed(cross, slots) : this.#pair('server', root, slots);
    this.#cross = cross && fingerprintOf(cross.der);
    const der = readServerRoot(pkiFolder(this.#options.home), root);
    this.#ports?.first(pair);
    this.#first = shown(root, pair.server);
    this.#root = der;
    return pair;
  }

  async #showSecond(plan: PortPlan, first: ServerPair, slots: readonly IssuingSlot[]): Promise<ShownChain | null> {
    if (plan.second === null) return this.#second;
    const isOther = plan.second !== plan.first;
    const pair = isOther ? this.#pair(secondPair, plan.second, slots) : first;
    return (await this.#ports?.second(pair, isOther)) ? shown(plan.second, pair.server) : null;
  }

  /**
   * The chain of the newer root with the cross above it, and none of the second port's: what is shown there is verified by the older root
   * too, so a connection proves no more than that one.
   */
  #crossed({ root, signer, der }: MadeCross, slots: readonly IssuingSlot[]): ServerPair {
    const { server } = this.#pair(secondPair, root, slots);
    const certificatePem = server.certificatePem + derToPem(der, 'CERTIFICATE');
    return { root: signer, server: { ...server, certificatePem } };
  }

  #pair(pair: 'server' | typeof secondPair, root: number, slots: readonly IssuingSlot[]): ServerPair {
    const options = { ...pkiOptions(this.#options, namedBelow(root, slots)), pair };
    return { root, server: serverCertificateNow(pkiFolder(this.#options.home), options) };
  }
}

/** The issuing CA that signs the server's certificate below this root. */
function namedBelow(root: number, slots: readonly IssuingSlot[]): Named {
  const slot = slotIn(slots, 'current', root);
  if (!slot) throw new NolapseError('no_issuing_ca', `no issuing CA below root ${root} is in the slot \`current\``);
  return { number: slot.number, root, fingerprint: slot.certificate?.fingerprint ?? null };
}
