// Finds out who asks over the HTTP API: by a token, or by the certificate of an operator that TLS was shown. The ledger is asked each time.
import { timingSafeEqual } from 'node:crypto';
import {
  type ApiCredential,
  type CredentialKind,
  type CredentialRefusal,
  objectToCredential,
  useNotedMs,
} from '../../domain/api-credential.ts';
import type { Fingerprint } from '../../domain/certificate.ts';
import { fingerprintOf } from '../../pki/x509.ts';
import type { Context } from '../context.ts';
import type { Caller } from '../views/access.ts';
import { tokenDigest, tokenId } from './tokens.ts';

type AuthenticateContext = Pick<Context, 'store' | 'clock'>;

export type Authenticated =
  | { readonly caller: Caller; readonly refusal: null }
  | { readonly caller: null; readonly refusal: CredentialRefusal };

/** What a credential was made by must be good too, and what that was made by. */
const ancestorsMax = 16;

async function judge(
  { store, clock }: AuthenticateContext,
  found: ApiCredential | null,
  kind: CredentialKind,
): Promise<Authenticated> {
  const now = clock.now();
  const refusal = objectToCredential(found, kind, now);
  if (refusal !== null || !found) return { caller: null, refusal: refusal ?? 'unknown' };
  let { parent } = found;
  for (let above = 0; parent !== null; above += 1) {
    const made = await store.read.apiCredential(parent);
    if (above === ancestorsMax || !made || made.revokedAt !== null) return { caller: null, refusal: 'revoked' };
    parent = made.parent;
  }
  return { caller: { credential: found }, refusal: null };
}

export async function callerByToken(app: AuthenticateContext, token: string): Promise<Authenticated> {
  const id = tokenId(token);
  const known = id === null ? null : await app.store.read.apiCredential(id);
  const digest = Buffer.from(tokenDigest(token), 'hex');
  const isIt = known !== null && timingSafeEqual(digest, Buffer.from(known.digest, 'hex'));
  return judge(app, isIt ? known : null, 'token');
}

/** @param der as TLS was shown it. Who signed it is not asked: the ledger has it or has it not. */
export async function callerByCertificate(app: AuthenticateContext, der: Uint8Array): Promise<Authenticated> {
  const known = await app.store.read.apiCredentialBy(fingerprintOf(der) as Fingerprint);
  return judge(app, known, 'certificate');
}

/** The caller as it is now; null: what it came with opens nothing any more. */
export async function callerAgain(app: AuthenticateContext, { credential }: Caller): Promise<Caller | null> {
  const known = await app.store.read.apiCredential(credential.id);
  return (await judge(app, known, credential.kind)).caller;
}

/** Notes that it was used, to the minute. */
export async function noteUse({ store, clock }: AuthenticateContext, { credential }: Caller): Promise<void> {
  const now = clock.now();
  const isDue = ({ lastUsedAt }: ApiCredential): boolean => lastUsedAt === null || now - lastUsedAt >= useNotedMs;
  if (!isDue(credential)) return;
  await store.transact(async (tx) => {
    const known = await tx.apiCredential(credential.id);
    if (known && isDue(known)) await tx.putApiCredential({ ...known, lastUsedAt: now });
  }, 'soon');
}
