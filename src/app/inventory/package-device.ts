// Puts together what a device is given by hand when it has missed too much to renew itself: a certificate, the roots, the ports. It issues a
// certificate only where the device has none that is in use.
import type { LedgerEntry } from '../../domain/certificate.ts';
import { namesToTry, usableCertificate } from '../../domain/device-package.ts';
import { mayRecertify } from '../../domain/key-mode.ts';
import type { Principal, PrincipalId } from '../../domain/principal.ts';
import { allowsKey, type RequestFacts } from '../../domain/request.ts';
import { readCsr } from '../../pki/csr.ts';
import { change } from '../change.ts';
import { OperationError } from '../operation-error.ts';
import { chainFor, mayBeIssuedBy } from '../trust.ts';
import { viewOf } from '../views/certificates.ts';
import type { PackagedRoot, PackageView } from '../views/package.ts';
import {
  activePrincipal,
  type HandRequest,
  type IssueDeviceContext,
  issueByHand,
  requestOverNewKey,
} from './issue-device.ts';
import { type TrustedRoot, trustedRoots } from './trusted-roots.ts';

export type PackageContext = IssueDeviceContext;

/** Which certificate goes into it. */
export interface Packing {
  readonly id: PrincipalId;
  /** A PKCS#10 request in DER: a certificate for its key is issued. */
  readonly csr?: Uint8Array | undefined;
  /** Issues over a key that is made here, although a certificate of the device is in use: its key is lost. */
  readonly newKey?: boolean | undefined;
  /** Of a key that is made here; absent: P-256. */
  readonly rsaBits?: number | undefined;
}

/** Certificates looked at: more than a principal has that are neither retired nor revoked. */
const heldMax = 1_000;

/**
 * Makes the package of an active principal. @returns rejects with `not_found`; with `invalid` where the request cannot be read; with
 * `conflict` where it is not active, or its key or request is not taken.
 */
export async function packageDevice(app: PackageContext, packing: Packing): Promise<PackageView> {
  const { id } = packing;
  const principal = await activePrincipal(app, id);
  // Before anything is issued, for what is wrong with them would be found out too late.
  const trusted = await trustedRoots(app);
  const roots = trusted.roots.map(packagedRoot);
  const chosen = await certificateFor(app, principal, packing);
  const { entry, chain, keyPem, isNew } = chosen;
  const numbers = roots.map(({ number }) => number).join(', ');
  await change(app, ({ record }) =>
    record({
      action: 'device.packaged',
      message: `${id}: package handed out, certificate until ${new Date(entry.notAfter).toISOString()}, roots ${numbers}`,
      principalId: id,
      fields: { 'tls.client.hash.sha256': entry.fingerprint },
    }),
  );
  return {
    id,
    madeAt: app.clock.now(),
    clientId: id,
    names: namesToTry(app.settings.address.names),
    ports: trusted.ports,
    roots,
    certificate: viewOf(entry),
    chain: [entry.der, ...chain].map(inBase64),
    isNew,
    keyPem,
  };
}

function packagedRoot({ slot, der }: TrustedRoot): PackagedRoot {
  const { number, state, fingerprint, notAfter } = slot;
  return { number, state, fingerprint, notAfter, base64: inBase64(der) };
}

const inBase64 = (der: Uint8Array): string => Buffer.from(der).toString('base64');

interface Chosen {
  readonly entry: LedgerEntry;
  readonly chain: readonly Uint8Array[];
  readonly isNew: boolean;
  readonly keyPem: string | null;
}

/** The certificate in use, or one that is issued now. */
async function certificateFor(app: PackageContext, principal: Principal, packing: Packing): Promise<Chosen> {
  const { csr, newKey, rsaBits } = packing;
  const isWanted = csr !== undefined || newKey === true || rsaBits !== undefined;
  const held = isWanted ? [] : await app.store.read.heldCertificates(principal.id, { limit: heldMax });
  const usable = usableCertificate(held, app.clock.now());
  if (usable) {
    const chain = mayBeIssuedBy(app, usable.der) ? chainFor(app, usable.der) : [];
    return { entry: usable, chain, isNew: false, keyPem: null };
  }
  if (csr !== undefined) {
    return { ...(await issueByHand(app, principal, await requestIn(app, principal, csr))), isNew: true, keyPem: null };
  }
  const { keyPem, ...request } = await requestOverNewKey(app, principal.id, rsaBits);
  return { ...(await issueByHand(app, principal, request)), isNew: true, keyPem };
}

/** What the request asks for, and whose its key is. */
async function requestIn(app: PackageContext, principal: Principal, csr: Uint8Array): Promise<HandRequest> {
  const facts = readCsr(csr, { bytesMax: app.settings.csrBytesMax });
  if ('code' in facts) throw new OperationError('invalid', [`csr: ${facts.detail}`]);
  return { facts, ...(await holding(app, principal, facts)) };
}

/** A key of the device's own may be certified once more, by hand too, where its policy lets it keep its key. */
async function holding(
  app: PackageContext,
  principal: Principal,
  { key }: RequestFacts,
): Promise<Pick<HandRequest, 'keyHolder' | 'mode'>> {
  const record = await app.store.read.keyRecord(key.fingerprint);
  if (record.isShared || (record.holder !== null && record.holder !== principal.id)) {
    return { keyHolder: 'another', mode: 'csr' };
  }
  if (record.holder === null) return { keyHolder: 'nobody', mode: 'csr' };
  const policy = app.policies.of(principal);
  const allowed = allowsKey(app.profiles[principal.kind], key);
  const mayKeep =
    policy.keyModes.includes('recertify') && mayRecertify({ agrees: false, allowed, record }, policy, app.clock.now());
  return { keyHolder: 'itself', mode: mayKeep ? 'recertify' : 'csr' };
}
