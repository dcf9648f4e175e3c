// May a certificate that this broker did not issue, or does not remember, be taken into the ledger? It must be an end entity's, name
// somebody the inventory has, and have time left, grace included. Who signed it is not asked: an operator vouches for it.
import { isOperatorUri } from '../../domain/api-credential.ts';
import { foreignSerial, isForeign, type LedgerEntry, type Serial } from '../../domain/certificate.ts';
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
import { issuerMark } from '../../pki/issued.ts';
import { oids } from '../../pki/oids.ts';
import { valuesOf } from '../../pki/parts.ts';
import { asPresented, type CertificateFacts, fingerprintOf, readAdopted } from '../../pki/x509.ts';
import type { Context } from '../context.ts';
import { issuerOf, ownCas } from '../trust.ts';
import { type CertificateNotesContext, notesOn } from './certificate-notes.ts';

export type CheckCertificateContext = CertificateNotesContext & Pick<Context, 'store' | 'authority'>;

export type CheckedCertificate =
  | {
      readonly kind: 'fit';
      readonly principal: Principal;
      readonly certificate: Origin;
      readonly notes: readonly string[];
      /** How a map gives it to another device than it names; null: it does not. */
      readonly contradiction: string | null;
    }
  /** In the ledger already, in whatever state: nothing to do. */
  | { readonly kind: 'known' }
  /** A CA's, our own or of nobody in the inventory: it comes along in a bundle. */
  | { readonly kind: 'ca'; readonly isOwn: boolean }
  | { readonly kind: 'unfit'; readonly fault: string };

/** What the ledger keeps of a certificate for good. */
export type Origin = Pick<
  LedgerEntry,
  'fingerprint' | 'serial' | 'notBefore' | 'notAfter' | 'keyFingerprint' | 'issuer' | 'der'
>;

/** Whose certificates are wanted. */
export interface Wanted {
  /** Only principals of this kind; null: of any. */
  readonly kind: PrincipalKind | null;
  /** Whose it is on the operator's word, whatever it says; null: whom it names. */
  readonly mapped: Mapped | null;
}

/** What an operator's map says of a certificate. */
export interface Mapped {
  readonly id: string;
  /** Of the map; null: not known. */
  readonly line: number | null;
}

/** A certificate as its device presents it, which is not always how it stands in the file. */
export interface ReadCertificate {
  readonly der: Uint8Array;
  readonly facts: CertificateFacts;
}

const unfit = (fault: string): CheckedCertificate => ({ kind: 'unfit', fault });

/** What is wrong with it where it is none. */
export function readOffered(file: Uint8Array): ReadCertificate | string {
  try {
    readAdopted(file);
    const der = asPresented(file);
    return der ? { der, facts: readAdopted(der) } : 'cannot be read by OpenSSL, so no device can present it';
  } catch (error) {
    if (error instanceof DerError) return `is no X.509 certificate: ${error.message}`;
    throw error;
  }
}

export async function checkCertificate(
  app: CheckCertificateContext,
  { der, facts }: ReadCertificate,
  wanted: Wanted,
): Promise<CheckedCertificate> {
  const fingerprint = fingerprintOf(der);
  const known = await app.store.read.certificate(fingerprint);
  if (known) return checkKnown(known, wanted.mapped);
  if (facts.uris.some(isOperatorUri)) return unfit("is an operator's, for the HTTP API alone");
  const isCa = facts.ca.is || facts.keyCertSign === true;
  if (isCa && ownCas(app).some((own) => fingerprintOf(own) === fingerprint)) {
    return { kind: 'ca', isOwn: true };
  }
  const named = await principalIn(app, facts, wanted);
  if ('fault' in named) return isCa && named.isNobody ? { kind: 'ca', isOwn: false } : unfit(named.fault);
  const { principal } = named;
  const fault = objectTo(app, facts, principal);
  if (fault) return unfit(fault);
  const serial = serialIn(app, der, facts);
  const { notBefore, notAfter, key } = facts;
  const issuer = isForeign({ serial }) ? null : issuerOf(app, der);
  const certificate = { fingerprint, serial, notBefore, notAfter, keyFingerprint: key.fingerprint, issuer, der };
  const contradiction = await contradictionIn(app, facts, principal.id, wanted.mapped);
  return { kind: 'fit', principal, certificate, notes: notesOn(app, facts, principal), contradiction };
}

/** A map that is off by a row gives each device another's certificate, and then none of them can connect. */
async function contradictionIn(
  app: Pick<Context, 'store'>,
  facts: CertificateFacts,
  id: PrincipalId,
  mapped: Mapped | null,
) {
  const named = mapped === null ? null : identityIn(facts);
  if (mapped === null || named === null || typeof named === 'string' || named.id === id) return null;
  const other = await app.store.read.principal(named.id);
  if (!other || other.status === 'decommissioned') return null;
  return `${saysOf(mapped)} ${id}, but names ${other.id}, which is in the inventory too`;
}

/** One that the ledger has stays whose it is: a map that says otherwise is wrong, or should have come first. */
function checkKnown({ principalId, state }: LedgerEntry, mapped: Mapped | null): CheckedCertificate {
  if (mapped === null || mapped.id === principalId) return { kind: 'known' };
  return unfit(
    `${saysOf(mapped)} ${quotedId(mapped.id)}, but the ledger has it as ${principalId}'s, ${state}: correct the map, ` +
      `or revoke it and give ${quotedId(mapped.id)} another`,
  );
}

/** How a map is cited. */
const saysOf = ({ line }: Mapped): string => (line === null ? 'is mapped to' : `is mapped by line ${line} to`);
const quotedId = (id: string): string => parsePrincipalId(id) ?? quoted(id);

/** Characters of a name that are quoted in a fault. */
const quotedMax = 80;
const quoted = (text: string): string => JSON.stringify(text.slice(0, quotedMax));

interface Identity {
  readonly id: PrincipalId;
  readonly kind: string | null;
}

/** Our own URI names a principal before the common name does, and a serial number does where there is no common name. */
function identityIn({ name, commonName, uris, unreadable }: CertificateFacts): Identity | string {
  const [ours, another] = uris.filter(isPrincipalUri);
  if (another !== undefined) return 'names more than one principal';
  if (ours !== undefined) return parsePrincipalUri(ours) ?? `names ${quoted(ours)}, which is not a valid id`;
  const numbers = [...new Set(valuesOf(name, oids.serialNumber))];
  const hasNone = valuesOf(name, oids.commonName).length === 0;
  const text = hasNone && numbers.length === 1 ? (numbers[0] ?? null) : commonName;
  if (text === null) {
    const unread =
      unreadable.length > 0 ? `; cannot be read in it: ${unreadable.join(', ')}. Say whose it is with --map` : '';
    return `has no common name, or several, and no URI of ours${unread}`;
  }
  const id = parsePrincipalId(text);
  return id ? { id, kind: null } : `names ${quoted(text)}, which is not a valid id: say whose it is with --map`;
}

/** The operator's word, unless our own CA's name for it says otherwise. */
function mappedTo(mapped: Mapped, { uris }: CertificateFacts): Identity | string {
  const id = parsePrincipalId(mapped.id);
  if (!id) return `${saysOf(mapped)} ${quoted(mapped.id)}, which is not a valid id`;
  const other = uris.filter(isPrincipalUri).find((uri) => parsePrincipalUri(uri)?.id !== id);
  return other === undefined ? { id, kind: null } : `${saysOf(mapped)} ${id}, but names ${quoted(other)}`;
}

type Named = { readonly principal: Principal } | { readonly fault: string; readonly isNobody: boolean };

async function principalIn(
  app: Pick<Context, 'store'>,
  facts: CertificateFacts,
  { kind: wanted, mapped }: Wanted,
): Promise<Named> {
  const identity = mapped === null ? identityIn(facts) : mappedTo(mapped, facts);
  if (typeof identity === 'string') return { fault: identity, isNobody: mapped === null };
  const { id, kind } = identity;
  const says = mapped === null ? 'names' : saysOf(mapped);
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

function objectTo(
  app: Pick<Context, 'clock' | 'policies'>,
  { purposes, notBefore, notAfter }: CertificateFacts,
  principal: Principal,
): string | null {
  const isForClients = purposes === null || purposes.includes(oids.clientAuth) || purposes.includes(anyPurpose);
  if (!isForClients) return 'is not for TLS clients';
  const [begin, end] = [notBefore, notAfter].map((instant) => new Date(instant).toISOString());
  if (notBefore > notAfter) return `begins ${begin} and ended before that, ${end}: no device can connect with it`;
  const over = notAfter + graceMs(app.policies.of(principal)) <= app.clock.now();
  return over ? `ended ${end}, and grace with it` : null;
}

/**
 * One that our own CA signed has its serial number alone: our revocation list can name it. Any other has the mark of its issuer; where
 * that is the certificate itself, of its key, since many devices made themselves the number 0 or 1 under one name.
 */
function serialIn(app: Pick<Context, 'authority' | 'clock'>, der: Uint8Array, facts: CertificateFacts): Serial {
  const { issuers, roots } = app.authority.trust();
  const chains = issuers.flatMap(({ chain }) => chain);
  if (introduce(der, chains, roots, app.clock.now()).introduced) return facts.serial;
  return foreignSerial(facts.serial, issuerMark(facts));
}
