// The tables with their most read rows kept in memory: principals and what is known of them, certificates, renewals and their requests,
// and the renewals of a principal that have not ended. Everything that writes these rows is here, beside what it makes of what is
// remembered.
import type { Fingerprint, LedgerEntry } from '../../domain/certificate.ts';
import type { Contact, Principal, PrincipalId } from '../../domain/principal.ts';
import type { RenewalRefusal } from '../../domain/refusal.ts';
import type { Renewal } from '../../domain/renewal.ts';
import type { ApprovedRequest } from '../../domain/request.ts';
import type { Instant } from '../../domain/time.ts';
import type { TrustGlance, TrustRecord } from '../../domain/trust-record.ts';
import type { Page } from '../../ports/page.ts';
import type { Presence } from '../../ports/presence.ts';
import { KnownRows } from './known-rows.ts';
import type { Tables } from './tables/index.ts';
import type { PrincipalWithTrust } from './tables/inventory.ts';
import { hasEnded } from './tables/renewals.ts';

/** Rows of each kind that are remembered at a time: some 15 MB in all. */
export const rowsKnownMax = 4_096;
/** Requests that are remembered at a time: each holds as many bytes as a CSR may have. */
const requestsKnownMax = 256;
/** Renewals that have not ended, of one principal: few have more than one. */
const unendedKnownMax = 16;

interface OfPrincipal {
  readonly id: PrincipalId;
  /** The newest first. */
  readonly renewals: readonly Renewal[];
}

export interface KnownTables extends Omit<Tables, 'putCertificate' | 'putRenewal'> {
  trustGlance(id: PrincipalId): TrustGlance | null;
  putCertificate(entry: LedgerEntry): void;
  putRenewal(renewal: Renewal): void;
  /** Something that was written is undone: nothing that is remembered can be relied on. */
  forgetAll(): void;
  /** Rows that are remembered now. */
  rowsKnown(): number;
}

/** The renewals of a principal that have not ended, once this one was written. */
function unendedWith(before: readonly Renewal[], renewal: Renewal): readonly Renewal[] {
  if (hasEnded(renewal)) return before.filter(({ id }) => id !== renewal.id);
  if (!before.some(({ id }) => id === renewal.id)) return [renewal, ...before];
  return before.map((each) => (each.id === renewal.id ? renewal : each));
}

function knownRenewals(tables: Tables) {
  const rows = new KnownRows<string, Renewal>(rowsKnownMax, ({ id }) => id, tables.renewal);
  const unended = new KnownRows<PrincipalId, OfPrincipal>(
    rowsKnownMax,
    ({ id }) => id,
    () => null,
  );
  const unendedRenewals = (id: PrincipalId): Renewal[] => {
    const known = unended.get(id);
    if (known) return [...known.renewals];
    const renewals = rows.allFound(tables.unendedRenewals(id));
    if (renewals.length <= unendedKnownMax) unended.found({ id, renewals });
    return [...renewals];
  };
  return {
    rows,
    unended,
    tables: {
      renewal: (id: string) => rows.get(id),
      unendedRenewals,
      currentRenewal: (id: PrincipalId) => unendedRenewals(id)[0] ?? null,
      openRenewalFor: (old: Fingerprint) => rows.found(tables.openRenewalFor(old)),
      putRenewal: (renewal: Renewal): void => {
        const { principalId } = renewal;
        const held = rows.get(renewal.id);
        const before = held === null || held.principalId === principalId ? unended.get(principalId) : null;
        // Where the write fails, what is stored is not known.
        rows.forget(renewal.id);
        unended.forget(principalId);
        if (held) unended.forget(held.principalId);
        tables.putRenewal(renewal, held);
        rows.found(renewal);
        if (!before) return;
        const renewals = unendedWith(before.renewals, renewal);
        // One that had ended may be open again, and is then not the newest.
        const isReopened = held !== null && hasEnded(held) && !hasEnded(renewal);
        if (!isReopened && renewals.length <= unendedKnownMax) unended.found({ id: principalId, renewals });
      },
    },
  };
}

function knownCertificates(tables: Tables) {
  const rows = new KnownRows<Fingerprint, LedgerEntry>(
    rowsKnownMax,
    ({ fingerprint }) => fingerprint,
    tables.certificate,
  );
  return {
    rows,
    tables: {
      certificate: (fingerprint: Fingerprint) => rows.get(fingerprint),
      heldCertificates: (id: PrincipalId, page: Page) => rows.allFound(tables.heldCertificates(id, page)),
      dueCertificates: (now: Instant, limit: number) => rows.allFound(tables.dueCertificates(now, limit)),
      putCertificate: (entry: LedgerEntry): void => {
        const held = rows.get(entry.fingerprint);
        rows.forget(entry.fingerprint);
        tables.putCertificate(entry, held);
        rows.found(entry);
      },
      settleFirstIssuer: (authorityKeyIdentifier: Uint8Array): void => {
        rows.clear();
        tables.settleFirstIssuer(authorityKeyIdentifier);
      },
      certificateSeen: (fingerprint: Fingerprint, at: Instant): void => {
        rows.forget(fingerprint);
        tables.certificateSeen(fingerprint, at);
      },
    },
  };
}

/** A request is read twice while it is certified. Refusals are settled at each step of a renewal, and most have none. */
function knownRequests(tables: Tables) {
  interface Asked {
    readonly renewalId: string;
    readonly request: ApprovedRequest;
  }
  const rows = new KnownRows<string, Asked>(
    requestsKnownMax,
    ({ renewalId }) => renewalId,
    (renewalId) => {
      const request = tables.request(renewalId);
      return request && { renewalId, request };
    },
  );
  /** The renewals of which it is known that no refusal stands. */
  const settled = new KnownRows<string, string>(
    rowsKnownMax,
    (renewalId) => renewalId,
    () => null,
  );
  return {
    all: [rows, settled],
    tables: {
      request: (renewalId: string) => rows.get(renewalId)?.request ?? null,
      putRequest: (renewalId: string, request: ApprovedRequest): void => {
        rows.forget(renewalId);
        tables.putRequest(renewalId, request);
      },
      putRefusal: (refusal: RenewalRefusal): void => {
        settled.forget(refusal.renewalId);
        tables.putRefusal(refusal);
      },
      settleRefusals: (renewalId: string, at: Instant): void => {
        if (settled.get(renewalId) !== null) return;
        tables.settleRefusals(renewalId, at);
        settled.found(renewalId);
      },
    },
  };
}

/** What is known of a principal beside its record, also that it is nothing. */
function knownOf<Known>(read: (id: PrincipalId) => Known | null) {
  interface Answer {
    readonly id: PrincipalId;
    readonly known: Known | null;
  }
  return new KnownRows<PrincipalId, Answer>(
    rowsKnownMax,
    ({ id }) => id,
    (id) => ({ id, known: read(id) }),
  );
}

function knownPrincipals(tables: Tables) {
  interface Glanced {
    readonly id: PrincipalId;
    readonly trust: TrustGlance;
  }
  const read = (id: PrincipalId): PrincipalWithTrust | null => {
    const found = tables.principalWithTrust(id);
    if (!found) return null;
    rows.found(found.principal);
    glances.found({ id, trust: found.trust });
    return found;
  };
  const rows = new KnownRows<PrincipalId, Principal>(
    rowsKnownMax,
    ({ id }) => id,
    (id) => read(id)?.principal ?? null,
  );
  const glances = new KnownRows<PrincipalId, Glanced>(
    rowsKnownMax,
    ({ id }) => id,
    (id) => {
      const found = read(id);
      return found && { id, trust: found.trust };
    },
  );
  const contacts = knownOf(tables.contact);
  const presences = knownOf(tables.presence);
  return {
    all: [rows, glances, contacts, presences],
    tables: {
      principal: (id: PrincipalId) => rows.get(id),
      trustGlance: (id: PrincipalId) => glances.get(id)?.trust ?? null,
      putTrustRecord: (record: TrustRecord): void => {
        glances.forget(record.principalId);
        tables.putTrustRecord(record);
      },
      contact: (id: PrincipalId) => contacts.get(id)?.known ?? null,
      presence: (id: PrincipalId) => presences.get(id)?.known ?? null,
      putPrincipal: (principal: Principal): void => {
        rows.forget(principal.id);
        tables.putPrincipal(principal);
      },
      putContact: (contact: Contact): void => {
        const { principalId: id } = contact;
        contacts.forget(id);
        tables.putContact(contact);
        contacts.found({ id, known: contact });
      },
      principalSeen: (id: PrincipalId, at: Instant): void => {
        contacts.forget(id);
        tables.principalSeen(id, at);
      },
      putPresence: (presence: Presence): void => {
        presences.forget(presence.principalId);
        tables.putPresence(presence);
      },
    },
  };
}

export function knownTables(tables: Tables): KnownTables {
  const principals = knownPrincipals(tables);
  const certificates = knownCertificates(tables);
  const renewals = knownRenewals(tables);
  const requests = knownRequests(tables);
  const all = [...principals.all, certificates.rows, renewals.rows, renewals.unended, ...requests.all];
  return {
    ...tables,
    ...principals.tables,
    ...certificates.tables,
    ...renewals.tables,
    ...requests.tables,
    forgetAll: () => {
      for (const rows of all) rows.clear();
    },
    rowsKnown: () => all.reduce((sum, { size }) => sum + size, 0),
  };
}
