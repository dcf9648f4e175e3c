// Has the ports of a running broker show the chains that are meant for them, with the CAs that clients are hinted at, where those they show
// are others.
import { ownCas } from '../app/trust.ts';
import type { Broker } from '../broker/broker.ts';
import type { TlsMaterial } from '../broker/door/tls-options.ts';
import type { ServerPair, ShowingPorts } from '../home/served-pairs.ts';
import { derToPem } from '../pki/pem.ts';
import type { DecisionLog } from '../ports/decision-log.ts';
import type { TrustPorts } from './trust-ports.ts';

type Hinting = Parameters<typeof ownCas>[0] & { readonly settings: { readonly anchors: readonly Uint8Array[] } };

/** PEM of the CAs that clients are hinted to choose a certificate of. */
export function hintsOf(app: Hinting): string[] {
  return [...ownCas(app), ...app.settings.anchors].map((der) => derToPem(der, 'CERTIFICATE'));
}

/** What TLS is given. */
export function materialOf({ root, server }: ServerPair, hints: readonly string[]): TlsMaterial {
  return { root, key: server.keyPem, cert: server.certificatePem, ca: hints };
}

const textOf = JSON.stringify as (material: TlsMaterial) => string;

export interface ShownPortsOptions {
  readonly broker: Pick<Broker, 'setSecureContext'>;
  readonly ports: TrustPorts;
  readonly hints: () => string[];
  readonly decisions: DecisionLog;
  /** What the first port shows from its beginning. */
  readonly begun: TlsMaterial;
}

export class ShownPorts implements ShowingPorts {
  readonly #options: ShownPortsOptions;
  /** Each port's material as it was given last. */
  readonly #given: { first: string; second: string };
  #firstRoot: number | undefined;

  constructor(options: ShownPortsOptions) {
    this.#options = options;
    this.#given = { first: textOf(options.begun), second: '' };
    this.#firstRoot = options.begun.root;
  }

  first(pair: ServerPair): void {
    const { broker, ports, hints, decisions } = this.#options;
    const material = materialOf(pair, hints());
    const text = textOf(material);
    if (text === this.#given.first) return;
    broker.setSecureContext(material);
    // The CAs that are hinted at may be others although the certificate is the same.
    ports.hintAnew();
    this.#given.first = text;
    if (pair.server.renewed) {
      decisions.tell({ action: 'server.certificate_renewed', message: 'the server certificate was renewed' });
    }
    if (pair.root !== this.#firstRoot) this.#tellShown('first', pair.root);
    this.#firstRoot = pair.root;
  }

  #tellShown(port: 'first' | 'second', root: number): void {
    this.#options.decisions.tell({
      action: 'server.chain_shown',
      message: `the ${port} port shows the chain of root ${root}`,
      fields: { 'nolapse.root': root, 'nolapse.port': port },
    });
  }

  async second(pair: ServerPair, isNeeded: boolean): Promise<boolean> {
    const { ports, hints, decisions } = this.#options;
    if (ports.port === null && !isNeeded) return false;
    const { root, server } = pair;
    const text = textOf(materialOf(pair, hints()));
    if (text === this.#given.second && ports.root === root) return true;
    const before = ports.root;
    await ports.serve({ root, keyPem: server.keyPem, certificatePem: server.certificatePem });
    this.#given.second = text;
    if (before !== root) this.#tellShown('second', root);
    if (isNeeded && server.renewed) {
      const message = `the server certificate below root ${root} was renewed`;
      decisions.tell({ action: 'server.certificate_renewed', message, fields: { 'nolapse.root': root } });
    }
    return true;
  }
}
