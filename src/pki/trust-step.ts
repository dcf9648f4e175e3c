// Signs the steps of roots and checks them: the signature over a step's text, the digest of the root that it brings, and whether that
// root is one. Whether a step may be taken is decided in the domain.
import { type KeyObject, sign } from 'node:crypto';
import { NolapseError } from '../domain/errors.ts';
import { decodeStep, encodeStep, type SignedStep, stepText, type TrustStep } from '../domain/trust-step.ts';
import { DerError } from './der-reader.ts';
import { fingerprintOf } from './fingerprint.ts';
import { proofVerifies } from './proof.ts';
import { importKey, rsaBitsVerifiedMax } from './public-key.ts';
import { signatureVerifies } from './signature.ts';
import { type CertificateFacts, readCertificate } from './x509.ts';

/** Types of keys whose signatures are verified here, by OpenSSL's names. */
const stepKeys: ReadonlySet<string> = new Set(['prime256v1', 'secp384r1', 'rsa', 'ed25519']);

/**
 * Signs a step. ECDSA is written in DER, RSA in PKCS #1 v1.5, both over SHA-256 whatever the key's size, so that a device needs one
 * digest; Ed25519 signs the text itself. An ECDSA signature is another one each time: keep the bytes, a device may have fetched half.
 * @returns the bytes that devices fetch.
 * @throws NolapseError `unsupported_key` for another type of key, RangeError for a step that cannot be encoded.
 */
export function signStep(step: TrustStep, key: KeyObject): Uint8Array {
  const type = key.asymmetricKeyDetails?.namedCurve ?? key.asymmetricKeyType ?? 'secret';
  if (!stepKeys.has(type)) throw new NolapseError('unsupported_key', `cannot sign a step with a key of type ${type}`);
  const signature = sign(type === 'ed25519' ? null : 'sha256', Buffer.from(stepText(step), 'latin1'), key);
  return encodeStep({ step, signature: new Uint8Array(signature) });
}

/** Is the step signed by the key of this root (DER), and is that the root it names as its signer? Never throws. */
export function stepVerifies({ step, signature }: SignedStep, root: Uint8Array): boolean {
  return fingerprintOf(root) === step.signer && proofVerifies(stepText(step), signature, root);
}

/** What keeps a certificate (DER) from being a root, as a clause; null: nothing. Its time is not judged. Never throws. */
export function objectToRoot(der: Uint8Array): string | null {
  let facts: CertificateFacts;
  try {
    facts = readCertificate(der);
  } catch (error) {
    if (error instanceof DerError) return `it is no certificate: ${error.message}`;
    throw error;
  }
  if (!facts.ca.is) return 'it is no CA: basicConstraints has no CA:TRUE';
  if (facts.keyCertSign === false) return 'it may not sign certificates: keyUsage has no keyCertSign';
  if (facts.ca.pathLength === 0) return 'no CA may follow below it: its path length is 0';
  if (Buffer.compare(facts.issuer, facts.subject) !== 0) return 'its issuer is another: a root is signed by itself';
  const key = facts.key.bits <= rsaBitsVerifiedMax ? importKey(facts.key) : null;
  if (key === null) return 'its key cannot be used';
  return signatureVerifies(facts.signed, key) ? null : 'its signature is not by its own key';
}

/**
 * Reads a step as a device does: its bytes, and of a successor its digest and whether it is a root. The signature is not verified:
 * {@link stepVerifies} takes the root that the step names. Never throws.
 */
export function openStep(bytes: Uint8Array): ReturnType<typeof decodeStep> {
  const decoded = decodeStep(bytes);
  if (!decoded.ok || decoded.step.kind !== 'successor') return decoded;
  const { named, root } = decoded.step;
  if (fingerprintOf(root) !== named)
    return { ok: false, fault: 'the root in the step has another SHA-256 than the step names' };
  const objection = objectToRoot(root);
  return objection === null ? decoded : { ok: false, fault: `the root in the step is none: ${objection}` };
}
