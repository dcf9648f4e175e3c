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
import { allowsKey } from '../../domain/request.ts';
import { introduce } from '../../pki/chain.ts';
import { DerError } from '../../pki/der-reader.ts';
import { oids } from '../../pki/oids.ts';
import { valuesOf } from '../../pki/parts.ts';
import { asPresented, type CertificateFacts, fingerprintOf, readAdopted, readCertificate } from '../../pki/x509.ts';
import { type App, policyOf } from '../context.ts';

export type CheckedCertificate =
  | {
      readonly kind: 'fit';
      readonly principal: Principal;
      readonly certificate: Origin;
      readonly notes: readonly string[];
    }
  /** In the ledger already, in whatever state: nothing to do. */
  | { readonly kind: 'known' }
  /** A CA's, and of nobody in the inventory: it comes along in a bundle. */
  | { readonly kind: 'ca' }
  | { readonly kind: 'unfit'; readonly fault: string };

/** What the ledger keeps of a certificate for good. */
export type Origin = Pick<LedgerEntry, 'fingerprint' | 'serial' | 'notBefore' | 'notAfter' | 'keyFingerprint' | 'der'>;

/** Whose certificates are wanted. */
export interface Wanted {
  /** Only principals of this kind; null: of any. */
  readonly kind: PrincipalKind | null;
  /** Whose it is on the operator's word, whatever it says; null: whom it names. */
  readonly mapped: string | null;
}

const unfit = (fault: string): CheckedCertificate => ({ kind: 'unfit', fault });

/** What is wrong with it where it is none. The bytes are those under which a device will present it, not always those of the file. */
function read(file: Uint8Array): { readonly der: Uint8Array; readonly facts: CertificateFacts } | string {
  try {
    readCertificate(file);
    return { der: file, facts: readAdopted(file) };
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
  }
  try {
    readAdopted(file);
    const der = asPresented(file);
    return der ? { der, facts: readAdopted(der) } : 'cannot be read by OpenSSL, so no device can present it';
  } catch (error) {
    if (error instanceof DerError) return `is no X.509 certificate: ${error.message}`;
    throw error;
  }
}

export async function checkCertificate(app: App, file: Uint8Array, wanted: Wanted): Promise<CheckedCertificate> {
  const found = read(file);
  if (typeof found === 'string') return unfit(found);
  const { der, facts } = found;
  const fingerprint = fingerprintOf(der);
  if (await app.store.read.certificate(fingerprint)) return { kind: 'known' };
  const isCa = facts.ca.is || facts.keyCertSign === true;
  if (isCa && [app.authority.root, ...app.authority.chain].some((own) => fingerprintOf(own) === fingerprint)) {
    return { kind: 'ca' };
  }
  const named = await principalIn(app, facts, wanted);
  if ('fault' in named) return isCa && named.isNobody ? { kind: 'ca' } : unfit(named.fault);
  const { principal } = named;
  const fault = objectTo(app, facts, principal);
  if (fault) return unfit(fault);
  const serial = serialIn(app, der, facts);
  const { notBefore, notAfter, key } = facts;
  const certificate = { fingerprint, serial, notBefore, notAfter, keyFingerprint: key.fingerprint, der };
  return { kind: 'fit', principal, certificate, notes: notesOn(app, facts, principal) };
}

/** What is no fault of a certificate that is trusted by its bytes, and may surprise later. */
function notesOn(app: App, { key, ca, keyCertSign }: CertificateFacts, principal: Principal): string[] {
  const notes: string[] = [];
  if (ca.is || keyCertSign === true) notes.push('is marked as a CA; it is taken as the certificate of a device');
  if (!allowsKey(app.authority.profile(principal.kind), key)) {
    const what =
      key.algorithm === null ? (key.fault ?? 'unknown') : `${key.algorithm}${key.bits ? ` ${key.bits}` : ''}`;
    notes.push(`has a key that cannot be certified again (${what}): renewal needs a new key, in key mode csr`);
  }
  return notes;
}

/** Characters of a name that are quoted in a fault. */
const quotedMax = 80;
const quoted = (text: string): string => JSON.stringify(text.slice(0, quotedMax));

interface Identity {
  readonly id: PrincipalId;
  readonly kind: string | null;
}

/** Our own URI names a principal before the common name does, and a serial number does where there is no common name. */
function identityIn({ name, commonName, uris }: CertificateFacts): Identity | string {
  const [ours, another] = uris.filter(isPrincipalUri);
  if (another !== undefined) return 'names more than one principal';
  if (ours !== undefined) return parsePrincipalUri(ours) ?? `names ${quoted(ours)}, which can be no id`;
  const numbers = [...new Set(valuesOf(name, oids.serialNumber))];
  const hasNone = valuesOf(name, oids.commonName).length === 0;
  const text = hasNone && numbers.length === 1 ? (numbers[0] ?? null) : commonName;
  if (text === null) return 'has no common name, or several, and no URI of ours';
  const id = parsePrincipalId(text);
  return id ? { id, kind: null } : `names ${quoted(text)}, which can be no id`;
}

/** The operator's word, unless our own CA's name for it says otherwise. */
function mappedTo(mapped: string, { uris }: CertificateFacts): Identity | string {
  const id = parsePrincipalId(mapped);
  if (!id) return `is mapped to ${quoted(mapped)}, which can be no id`;
  const other = uris.filter(isPrincipalUri).find((uri) => parsePrincipalUri(uri)?.id !== id);
  return other === undefined ? { id, kind: null } : `is mapped to ${id}, but names ${quoted(other)}`;
}

type Named = { readonly principal: Principal } | { readonly fault: string; readonly isNobody: boolean };

async function principalIn(app: App, facts: CertificateFacts, { kind: wanted, mapped }: Wanted): Promise<Named> {
  const identity = mapped === null ? identityIn(facts) : mappedTo(mapped, facts);
  if (typeof identity === 'string') return { fault: identity, isNobody: mapped === null };
  const { id, kind } = identity;
  const says = mapped === null ? 'names' : 'is mapped to';
  const principal = await app.store.read.principal(id);
  if (!principal) return { fault: `${says} ${id}, which is not in the inventory`, isNobody: mapped === null };
  const somebody = (fault: string): Named => ({ fault, isNobody: false });
  if (principal.status === 'decommissioned') return somebody(`${says} ${id}, which is decommissioned`);
  const other = [kind, wanted].find((each) => each !== null && each !== principal.kind);
  if (other == null) return { principal };
  const said = principalKinds.find((each) => each === other) ?? quoted(other);
  return somebody(`${says} ${id}, which is a ${principal.kind} and no ${said}`);
}

/** RFC 5280, 4.2.1.12: for any purpose. */
const anyPurpose = '2.5.29.37.0';

function objectTo(app: App, { purposes, notAfter }: CertificateFacts, principal: Principal): string | null {
  const isForClients = purposes === null || purposes.includes(oids.clientAuth) || purposes.includes(anyPurpose);
  if (!isForClients) return 'is not for TLS clients';
  const over = notAfter + graceMs(policyOf(app, principal)) <= app.clock.now();
  return over ? `ended ${new Date(notAfter).toISOString()}, and grace with it` : null;
}

/**
 * One that our own CA signed has its serial number alone: our revocation list can name it. Any other has the mark of its issuer; where
 * that is the certificate itself, of its key, since many devices made themselves the number 0 or 1 under one name.
 */
function serialIn(app: App, der: Uint8Array, { serial, issuer, subject, key, extensions }: CertificateFacts): Serial {
  const { root, chain } = app.authority;
  if (introduce(der, chain, [root], app.clock.now()).introduced) return serial;
  const keyId = extensions.get(oids.authorityKeyIdentifier)?.value ?? new Uint8Array();
  const isOwnIssuer = Buffer.compare(issuer, subject) === 0;
  return foreignSerial(serial, fingerprintOf(Buffer.concat([issuer, isOwnIssuer ? key.spki : keyId])) as Fingerprint);
}
