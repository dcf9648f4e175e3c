// Takes over a fleet whose certificates another CA issued: each is checked, all of them before one is written, and then they are in
// the ledger as active, admitted by their bytes alone and replaced by ours at their time.
import type { LedgerEntry } from '../../domain/certificate.ts';
import type { Principal } from '../../domain/principal.ts';
import { readRows } from '../../wire/inventory-rows.ts';
import { type Change, change } from '../change.ts';
import type { App } from '../context.ts';
import { Faults } from '../faults.ts';
import { type CertificateFiles, type ImportedView, OperationError } from '../operations.ts';
import { dueAt } from '../renewal/due.ts';
import { type CheckedCertificate, checkCertificate, type Origin } from './check-certificate.ts';

/** Certificates of one import: what is checked waits in memory for the last of them. */
export const certificatesMax = 200_000;

type Fit = CheckedCertificate & { readonly kind: 'fit' };

interface Checked {
  /** By fingerprint. */
  readonly fit: Map<string, Fit>;
  readonly known: number;
}

/** Rejects with `invalid` and every fault by its file; then nothing is written. What is in the ledger already stays as it is. */
export async function importCertificates(app: App, files: CertificateFiles): Promise<ImportedView> {
  const { fit, known } = await check(app, files);
  const entries = [...fit.values()];
  const { sweepBatch } = app.settings;
  let imported = 0;
  for (let from = 0; from < entries.length; from += sweepBatch) {
    imported += await change(app, (within) => enter(within, entries.slice(from, from + sweepBatch)));
  }
  return { imported, known: known + entries.length - imported };
}

async function check(app: App, { text, kind }: CertificateFiles): Promise<Checked> {
  const faults = new Faults();
  const fit: Checked['fit'] = new Map();
  const serials = new Map<string, string>();
  /** Files in which only CAs were found so far, by their place. */
  const barren = new Map<string, number>();
  let known = 0;
  for await (const { rows, faults: unread } of readRows('jsonl', text)) {
    for (const { line, fault } of unread) faults.add(line, fault);
    for (const { line, fields } of rows) {
      const offered = offeredIn(fields);
      if ('fault' in offered) {
        faults.add(line, offered.fault);
        continue;
      }
      const { file, der } = offered;
      const checked = await checkCertificate(app, der, kind ?? null);
      if (checked.kind === 'ca') {
        if (!barren.has(file)) barren.set(file, line);
        continue;
      }
      barren.set(file, 0);
      if (checked.kind === 'known') known += 1;
      else if (checked.kind === 'unfit') faults.add(line, `${file}: it ${checked.fault}`);
      else {
        const twin = await twinOf(app, checked.certificate, serials);
        if (twin) faults.add(line, `${file}: its serial number is that of ${twin}, of the same CA`);
        fit.set(checked.certificate.fingerprint, checked);
        serials.set(checked.certificate.serial, checked.certificate.fingerprint);
      }
    }
    if (fit.size > certificatesMax)
      throw new OperationError('invalid', [`more than ${certificatesMax}: import in parts`]);
    await app.turns.take();
  }
  for (const [file, line] of barren) if (line > 0) faults.add(line, `${file}: nothing but certificates of CAs`);
  if (faults.any)
    throw new OperationError(
      'invalid',
      faults.named(() => ''),
    );
  return { fit, known };
}

type Offered = { readonly file: string; readonly der: Uint8Array } | { readonly fault: string };

/** A row says which file, and what is in it or why that could not be read. */
function offeredIn({ file, certificate, fault }: Readonly<Record<string, unknown>>): Offered {
  if (typeof file !== 'string') return { fault: 'a row that names no file' };
  if (typeof fault === 'string') return { fault: `${file}: ${fault}` };
  if (typeof certificate !== 'string') return { fault: `${file}: nothing in it` };
  return { file, der: new Uint8Array(Buffer.from(certificate, 'base64')) };
}

/** Another certificate with this serial number; null: there is none. */
async function twinOf(app: App, { serial, fingerprint }: Origin, beside: ReadonlyMap<string, string>) {
  const twin = beside.get(serial) ?? (await app.store.read.certificateBySerial(serial))?.fingerprint ?? fingerprint;
  return twin === fingerprint ? null : twin;
}

/** @returns how many were entered. Somebody may have been quicker with the others, or ended their device meanwhile. */
async function enter(within: Change, entries: readonly Fit[]): Promise<number> {
  let entered = 0;
  for (const { principal: checked, certificate } of entries) {
    const principal = await within.tx.principal(checked.id);
    if (!principal || principal.status === 'decommissioned') continue;
    if (await within.tx.certificate(certificate.fingerprint)) continue;
    if (await within.tx.certificateBySerial(certificate.serial)) continue;
    await enterOne(within, principal, certificate);
    entered += 1;
  }
  return entered;
}

async function enterOne(within: Change, principal: Principal, certificate: Origin): Promise<void> {
  const { tx, now, record } = within;
  const entry: LedgerEntry = {
    ...certificate,
    principalId: principal.id,
    state: 'active',
    renewalId: null,
    // As old as it says: what is issued later comes after it, and its key is no younger than it is.
    issuedAt: Math.min(certificate.notBefore, now),
    // Taken to be in use: no anchor introduces this device any more.
    activatedAt: now,
    lastSeenAt: null,
    renewAt: null,
    overlapUntil: null,
    revokedAt: null,
    revocationReason: null,
  };
  await tx.putCertificate({ ...entry, renewAt: Math.max(now, await dueAt(within, entry, principal)) });
  await record({
    action: 'certificate.imported',
    message: `${principal.id}: certificate ${entry.serial} taken into the ledger, until ${new Date(entry.notAfter).toISOString()}`,
    principalId: principal.id,
    fields: { 'tls.client.hash.sha256': entry.fingerprint },
  });
}
