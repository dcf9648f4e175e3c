// A step: what one root says about its successor or about itself. Its text, which is signed, and the bytes in which a device fetches
// it. Signatures and digests are checked in src/pki; who may say what is decided in trust-store.ts.
import type { Fingerprint } from './certificate.ts';
import { type Instant, toSeconds } from './time.ts';

/** The words of the signed text, and their numbers on the wire. A number once given never changes its meaning. */
export const stepKinds = { successor: 1, drop: 2, withdraw: 3 } as const;
export type StepKind = keyof typeof stepKinds;

interface Said {
  /** Above every earlier one of the same signer; 1 to {@link stepSequenceMax}. */
  readonly sequence: number;
  /** SHA-256 of the DER of the root that signs. */
  readonly signer: Fingerprint;
}

/** A statement of a root, without its signature. */
export type TrustStep =
  /** The next root. `named`: the SHA-256 of its DER; `root`: its DER. */
  | (Said & { readonly kind: 'successor'; readonly named: Fingerprint; readonly root: Uint8Array })
  /** The roots older than the signer are to be given up. */
  | (Said & { readonly kind: 'drop' })
  /** The signer itself is not to be trusted any more. */
  | (Said & { readonly kind: 'withdraw' });

export interface SignedStep {
  readonly step: TrustStep;
  /** As the key's algorithm writes it: ECDSA in DER, RSA PKCS #1 v1.5, both over SHA-256, or Ed25519. */
  readonly signature: Uint8Array;
}

/** Fifteen digits: with its letter, a step's renewal id has at most the 16 characters that the protocol allows. Below 2^53. */
export const stepSequenceMax = 999_999_999_999_999;

const version = 1;
const digestBytes = 32;
const at = { kind: 1, sequence: 2, signer: 10, named: 42, rootLength: 74, root: 76 } as const;

/** Bytes of a root's DER in a step: RSA with 8,192 bits and long names fit. */
export const stepRootBytesMax = 4_096;
/** Bytes of the longest signature: one by RSA with 8,192 bits. */
export const stepSignatureBytesMax = 1_024;
/** Bytes of the largest step. */
export const stepBytesMax: number = at.root + stepRootBytesMax + stepSignatureBytesMax;

/** The root a step names: a successor, else the signer. */
export function namedRoot(step: TrustStep): Fingerprint {
  return step.kind === 'successor' ? step.named : step.signer;
}

/** What is signed, in ASCII. Each line ends with LF. */
export function stepText(step: TrustStep): string {
  return `nolapse trust ${version}\n${step.kind}\n${step.sequence}\n${step.signer}\n${namedRoot(step)}\n`;
}

/** The renewal id under which a step is announced, fetched and acknowledged. */
export function stepRenewalId(sequence: number): string {
  return `t${sequence}`;
}

/** The sequence in a step's renewal id; null for the id of a renewal. */
export function sequenceOfRenewalId(id: string): number | null {
  return /^t[1-9]\d{0,14}$/.test(id) ? Number(id.slice(1)) : null;
}

/**
 * The sequence of the step in which a root drops the older ones: the first that it says, signed together with the step that names it. No
 * step of the root before has it.
 * @param named the sequence of the step that names the root.
 */
export function dropSequence(named: number): number {
  return named + 1;
}

/** The sequence of a root's withdrawal of itself: its last word, above all that it says in its life. No two roots of a home have the same. */
export function withdrawalSequence(root: number): number {
  return stepSequenceMax - root;
}

export type NextSequence =
  | { readonly ok: true; readonly sequence: number }
  | { readonly ok: false; readonly fault: string };

/**
 * The sequence of the next step: at least the Unix time in seconds, so that a home restored from a backup repeats none, and above
 * every earlier one.
 * @param last the highest sequence of this signer, or of all signers of the home; null: it has not said anything.
 */
export function nextSequence(now: Instant, last: number | null): NextSequence {
  const sequence = Math.max(1, toSeconds(now), last === null ? 0 : last + 1);
  if (sequence <= stepSequenceMax) return { ok: true, sequence };
  const fault = `the next step would have the sequence ${sequence}: the largest is ${stepSequenceMax}, and this root can say nothing more`;
  return { ok: false, fault };
}

function putHex(out: Uint8Array, offset: number, hex: string): void {
  for (let i = 0; i < hex.length / 2; i += 1) out[offset + i] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16);
}

function hexAt(bytes: Uint8Array, offset: number): Fingerprint {
  const digits = Array.from(bytes.subarray(offset, offset + digestBytes), (byte) => byte.toString(16).padStart(2, '0'));
  return digits.join('') as Fingerprint;
}

function objectToSizes(root: Uint8Array | null, signature: Uint8Array): string | null {
  if (root?.length === 0) return 'the next root is missing';
  if (root && root.length > stepRootBytesMax)
    return `the next root has ${root.length} bytes: at most ${stepRootBytesMax} fit`;
  if (signature.length === 0) return 'the signature is missing';
  if (signature.length <= stepSignatureBytesMax) return null;
  return `the signature has ${signature.length} bytes: at most ${stepSignatureBytesMax} are read`;
}

function objectToStep(step: TrustStep): string | null {
  const { sequence } = step;
  if (!Number.isInteger(sequence) || sequence < 1 || sequence > stepSequenceMax) {
    return `the sequence is ${sequence}: 1 to ${stepSequenceMax} are possible`;
  }
  return step.kind === 'successor' && step.named === step.signer ? 'the root names itself as its successor' : null;
}

/**
 * The bytes that a device fetches, big-endian: version, kind, sequence (8), SHA-256 of the signer (32) and of the root it names (32),
 * length of the next root's DER (2), that DER, the signature. @throws RangeError for a step that {@link decodeStep} would refuse.
 */
export function encodeStep({ step, signature }: SignedStep): Uint8Array {
  const root = step.kind === 'successor' ? step.root : null;
  const fault = objectToStep(step) ?? objectToSizes(root, signature);
  if (fault !== null) throw new RangeError(fault);
  const rootBytes = root?.length ?? 0;
  const out = new Uint8Array(at.root + rootBytes + signature.length);
  const view = new DataView(out.buffer);
  view.setUint8(0, version);
  view.setUint8(at.kind, stepKinds[step.kind]);
  view.setBigUint64(at.sequence, BigInt(step.sequence));
  putHex(out, at.signer, step.signer);
  putHex(out, at.named, namedRoot(step));
  view.setUint16(at.rootLength, rootBytes);
  if (root) out.set(root, at.root);
  out.set(signature, at.root + rootBytes);
  return out;
}

export type DecodedStep =
  | ({ readonly ok: true } & SignedStep)
  /** `fault` names what is wrong and where, as a clause. */
  | { readonly ok: false; readonly fault: string };

const kindNames: ReadonlyMap<number, StepKind> = new Map(
  Object.entries(stepKinds).map(([name, number]) => [number, name as StepKind]),
);

/** The statement of a root about itself; a clause where its bytes contradict that. */
function aboutItself(kind: 'drop' | 'withdraw', said: Said, named: Fingerprint, rootBytes: number): TrustStep | string {
  if (named !== said.signer)
    return `a ${kind} names another root than its signer (bytes ${at.named} to ${at.rootLength - 1})`;
  if (rootBytes > 0) return `a ${kind} carries a root of ${rootBytes} bytes: it has none`;
  return { kind, ...said };
}

/**
 * Reads the bytes of {@link encodeStep}. Strict: each value has one encoding, and what does not fit is a fault. Nothing is verified:
 * neither the signature, nor that `named` is the digest of `root`. Never throws. The parts are views of `bytes`.
 */
export function decodeStep(bytes: Uint8Array): DecodedStep {
  const no = (fault: string): DecodedStep => ({ ok: false, fault });
  if (bytes[0] !== undefined && bytes[0] !== version) {
    return no(`the step has version ${bytes[0]} (byte 0): ${version} is read`);
  }
  if (bytes.length < at.root) return no(`the step ends within its head: it has ${bytes.length} of ${at.root} bytes`);
  if (bytes.length > stepBytesMax) return no(`the step has ${bytes.length} bytes: at most ${stepBytesMax} are read`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const kind = kindNames.get(view.getUint8(at.kind));
  if (!kind) return no(`the step is of kind ${bytes[at.kind]} (byte ${at.kind}): 1 to 3 are known`);
  const rootBytes = view.getUint16(at.rootLength);
  if (at.root + rootBytes > bytes.length) {
    return no(`the step ends within its root: it has ${bytes.length - at.root} of ${rootBytes} bytes`);
  }
  const root = bytes.subarray(at.root, at.root + rootBytes);
  const signature = bytes.subarray(at.root + rootBytes);
  const said: Said = { sequence: Number(view.getBigUint64(at.sequence)), signer: hexAt(bytes, at.signer) };
  const named = hexAt(bytes, at.named);
  const step: TrustStep | string =
    kind === 'successor' ? { kind, ...said, named, root } : aboutItself(kind, said, named, rootBytes);
  if (typeof step === 'string') return no(step);
  const fault = objectToStep(step) ?? objectToSizes(kind === 'successor' ? root : null, signature);
  return fault === null ? { ok: true, step, signature } : no(fault);
}
