// What came back from where a root's key is: its signature over a step; or from where its withdrawal is kept, the withdrawal. Every fault
// is named with its file.
import {
  decodeStep,
  encodeStep,
  type SignedStep,
  stepSignatureBytesMax,
  type TrustStep,
} from '../domain/trust-step.ts';
import { openWithPassphrase } from '../pki/sealed.ts';
import { stepVerifies } from '../pki/trust-step.ts';
import { fingerprintOf } from '../pki/x509.ts';
import type { GivenFile } from '../ports/issuing-cas.ts';
import type { GivenWithdrawal } from '../ports/root-cas.ts';

type Faults = { readonly faults: readonly string[] };

/** The root that has to have signed. */
export interface Signer {
  readonly der: Uint8Array;
  /** As a fault names it. */
  readonly is: string;
}

/** A signature as bytes, or in base64. */
function signatureIn(bytes: Uint8Array): Uint8Array {
  const text = Buffer.from(bytes).toString('latin1').replace(/\s/g, '');
  const isBase64 = text.length % 4 === 0 && /^[A-Za-z0-9+/]{16,}={0,2}$/.test(text);
  return isBase64 ? new Uint8Array(Buffer.from(text, 'base64')) : bytes;
}

function objectToStep({ step, signature }: SignedStep, wanted: TrustStep, signer: Signer): string | null {
  if (step.kind !== wanted.kind) return `is a step of kind ${step.kind}, and a ${wanted.kind} was asked for`;
  if (step.sequence !== wanted.sequence) {
    return `is a step with the sequence ${step.sequence}, and ${wanted.sequence} was asked for`;
  }
  if (step.signer !== wanted.signer) return `is a step of another root, SHA-256 ${step.signer}`;
  const named = step.kind === 'successor' && wanted.kind === 'successor' && step.named !== wanted.named;
  if (named) return `names another root, SHA-256 ${step.named}`;
  if (stepVerifies({ step: wanted, signature }, signer.der)) return null;
  return `does not verify: it is no signature of ${signer.is} over the text with the sequence ${wanted.sequence}`;
}

/**
 * Finds the signature over this step: alone, as `openssl dgst -sha256 -sign` writes it or in base64, or in the step as devices fetch it.
 */
export function offeredStep(
  files: readonly GivenFile[],
  wanted: TrustStep,
  signer: Signer,
): { readonly step: Uint8Array } | Faults {
  const faults: string[] = [];
  const found: Uint8Array[] = [];
  for (const { name, bytes } of files) {
    const decoded = decodeStep(bytes);
    const signature = decoded.ok ? decoded.signature : signatureIn(bytes);
    if (!decoded.ok && (signature.length === 0 || signature.length > stepSignatureBytesMax)) {
      faults.push(`${name}: is no signature, and no step: ${decoded.fault}`);
      continue;
    }
    const offered = decoded.ok ? decoded : { step: wanted, signature };
    const objection = objectToStep(offered, wanted, signer);
    if (objection === null) found.push(signature);
    else faults.push(`${name}: ${objection}`);
  }
  const [signature] = found;
  if (faults.length > 0 || !signature) return { faults };
  return { step: encodeStep({ step: wanted, signature }) };
}

function objectToWithdrawal({ step, signature }: SignedStep, { der, is }: Signer): string | null {
  if (step.kind !== 'withdraw') return `is a step of kind ${step.kind}, and a withdrawal is needed`;
  if (step.signer !== fingerprintOf(der)) return `is the withdrawal of another root, SHA-256 ${step.signer}`;
  return stepVerifies({ step, signature }, der) ? null : `does not verify: it was not signed with the key of ${is}`;
}

/** Opens a withdrawal, sealed or as devices fetch it, and holds it against the root that withdraws. */
export async function offeredWithdrawal(
  { name, bytes, passphrase }: GivenWithdrawal,
  signer: Signer,
): Promise<{ readonly step: Uint8Array; readonly sequence: number } | Faults> {
  const fail = (fault: string): Faults => ({ faults: [`${name}: ${fault}`] });
  const opened =
    passphrase === null ? bytes : await openWithPassphrase(Buffer.from(bytes).toString('latin1'), passphrase);
  if (opened === null) return fail('does not open with this passphrase, or is damaged');
  const decoded = decodeStep(opened);
  if (!decoded.ok) {
    return fail(
      passphrase === null ? `is no withdrawal: ${decoded.fault}` : 'does not open with this passphrase, or is damaged',
    );
  }
  const objection = objectToWithdrawal(decoded, signer);
  return objection === null ? { step: opened, sequence: decoded.step.sequence } : fail(objection);
}
