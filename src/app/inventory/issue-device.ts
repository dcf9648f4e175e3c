// Issues a certificate by hand: a principal's first one, or the way out when nothing else works. The key is made here, handed
// over once and forgotten.
import { generateKeyPair } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { LedgerEntry } from '../../domain/certificate.ts';
import { validityAt } from '../../domain/policy.ts';
import type { Principal, PrincipalId } from '../../domain/principal.ts';
import {
  type ApprovalInput,
  type ApprovedRequest,
  approve,
  ownRequest,
  type RequestFacts,
} from '../../domain/request.ts';
import type { RevocationList } from '../../domain/revocation-list.ts';
import { makeCsr } from '../../pki/own-request.ts';
import { derToPem } from '../../pki/pem.ts';
import { readKey } from '../../pki/public-key.ts';
import { newSerial } from '../../pki/serial.ts';
import { type Changing, change } from '../change.ts';
import type { Context } from '../context.ts';
import { OperationError } from '../operation-error.ts';
import { askAuthority } from '../renewal/ask-authority.ts';
import type { WithShards } from '../renewal/issue.ts';
import { signingCa } from '../trust.ts';
import { viewOf } from '../views/certificates.ts';
import type { IssuedView } from '../views/devices.ts';
import { trustedRoots } from './trusted-roots.ts';

export type IssueDeviceContext = Changing &
  Pick<Context, 'authority' | 'roots' | 'settings' | 'profiles' | 'entropy' | 'policies'> &
  WithShards;

const newKeyPair = promisify(generateKeyPair);

/** A request that is certified by hand, with what the ledger knows of its key. */
export interface HandRequest {
  readonly facts: RequestFacts;
  readonly keyHolder: ApprovalInput['keyHolder'];
  /** In `recertify` the key is the principal's already. */
  readonly mode: 'csr' | 'recertify';
}

/** @returns rejects with `not_found`, or with `conflict` where it is not active. */
export async function activePrincipal({ store }: Pick<Context, 'store'>, id: PrincipalId): Promise<Principal> {
  const principal = await store.read.principal(id);
  if (!principal) throw new OperationError('not_found', [`${id} is not in the inventory`]);
  if (principal.status !== 'active') throw new OperationError('conflict', [`${id} is ${principal.status}`]);
  return principal;
}

/**
 * Makes a key, and the request for it. @param rsaBits absent: P-256. RSA keys take tenths of a second, which are not the event loop's.
 * @returns the key as PEM, PKCS#8, beside the request.
 */
export async function requestOverNewKey(
  { authority }: Pick<Context, 'authority'>,
  id: PrincipalId,
  rsaBits?: number,
): Promise<HandRequest & { readonly keyPem: string }> {
  const { publicKey, privateKey } =
    rsaBits === undefined
      ? await newKeyPair('ec', { namedCurve: 'P-256' })
      : await newKeyPair('rsa', { modulusLength: rsaBits });
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  return {
    facts: ownRequest(id, readKey(spki), authority.certifiesKeys ? null : makeCsr(id, privateKey)),
    keyHolder: 'nobody',
    mode: 'csr',
    keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

/**
 * Has a request certified, and enters the certificate into the ledger.
 * @returns rejects with `conflict`, also where the profile does not take such a key, and as {@link askAuthority}.
 */
export async function issueByHand(
  app: IssueDeviceContext,
  principal: Principal,
  { facts, keyHolder, mode }: HandRequest,
): Promise<{ readonly entry: LedgerEntry; readonly chain: readonly Uint8Array[] }> {
  const { id, kind } = principal;
  const issuerNotAfter = signingCa(app).notAfter;
  const validity = validityAt(app.clock.now(), app.policies.of(principal), issuerNotAfter, null);
  if (!validity) {
    throw new OperationError('conflict', [
      `the issuing CA ends ${new Date(issuerNotAfter).toISOString()}: roll it over first`,
    ]);
  }
  const profile = app.profiles[kind];
  const serial = newSerial(app.entropy);
  const approval = approve({ facts, principalId: id, kind, profile, serial, ...validity, keyHolder, mode });
  if (approval.kind === 'refused') throw new OperationError('conflict', [approval.detail]);
  const shard = await app.crls.forNew();
  const { entry, chain } = await certify(app, approval.request, shard);
  await change(app, async ({ tx, record }) => {
    // Somebody else may have asked for the same key meanwhile.
    const { holder, isShared } = await tx.keyRecord(entry.keyFingerprint);
    if (isShared || (holder !== null && holder !== id)) {
      throw new OperationError('conflict', ['another principal holds this key']);
    }
    await tx.putCertificate(entry);
    if (shard) await tx.nameShard(entry.fingerprint, shard.shard);
    await record({
      action: 'certificate.issued',
      message: `${id}: certificate issued by hand, until ${new Date(entry.notAfter).toISOString()}`,
      principalId: id,
      fields: { 'tls.client.hash.sha256': entry.fingerprint },
    });
  });
  return { entry, chain };
}

/**
 * Issues for an active principal, over a key that is made here.
 * @param rsaBits of the key; absent: P-256.
 * @returns rejects with `not_found`, or with `conflict`, also when the profile does not take such a key.
 */
export async function issueDevice(app: IssueDeviceContext, id: PrincipalId, rsaBits?: number): Promise<IssuedView> {
  const principal = await activePrincipal(app, id);
  const { roots, ports } = await trustedRoots(app);
  const { keyPem, ...request } = await requestOverNewKey(app, id, rsaBits);
  const { entry, chain } = await issueByHand(app, principal, request);
  return {
    certificate: viewOf(entry),
    certificatePem: [entry.der, ...chain].map((der) => derToPem(der, 'CERTIFICATE')).join(''),
    keyPem,
    rootPem: roots.map(({ der }) => derToPem(der, 'CERTIFICATE')).join(''),
    ports,
  };
}

/** How long somebody waits at a terminal for an authority that has it pending. The key is lost with the command. */
const patienceMs = 30_000;

/** Asks until the authority has answered. Rejects with `conflict` where it does not in time, and as {@link askAuthority}. */
async function certify(
  app: Pick<Context, 'authority' | 'clock'>,
  request: ApprovedRequest,
  list: RevocationList | null,
) {
  const until = app.clock.steady() + patienceMs;
  for (;;) {
    const answer = await askAuthority(app, request, null, list);
    if (answer.kind === 'issued') return answer;
    if (app.clock.steady() + answer.askAgainMs > until) {
      throw new OperationError('conflict', ['the authority has not decided yet: run the command again later']);
    }
    await pause(answer.askAgainMs);
  }
}
