// Who was refused because the ledger or the inventory does not know it, or no more: gathered in memory, written now and then as findings
// and alerts. A flood of strangers costs bounded tables and nothing else.
import type { Fingerprint } from '../../domain/certificate.ts';
import type { FindingKind } from '../../domain/finding.ts';
import { parsePrincipalId } from '../../domain/principal.ts';
import { dayMs, type Instant } from '../../domain/time.ts';
import { DerError } from '../../pki/der-reader.ts';
import { fingerprintOf, readAdopted } from '../../pki/x509.ts';
import type { Transaction } from '../../ports/store.ts';
import { type Changing, change } from '../change.ts';
import type { Admission, ConnectFacts } from '../session.ts';
import { StrangerAlerts } from './alert-strangers.ts';

type Refusal = (Admission & { readonly admitted: false })['reason'];

interface Knock {
  readonly fingerprint: Fingerprint;
  /** Whom the certificate names; null: nobody who could be in the inventory. */
  readonly name: string | null;
  readonly clientId: string;
  readonly address: string;
  readonly at: Instant;
}

const kinds = [
  'not_in_inventory',
  'unknown_certificate',
  'client_id_mismatch',
] as const satisfies readonly FindingKind[];

/** Who is remembered until it is written, and findings of each kind. Whoever comes beyond that is in the log alone. */
const knocksMax = 1_000;
/** The pace of writing. */
const flushMs = 5_000;
/** How long a finding stays after it was last so. */
const keptMs = 7 * dayMs;
/** Characters of a client id that are kept. */
const clientIdKept = 64;

export class Knocks {
  readonly #app: Changing;
  #unknown = new Map<string, Knock>();
  #misnamed = new Map<string, Knock>();
  #gone = new Map<string, Knock>();
  #flushedAt = Number.NEGATIVE_INFINITY;

  constructor(app: Changing) {
    this.#app = app;
  }

  /** A connect was refused. What is not about who somebody is, is not kept. */
  note(reason: Refusal, { presented, clientId, remoteAddress }: ConnectFacts, now: Instant): void {
    if (presented.der === null) return;
    const knocks = this.#knocksFor(reason);
    if (!knocks || knocks.size >= knocksMax) return;
    const fingerprint = fingerprintOf(presented.der);
    const name = reason === 'client_id_mismatch' ? null : nameIn(presented.der);
    const said = clientId.slice(0, clientIdKept).replaceAll(/\p{C}/gu, '?');
    knocks.set(name ?? fingerprint, { fingerprint, name, clientId: said, address: remoteAddress, at: now });
  }

  #knocksFor(reason: Refusal): Map<string, Knock> | null {
    if (reason === 'unknown_certificate') return this.#unknown;
    if (reason === 'decommissioned' || reason === 'unknown_principal') return this.#gone;
    return reason === 'client_id_mismatch' ? this.#misnamed : null;
  }

  /** Writes what was noted, at its own pace. */
  async flush(): Promise<void> {
    const noted = this.#unknown.size + this.#misnamed.size + this.#gone.size;
    if (noted === 0 || this.#app.clock.steady() < this.#flushedAt + flushMs) return;
    this.#flushedAt = this.#app.clock.steady();
    const unknown = this.#unknown;
    const misnamed = this.#misnamed;
    const gone = this.#gone;
    this.#unknown = new Map();
    this.#misnamed = new Map();
    this.#gone = new Map();
    await change(this.#app, async (within) => {
      const page = new Page(within.tx);
      const alerts = await StrangerAlerts.within(within);
      for (const knock of gone.values()) await alertGone(within.tx, alerts, knock);
      for (const knock of unknown.values()) await keepUnknown(page, alerts, knock);
      for (const knock of misnamed.values()) await keepMisnamed(page, knock);
    });
  }
}

/** Findings as they are written, no more of a kind than are kept. */
class Page {
  readonly tx: Transaction;
  readonly #subjects = new Map<FindingKind, Set<string>>();

  constructor(tx: Transaction) {
    this.tx = tx;
  }

  async put(kind: FindingKind, subject: string, detail: string, at: Instant): Promise<void> {
    const subjects =
      this.#subjects.get(kind) ?? new Set((await this.tx.findings({ kind }, knocksMax)).map((each) => each.subject));
    this.#subjects.set(kind, subjects);
    if (subjects.size >= knocksMax && !subjects.has(subject)) return;
    subjects.add(subject);
    await this.tx.putFinding({ kind, subject, detail, firstAt: at, lastAt: at });
  }
}

function nameIn(der: Uint8Array): string | null {
  try {
    return parsePrincipalId(readAdopted(der).commonName);
  } catch (error) {
    if (error instanceof DerError) return null;
    throw error;
  }
}

async function keepUnknown(page: Page, alerts: StrangerAlerts, knock: Knock): Promise<void> {
  const { fingerprint, name, address, at } = knock;
  const id = parsePrincipalId(name);
  const principal = id && (await page.tx.principal(id));
  const short = `certificate ${fingerprint.slice(0, 16)}`;
  const subject = name ?? short;
  await page.put(
    principal ? 'unknown_certificate' : 'not_in_inventory',
    subject,
    `${short} was refused, last from ${address}`,
    at,
  );
  const detail = principal
    ? `${short} in its name is none the ledger holds, and was refused; from ${address}`
    : `it is not in the inventory and tries to come in, with ${short}; from ${address}`;
  await alerts.raise({ subject, detail, principal, isKnown: false });
}

/** Whoever is no more in service. The ledger knows the certificate, or an anchor introduced it. */
async function alertGone(
  tx: Transaction,
  alerts: StrangerAlerts,
  { fingerprint, name, address }: Knock,
): Promise<void> {
  const entry = await tx.certificate(fingerprint);
  const id = entry?.principalId ?? parsePrincipalId(name);
  if (!id) return;
  const detail = `it is decommissioned and still tries to come in; from ${address}`;
  await alerts.raise({ subject: id, detail, principal: await tx.principal(id), isKnown: entry !== null });
}

async function keepMisnamed(page: Page, { fingerprint, clientId, address, at }: Knock): Promise<void> {
  const entry = await page.tx.certificate(fingerprint);
  if (entry)
    await page.put('client_id_mismatch', entry.principalId, `it came as ${clientId}, last from ${address}`, at);
}

/** Forgets what is over: not seen for a while, in the inventory by now, or admitted since. */
export async function settleKnocks(app: Changing): Promise<void> {
  await change(app, async (within) => {
    const { tx } = within;
    for (const kind of kinds) {
      await tx.forgetFindings(kind, within.now - keptMs);
      for (const { subject, lastAt } of await tx.findings({ kind }, knocksMax)) {
        const id = parsePrincipalId(subject);
        const isOver =
          id !== null && (kind === 'not_in_inventory' ? await tx.principal(id) : await seenSince(tx, id, lastAt));
        if (!isOver) continue;
        await tx.dropFinding(kind, subject);
        if (kind !== 'client_id_mismatch') await within.clearAlert({ kind: 'unknown_identity', subject });
      }
    }
  });
}

async function seenSince(tx: Transaction, id: NonNullable<ReturnType<typeof parsePrincipalId>>, at: Instant) {
  return ((await tx.contact(id))?.lastSeenAt ?? 0) > at;
}
