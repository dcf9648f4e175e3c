// May a certificate that this gateway did not issue, or does not remember, be taken into the ledger? It must be an end entity's, name
// somebody the inventory has, and have time left, grace included. Who signed it is not asked: an operator vouches for it.
import type { Fingerprint, LedgerEntry, Serial } from '../../domain/certificate.ts';
import { foreignSerial } from '../../domain/certificate.ts';
import { graceMs } from '../../domain/policy.ts';
import {
  isPrincipalUri,
  type Principal,
  type PrincipalId,
  type PrincipalKind,
  parsePrincipalId,
  parsePrincipalUri,
  principalKinds,
} from '../../domain/principal.ts';
import { introduce } from '../../pki/chain.ts';
import { DerError } from '../../pki/der-reader.ts';
import { oids } from '../../pki/oids.ts';
import { type CertificateFacts, fingerprintOf, readAdopted } from '../../pki/x509.ts';
import { type App, policyOf } from '../context.ts';

export type CheckedCertificate =
  | { readonly kind: 'fit'; readonly principal: Principal; readonly certificate: Origin }
  /** In the ledger already, in whatever state: nothing to do. */
  | { readonly kind: 'known' }
  /** A CA's: it comes along in a bundle, and is nobody's. */
  | { readonly kind: 'ca' }
  | { readonly kind: 'unfit'; readonly fault: string };

/** What the ledger keeps of a certificate for good. */
export type Origin = Pick<LedgerEntry, 'fingerprint' | 'serial' | 'notBefore' | 'notAfter' | 'keyFingerprint' | 'der'>;

const unfit = (fault: string): CheckedCertificate => ({ kind: 'unfit', fault });

/** @param wanted only principals of this kind. */
export async function checkCertificate(
  app: App,
  der: Uint8Array,
  wanted: PrincipalKind | null,
): Promise<CheckedCertificate> {
  let facts: CertificateFacts;
  try {
    facts = readAdopted(der);
  } catch (error) {
    if (error instanceof DerError) return unfit(`is no X.509 certificate: ${error.message}`);
    throw error;
  }
  if (facts.ca.is || facts.keyCertSign === true) return { kind: 'ca' };
  const fingerprint = fingerprintOf(der);
  if (await app.store.read.certificate(fingerprint)) return { kind: 'known' };
  const named = await principalIn(app, facts, wanted);
  if ('fault' in named) return unfit(named.fault);
  const fault = objectTo(app, facts, named.principal);
  if (fault) return unfit(fault);
  const serial = serialIn(app, der, facts);
  const { notBefore, notAfter, key } = facts;
  const certificate = { fingerprint, serial, notBefore, notAfter, keyFingerprint: key.fingerprint, der };
  return { kind: 'fit', principal: named.principal, certificate };
}

/** Characters of a name that are quoted in a fault. */
const quotedMax = 80;
const quoted = (text: string): string => JSON.stringify(text.slice(0, quotedMax));

/** Our own URI names a principal before the common name does. */
function identityIn({ commonName, uris }: CertificateFacts): { id: PrincipalId; kind: string | null } | string {
  const [ours, another] = uris.filter(isPrincipalUri);
  if (another !== undefined) return 'names more than one principal';
  if (ours !== undefined) return parsePrincipalUri(ours) ?? `names ${quoted(ours)}, which can be no id`;
  if (commonName === null) return 'has no common name, or several, and no URI of ours';
  const id = parsePrincipalId(commonName);
  return id ? { id, kind: null } : `names ${quoted(commonName)}, which can be no id`;
}

async function principalIn(
  app: App,
  facts: CertificateFacts,
  wanted: PrincipalKind | null,
): Promise<{ principal: Principal } | { fault: string }> {
  const identity = identityIn(facts);
  if (typeof identity === 'string') return { fault: identity };
  const { id, kind } = identity;
  const principal = await app.store.read.principal(id);
  if (!principal) return { fault: `names ${id}, which is not in the inventory` };
  if (principal.status === 'decommissioned') return { fault: `names ${id}, which is decommissioned` };
  const other = [kind, wanted].find((each) => each !== null && each !== principal.kind);
  if (other == null) return { principal };
  const said = principalKinds.find((each) => each === other) ?? quoted(other);
  return { fault: `names ${id}, which is a ${principal.kind} and no ${said}` };
}

/** RFC 5280, 4.2.1.12: for any purpose. */
const anyPurpose = '2.5.29.37.0';

function objectTo(app: App, { purposes, notAfter }: CertificateFacts, principal: Principal): string | null {
  const isForClients = purposes === null || purposes.includes(oids.clientAuth) || purposes.includes(anyPurpose);
  if (!isForClients) return 'is not for TLS clients';
  const over = notAfter + graceMs(policyOf(app, principal)) <= app.clock.now();
  return over ? `ended ${new Date(notAfter).toISOString()}, and grace with it` : null;
}

/** One that our own CA signed has its serial number alone: our revocation list can name it. */
function serialIn(app: App, der: Uint8Array, { serial, issuer, extensions }: CertificateFacts): Serial {
  const { root, chain } = app.authority;
  if (introduce(der, chain, [root], app.clock.now()).introduced) return serial;
  const keyId = extensions.get(oids.authorityKeyIdentifier)?.value ?? new Uint8Array();
  return foreignSerial(serial, fingerprintOf(Buffer.concat([issuer, keyId])) as Fingerprint);
}
