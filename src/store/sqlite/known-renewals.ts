// Renewals and what belongs to each, kept in memory: the rows themselves, those of a principal that have not ended, requests, and what it is
// known that a renewal has not.
import type { Fingerprint } from '../../domain/certificate.ts';
import type { PrincipalId } from '../../domain/principal.ts';
import type { RenewalRefusal } from '../../domain/refusal.ts';
import type { Renewal } from '../../domain/renewal.ts';
import type { ApprovedRequest } from '../../domain/request.ts';
import type { Instant } from '../../domain/time.ts';
import type { CarriedUpload } from '../../ports/carried.ts';
import { KnownRows, rowsKnownMax } from './known-rows.ts';
import type { Tables } from './tables/index.ts';
import { hasEnded } from './tables/renewals.ts';

/** Requests that are remembered at a time: each holds as many bytes as a CSR may have. */
const requestsKnownMax = 1_024;
/** Renewals that have not ended, of one principal: few have more than one. */
const unendedKnownMax = 16;

interface OfPrincipal {
  readonly id: PrincipalId;
  /** The newest first. */
  readonly renewals: readonly Renewal[];
}

/** The renewals of a principal that have not ended, once this one was written. */
function unendedWith(before: readonly Renewal[], renewal: Renewal): readonly Renewal[] {
  if (hasEnded(renewal)) return before.filter(({ id }) => id !== renewal.id);
  if (!before.some(({ id }) => id === renewal.id)) return [renewal, ...before];
  return before.map((each) => (each.id === renewal.id ? renewal : each));
}

/** Ids of renewals of which something is known. */
function knownIds(): KnownRows<string, string> {
  return new KnownRows<string, string>(
    rowsKnownMax,
    (id) => id,
    () => null,
  );
}

/** Most renewals are never refused anything, and most requests come in one piece. */
function knownLack(tables: Tables) {
  const [noRefusal, noneStanding, noUpload, noCarriedUpload] = [knownIds(), knownIds(), knownIds(), knownIds()];
  const all = [noRefusal, noneStanding, noUpload, noCarriedUpload];
  return {
    all,
    /** What belongs to a renewal refers to it: one that was not stored before has nothing. */
    isNew: (id: string): void => {
      for (const each of all) each.found(id);
    },
    tables: {
      refusalsOf: (id: string): RenewalRefusal[] => (noRefusal.known(id) === null ? tables.refusalsOf(id) : []),
      putRefusal: (refusal: RenewalRefusal): void => {
        noRefusal.forget(refusal.renewalId);
        noneStanding.forget(refusal.renewalId);
        tables.putRefusal(refusal);
      },
      settleRefusals: (id: string, at: Instant): void => {
        if (noneStanding.known(id) !== null) return;
        tables.settleRefusals(id, at);
        noneStanding.found(id);
      },
      upload: (id: string) => (noUpload.known(id) === null ? tables.upload(id) : null),
      putUpload: (id: string, total: number, bytes: Uint8Array): void => {
        noUpload.forget(id);
        tables.putUpload(id, total, bytes);
      },
      dropUpload: (id: string): void => {
        if (noUpload.known(id) !== null) return;
        tables.dropUpload(id);
        noUpload.found(id);
      },
      carriedUploads: (id: string): CarriedUpload[] =>
        noCarriedUpload.known(id) === null ? tables.carriedUploads(id) : [],
      putCarriedUpload: (id: string, upload: CarriedUpload): void => {
        noCarriedUpload.forget(id);
        tables.putCarriedUpload(id, upload);
      },
      dropCarriedUpload: (id: string, gateway: PrincipalId): void => {
        if (noCarriedUpload.known(id) === null) tables.dropCarriedUpload(id, gateway);
      },
      dropCarriedUploads: (id: string): void => {
        if (noCarriedUpload.known(id) !== null) return;
        tables.dropCarriedUploads(id);
        noCarriedUpload.found(id);
      },
    },
  };
}

/** A request is read twice while it is certified. */
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
  return {
    rows,
    tables: {
      request: (renewalId: string) => rows.get(renewalId)?.request ?? null,
      putRequest: (renewalId: string, request: ApprovedRequest): void => {
        rows.forget(renewalId);
        tables.putRequest(renewalId, request);
        // Copies: what a request's bytes are a part of may be a whole packet.
        const { csr, spki } = request;
        const kept = { ...request, csr: csr && Uint8Array.from(csr), spki: Uint8Array.from(spki) };
        rows.found({ renewalId, request: kept });
      },
    },
  };
}

export function knownRenewals(tables: Tables) {
  const rows = new KnownRows<string, Renewal>(rowsKnownMax, ({ id }) => id, tables.renewal);
  const unended = new KnownRows<PrincipalId, OfPrincipal>(
    rowsKnownMax,
    ({ id }) => id,
    () => null,
  );
  const lack = knownLack(tables);
  const requests = knownRequests(tables);
  const unendedRenewals = (id: PrincipalId): Renewal[] => {
    const known = unended.known(id);
    if (known) return [...known.renewals];
    const renewals = rows.allFound(tables.unendedRenewals(id));
    if (renewals.length <= unendedKnownMax) unended.found({ id, renewals });
    return [...renewals];
  };
  /** @returns what was stored before; null: nothing. */
  const write = (renewal: Renewal, known: Renewal | null): Renewal | null => {
    if (known === null && tables.addRenewal(renewal)) {
      lack.isNew(renewal.id);
      return null;
    }
    const held = known ?? tables.renewal(renewal.id);
    tables.putRenewal(renewal, held);
    return held;
  };
  const putRenewal = (renewal: Renewal): void => {
    const { id, principalId } = renewal;
    const known = rows.known(id);
    const unendedBefore = unended.known(principalId);
    // Where the write fails, what is stored is not known.
    rows.forget(id);
    unended.forget(principalId);
    const held = write(renewal, known);
    rows.found(renewal);
    const isMoved = held !== null && held.principalId !== principalId;
    if (isMoved) unended.forget(held.principalId);
    if (isMoved || !unendedBefore) return;
    const renewals = unendedWith(unendedBefore.renewals, renewal);
    // One that had ended may be open again, and is then not the newest.
    const isReopened = held !== null && hasEnded(held) && !hasEnded(renewal);
    if (!isReopened && renewals.length <= unendedKnownMax) unended.found({ id: principalId, renewals });
  };
  return {
    all: [rows, unended, requests.rows, ...lack.all],
    tables: {
      renewal: (id: string) => rows.get(id),
      unendedRenewals,
      currentRenewal: (id: PrincipalId) => unendedRenewals(id)[0] ?? null,
      openRenewalFor: (old: Fingerprint) => rows.found(tables.openRenewalFor(old)),
      dueRenewals: (now: Instant, limit: number) => rows.allFound(tables.dueRenewals(now, limit)),
      putRenewal,
      ...lack.tables,
      ...requests.tables,
    },
  };
}
