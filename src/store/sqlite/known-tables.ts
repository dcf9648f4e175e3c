// The tables with their most read rows kept in memory: principals and what is known of them, certificates, renewals and what belongs to
// each, and of whom no alert is open. Everything that writes these rows is here or in known-renewals.ts, beside what it makes of what is
// remembered.
import type { Alert } from '../../domain/alert.ts';
import type { Fingerprint, LedgerEntry } from '../../domain/certificate.ts';
import type { Contact, Principal, PrincipalId } from '../../domain/principal.ts';
import type { Renewal } from '../../domain/renewal.ts';
import type { Instant } from '../../domain/time.ts';
import type { TrustGlance, TrustRecord } from '../../domain/trust-record.ts';
import type { Page } from '../../ports/page.ts';
import type { Presence } from '../../ports/presence.ts';
import { recordedSetting } from './changes.ts';
import { knownRenewals } from './known-renewals.ts';
import { KnownRows, rowsKnownMax } from './known-rows.ts';
import { knownSteps } from './known-steps.ts';
import type { Tables } from './tables/index.ts';
import type { PrincipalWithTrust } from './tables/inventory.ts';

/** Settings that are remembered at a time: there are few. */
const settingsKnownMax = 64;

export interface KnownTables extends Omit<Tables, 'putCertificate' | 'addCertificate' | 'putRenewal' | 'addRenewal'> {
  trustGlance(id: PrincipalId): TrustGlance | null;
  putCertificate(entry: LedgerEntry): void;
  putRenewal(renewal: Renewal): void;
  /** Something that was written is undone: nothing that is remembered can be relied on. */
  forgetAll(): void;
  /** Rows that are remembered now. */
  rowsKnown(): number;
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
      endedCertificates: (now: Instant, limit: number) => rows.allFound(tables.endedCertificates(now, limit)),
      putCertificate: (entry: LedgerEntry): void => {
        const known = rows.known(entry.fingerprint);
        rows.forget(entry.fingerprint);
        if (known || !tables.addCertificate(entry)) {
          tables.putCertificate(entry, known ?? tables.certificate(entry.fingerprint));
        }
        rows.found(entry);
      },
      settleFirstIssuer: (authorityKeyIdentifier: Uint8Array): void => {
        rows.clear();
        tables.settleFirstIssuer(authorityKeyIdentifier);
      },
      certificateSeen: (fingerprint: Fingerprint, at: Instant): void => {
        const held = rows.remembered(fingerprint);
        rows.forget(fingerprint);
        tables.certificateSeen(fingerprint, at);
        if (held) rows.found({ ...held, lastSeenAt: at });
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
        const { principalId: id } = presence;
        presences.forget(id);
        tables.putPresence(presence);
        presences.found({ id, known: presence });
      },
    },
  };
}

/** Each principal is looked at time and again, and of most there is no alert. */
function knownAlerts(tables: Tables) {
  /** The principals of which it is known that no alert is open. */
  const calm = new KnownRows<string, string>(
    rowsKnownMax,
    (id) => id,
    () => null,
  );
  return {
    calm,
    tables: {
      openAlertsOf: (id: PrincipalId): Alert[] => {
        if (calm.known(id) !== null) return [];
        const open = tables.openAlertsOf(id);
        if (open.length === 0) calm.found(id);
        return open;
      },
      putAlert: (alert: Alert): void => {
        calm.forget(alert.subject);
        tables.putAlert(alert);
      },
    },
  };
}

/** Read at each sweep, and seldom written. */
function knownSettings(tables: Tables) {
  interface Setting {
    readonly name: string;
    readonly value: string | null;
  }
  const rows = new KnownRows<string, Setting>(
    settingsKnownMax,
    ({ name }) => name,
    (name) => ({ name, value: tables.setting(name) }),
  );
  return {
    rows,
    tables: {
      // One is written beside these tables.
      setting: (name: string): string | null =>
        name === recordedSetting ? tables.setting(name) : (rows.get(name)?.value ?? null),
      putSetting: (name: string, value: string): void => {
        rows.forget(name);
        tables.putSetting(name, value);
      },
    },
  };
}

export function knownTables(tables: Tables): KnownTables {
  const principals = knownPrincipals(tables);
  const certificates = knownCertificates(tables);
  const renewals = knownRenewals(tables);
  const alerts = knownAlerts(tables);
  const steps = knownSteps(tables);
  const settings = knownSettings(tables);
  const all = [...principals.all, certificates.rows, ...renewals.all, alerts.calm, ...steps.all, settings.rows];
  return {
    ...tables,
    ...principals.tables,
    ...certificates.tables,
    ...renewals.tables,
    ...alerts.tables,
    ...steps.tables,
    ...settings.tables,
    forgetAll: () => {
      for (const rows of all) rows.clear();
    },
    rowsKnown: () => all.reduce((sum, { size }) => sum + size, 0),
  };
}
