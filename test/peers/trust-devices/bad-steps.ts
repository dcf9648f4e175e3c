// Steps that a device must not take: what it holds by then, the bytes that it is given, and the code that it answers with.
import { readCertificates, readKeyFile } from '../../../src/authority/key-pair.ts';
import { encodeStep, stepSequenceMax, type TrustStep } from '../../../src/domain/trust-step.ts';
import type { StepRefusal } from '../../../src/domain/trust-store.ts';
import { signStep } from '../../../src/pki/trust-step.ts';
import { fingerprintOf } from '../../../src/pki/x509.ts';
import { ecKey } from '../../pki/made.ts';
import { makeRoot } from '../../pki/roots.ts';
import type { TrustBench } from './bench.ts';

/** What the device has been through before. */
export const pasts = {
  /** It holds root 1, and nothing was ever said to it. */
  first: 'that holds one root',
  /** Root 1 has named root 2, and it connects under that. */
  proved: 'that connects under the second root',
  /** The same, and root 2 has given up root 1. */
  dropped: 'whose first root was given up',
  /** It connected under root 2, which has withdrawn itself, and connects under root 1 again. */
  withdrawn: 'whose second root has withdrawn itself',
  /** The same; root 1 has named root 2 with the largest sequence that there is. */
  exhausted: 'whose root has used the largest sequence',
  /** Root 1 has named root 2, whose port nobody serves. */
  stored: 'that could not connect under the second root',
} as const;
export type Past = keyof typeof pasts;

export interface BadStep {
  readonly name: string;
  readonly past: Past;
  readonly code: StepRefusal;
  readonly bytes: (made: Made, sequence: number) => Uint8Array;
}

/** What steps are made of: the roots of a bench. */
export class Made {
  readonly #bench: TrustBench;

  constructor(bench: TrustBench) {
    this.#bench = bench;
  }

  der(root: number): Uint8Array {
    return this.#bench.rollover.root(root).der;
  }

  /** The certificate of the server that this root stands for: no root. */
  leaf(root: number): Uint8Array {
    const [leaf] = readCertificates(this.#bench.rollover.root(root).folder, 'server.crt').ders;
    return leaf;
  }

  successor(signer: number, named: Uint8Array, sequence: number): TrustStep {
    const said = { sequence, signer: fingerprintOf(this.der(signer)) };
    return { kind: 'successor', ...said, named: fingerprintOf(named), root: named };
  }

  about(kind: 'drop' | 'withdraw', signer: number, sequence: number): TrustStep {
    return { kind, sequence, signer: fingerprintOf(this.der(signer)) };
  }

  /** @param by whose key signs it. */
  signed(step: TrustStep, by: number): Uint8Array {
    return signStep(step, readKeyFile(this.#bench.rollover.root(by).folder, 'root.key', undefined));
  }
}

/** With other bytes from there on. */
function over(bytes: Uint8Array, at: number, ...values: readonly number[]): Uint8Array {
  const other = Uint8Array.from(bytes);
  other.set(values, at);
  return other;
}

const next = (made: Made, sequence: number): Uint8Array => made.signed(made.successor(1, made.der(2), sequence), 1);
const lastByte = (bytes: Uint8Array): Uint8Array => over(bytes, bytes.length - 1, (bytes.at(-1) ?? 0) ^ 1);

/** A step by the first root that names this certificate, which is no root that may follow. */
const naming = (name: string, parts: Parameters<typeof makeRoot>[1]): BadStep => ({
  name: `that brings a root which is ${name}`,
  past: 'first',
  code: 'malformed_step',
  bytes: (made, sequence) => made.signed(made.successor(1, makeRoot('next root', parts).der, sequence), 1),
});

export const badSteps: readonly BadStep[] = [
  {
    name: 'without a signature',
    past: 'first',
    code: 'malformed_step',
    bytes: (made, sequence) => next(made, sequence).subarray(0, 76 + made.der(2).length),
  },
  { name: 'without its end', past: 'first', code: 'malformed_step', bytes: (...of) => next(...of).subarray(0, 200) },
  { name: 'of another version', past: 'first', code: 'malformed_step', bytes: (...of) => over(next(...of), 0, 2) },
  {
    name: 'of a kind that is not known',
    past: 'first',
    code: 'malformed_step',
    bytes: (...of) => over(next(...of), 1, 4),
  },
  {
    name: 'that names another root than it brings',
    past: 'first',
    code: 'malformed_step',
    bytes: (made, sequence) => over(next(made, sequence), 42, 1, 2, 3),
  },
  {
    name: 'that brings the certificate of a server',
    past: 'first',
    code: 'malformed_step',
    bytes: (made, sequence) => made.signed(made.successor(1, made.leaf(2), sequence), 1),
  },
  naming('no CA', { ca: false }),
  naming('of path length 0', { pathLength: 0 }),
  naming('not to sign certificates', { usages: ['cRLSign'] }),
  naming('signed by another key', { signedWith: ecKey() }),
  naming('issued by another', { by: makeRoot('another root') }),
  {
    name: 'that was announced under another sequence',
    past: 'first',
    code: 'malformed_step',
    bytes: (made, sequence) => next(made, sequence - 1),
  },
  {
    name: 'above the largest sequence that there is',
    past: 'first',
    code: 'malformed_step',
    // 10^15
    bytes: (...of) => over(next(...of), 2, 0x00, 0x03, 0x8d, 0x7e, 0xa4, 0xc6, 0x80, 0x00),
  },
  {
    name: 'signed by the key of the root that it names',
    past: 'first',
    code: 'bad_signature',
    bytes: (made, sequence) => made.signed(made.successor(1, made.der(2), sequence), 2),
  },
  { name: 'with another last byte', past: 'first', code: 'bad_signature', bytes: (...of) => lastByte(next(...of)) },
  {
    name: 'with a signature that is none',
    past: 'first',
    code: 'bad_signature',
    bytes: (made, sequence) =>
      encodeStep({ step: made.successor(1, made.der(2), sequence), signature: new Uint8Array(70) }),
  },
  {
    name: 'of a root that nobody has named',
    past: 'first',
    code: 'unknown_signer',
    bytes: (made, sequence) => made.signed(made.successor(2, made.der(3), sequence), 2),
  },
  {
    name: 'that withdraws the only root',
    past: 'first',
    code: 'last_root',
    bytes: (made, sequence) => made.signed(made.about('withdraw', 1, sequence), 1),
  },
  {
    name: 'by an older root, which names another successor',
    past: 'proved',
    code: 'older_root',
    bytes: (made, sequence) => made.signed(made.successor(1, made.der(3), sequence), 1),
  },
  {
    name: 'by an older root, which gives up the newer one',
    past: 'proved',
    code: 'older_root',
    bytes: (made, sequence) => made.signed(made.about('drop', 1, sequence), 1),
  },
  {
    name: 'by an older root, which withdraws itself',
    past: 'proved',
    code: 'older_root',
    bytes: (made, sequence) => made.signed(made.about('withdraw', 1, sequence), 1),
  },
  {
    name: 'that names the older root as successor',
    past: 'proved',
    code: 'already_held',
    bytes: (made, sequence) => made.signed(made.successor(2, made.der(1), sequence), 2),
  },
  {
    name: 'of an older sequence of the same root',
    past: 'dropped',
    code: 'old_sequence',
    bytes: (made, sequence) => made.signed(made.successor(2, made.der(3), sequence), 2),
  },
  {
    name: 'by a root that was given up',
    past: 'dropped',
    code: 'unknown_signer',
    bytes: (made, sequence) => made.signed(made.successor(1, made.der(3), sequence), 1),
  },
  {
    name: 'by a root that has withdrawn itself',
    past: 'withdrawn',
    code: 'unknown_signer',
    bytes: (made, sequence) => made.signed(made.successor(2, made.der(3), sequence), 2),
  },
  {
    name: 'after one of the largest sequence that there is',
    past: 'exhausted',
    code: 'old_sequence',
    bytes: (made, sequence) => made.signed(made.successor(1, made.der(3), sequence), 1),
  },
  {
    name: 'for which no root may make room',
    past: 'stored',
    code: 'no_slot',
    bytes: (made, sequence) => made.signed(made.successor(2, made.der(3), sequence), 2),
  },
];

/** The sequence under which it is announced, by the one of the last step that the device took. */
export function sequenceOf({ past, code }: BadStep, last: number): number {
  if (code === 'old_sequence') return past === 'exhausted' ? stepSequenceMax - 1 : last - 100;
  return Math.max(last, Math.floor(Date.now() / 1_000)) + 7;
}
