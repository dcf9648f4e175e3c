// Takes over a fleet whose certificates another CA issued: each is checked, all of them before one is written, and then they are in
// the ledger as active, admitted by their bytes alone and replaced by ours at their time.
import { bareSerial, foreignSerial, isForeign, type LedgerEntry, type Serial } from '../../domain/certificate.ts';
import type { Principal } from '../../domain/principal.ts';
import { readRows } from '../../wire/inventory-rows.ts';
import type { Change, Changing } from '../change.ts';
import type { Context } from '../context.ts';
import { carrier } from '../dry-run.ts';
import { Faults } from '../faults.ts';
import { OperationError } from '../operation-error.ts';
import { allow, checkInsistence, type Objection } from '../renewal/decide.ts';
import { dueAt } from '../renewal/due.ts';
import type { WithTurns } from '../turns.ts';
import type { CertificateFiles, ImportedView, PassedOverView } from '../views/certificates.ts';
import {
  type CheckCertificateContext,
  type CheckedCertificate,
  checkCertificate,
  type Mapped,
  type Origin,
  readOffered,
} from './check-certificate.ts';
import { joinShard } from './join-shard.ts';
import { PassedOver } from './passed-over.ts';

type ImportCertificatesContext = CheckCertificateContext & Changing & WithTurns;

/** Certificates of one import: what is checked waits in memory for the last of them. */
export const certificatesMax = 200_000;

type Fit = CheckedCertificate & { readonly kind: 'fit' };

interface Checked {
  /** By fingerprint. */
  readonly fit: Map<string, Fit>;
  readonly known: number;
  readonly notes: readonly string[];
  readonly passedOver: PassedOverView | null;
  readonly faulty: readonly string[];
  readonly objections: readonly Objection[];
}

/** Notes that are named. */
const notesMax = 200;

/** Certificates that are named because a map gives them to others than they name. */
const contradictingMax = 20;

const importDecided = { what: 'an import of certificates', command: 'nolapse cert import PATH' };

/** Faults that are named of an import that skips what is faulty. */
const skippedMax = 10_000;

/**
 * Rejects with `invalid` and every fault by its file, and with `conflict` where a map gives certificates to other devices than they name and
 * nobody insists; then nothing is written. With `skipFaulty` it leaves those out and names them. What is in the ledger already stays as it is.
 */
export async function importCertificates(
  app: ImportCertificatesContext,
  files: CertificateFiles,
): Promise<ImportedView> {
  checkInsistence(files);
  const { fit, known, notes, passedOver, faulty, objections } = await check(app, files);
  await allow(app, importDecided, objections, files);
  const entries = [...fit.values()];
  const { sweepBatch } = app.settings;
  const carried = carrier(files);
  let imported = 0;
  for (let from = 0; from < entries.length; from += sweepBatch) {
    imported += await carried.run(app, (within) => enter(within, entries.slice(from, from + sweepBatch)));
  }
  return {
    imported,
    known: known + entries.length - imported,
    ...(notes.length > 0 && { notes }),
    ...(passedOver && { passedOver }),
    ...(faulty.length > 0 && { faulty }),
    ...carried.view(),
  };
}

async function check(
  app: ImportCertificatesContext,
  { text, kind, skipFaulty = false, force = false }: CertificateFiles,
): Promise<Checked> {
  const faults = skipFaulty ? new Faults(skippedMax) : new Faults();
  const notes = new Faults(notesMax, 'notes');
  const authorities = new PassedOver();
  const fit: Checked['fit'] = new Map();
  const serials = new Map<string, string>();
  /** Files in which only CAs were found so far, by their place. */
  const barren = new Map<string, number>();
  const contradictions: string[] = [];
  let known = 0;
  const take = async ({ file, place, der, mapped }: Certificate, line: number): Promise<void> => {
    const found = readOffered(der);
    if (typeof found === 'string') {
      barren.set(file, 0);
      return faults.add(line, `${place}: it ${found}`);
    }
    authorities.note(found.facts);
    const checked = await checkCertificate(app, found, { kind: kind ?? null, mapped });
    if (checked.kind === 'ca') {
      authorities.add(found.facts, found.der, { place, line }, checked.isOwn);
      if (!barren.has(file)) barren.set(file, line);
      return;
    }
    barren.set(file, 0);
    if (checked.kind === 'known') known += 1;
    else if (checked.kind === 'unfit') faults.add(line, `${place}: it ${checked.fault}`);
    else if (checked.contradiction && skipFaulty && !force) faults.add(line, `${place}: it ${checked.contradiction}`);
    else {
      if (checked.contradiction) contradictions.push(`${place}: it ${checked.contradiction}`);
      const entry = await withOwnSerial(app, checked, serials);
      if ('fault' in entry) return faults.add(line, `${place}: ${entry.fault}`);
      for (const note of checked.notes) notes.add(line, `${place}: ${checked.principal.id}: it ${note}`);
      fit.set(entry.certificate.fingerprint, entry);
      serials.set(entry.certificate.serial, entry.certificate.fingerprint);
    }
  };
  for await (const { rows, faults: unread } of readRows('jsonl', text)) {
    for (const { line, fault } of unread) faults.add(line, fault);
    for (const { line, fields } of rows) {
      const offered = offeredIn(fields);
      if ('fault' in offered) faults.add(line, offered.fault);
      else await take(offered, line);
    }
    if (fit.size > certificatesMax)
      throw new OperationError('invalid', [`more than ${certificatesMax}: import in parts`]);
    await app.turns.take();
  }
  for (const [file, line] of barren) if (line > 0) faults.add(line, `${file}: nothing but certificates of CAs`);
  const faulty = faults.named(() => '');
  if (faults.any && !skipFaulty) throw new OperationError('invalid', faulty);
  return {
    fit,
    known,
    notes: notes.named(() => ''),
    passedOver: authorities.view(),
    faulty,
    objections: objectionsTo(contradictions),
  };
}

function objectionsTo(contradictions: readonly string[]): Objection[] {
  const { length: count } = contradictions;
  if (count === 0) return [];
  const which =
    count === 1 ? '1 certificate to another device than it names' : `${count} to other devices than they name`;
  const sentence = `it gives ${which}; the first is in ${contradictions[0]}`;
  return [{ count, sentence, named: contradictions.slice(0, contradictingMax) }];
}

/**
 * Numbers are to be unique within an issuer (RFC 5280, 4.1.2.2), and of many CAs they are not: the second has the mark of its own
 * fingerprint. One of our own CA with the number of another is a copy with other bytes.
 */
async function withOwnSerial(
  app: Pick<Context, 'store'>,
  checked: Fit,
  beside: ReadonlyMap<string, string>,
): Promise<Fit | { readonly fault: string }> {
  const { certificate } = checked;
  const twin = await twinOf(app, certificate, beside);
  if (twin === null) return checked;
  if (!isForeign(certificate)) return { fault: `its serial number is already that of ${twin}, of the same CA` };
  const digits = bareSerial(certificate.serial);
  return {
    ...checked,
    certificate: { ...certificate, serial: foreignSerial(digits as Serial, certificate.fingerprint) },
  };
}

interface Certificate {
  readonly file: string;
  /** The file, and which certificate in it. */
  readonly place: string;
  readonly der: Uint8Array;
  readonly mapped: Mapped | null;
}

/** A row says which file, and what is in it or why that could not be read. */
function offeredIn(row: Readonly<Record<string, unknown>>): Certificate | { readonly fault: string } {
  const { file, block, certificate, fault, id, mapLine } = row;
  if (typeof file !== 'string') return { fault: 'a row that names no file' };
  const place = typeof block === 'number' ? `${file}, certificate ${block}` : file;
  if (typeof fault === 'string') return { fault: `${place}: ${fault}` };
  if (typeof certificate !== 'string') return { fault: `${place}: nothing in it` };
  const der = new Uint8Array(Buffer.from(certificate, 'base64'));
  const line = typeof mapLine === 'number' ? mapLine : null;
  return { file, place, der, mapped: typeof id === 'string' ? { id, line } : null };
}

/** Another certificate with this serial number; null: there is none. */
async function twinOf(
  app: Pick<Context, 'store'>,
  { serial, fingerprint }: Origin,
  beside: ReadonlyMap<string, string>,
) {
  const twin = beside.get(serial) ?? (await app.store.read.certificateBySerial(serial))?.fingerprint ?? fingerprint;
  return twin === fingerprint ? null : twin;
}

/** @returns how many were entered. Somebody may have been quicker with the others, or ended their device meanwhile. */
async function enter(within: Change<Pick<Context, 'policies' | 'settings'>>, entries: readonly Fit[]): Promise<number> {
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

async function enterOne(
  within: Change<Pick<Context, 'policies' | 'settings'>>,
  principal: Principal,
  certificate: Origin,
): Promise<void> {
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
  await joinShard(within, entry);
  await record({
    action: 'certificate.imported',
    message: `${principal.id}: certificate ${entry.serial} taken into the ledger, until ${new Date(entry.notAfter).toISOString()}`,
    principalId: principal.id,
    fields: { 'tls.client.hash.sha256': entry.fingerprint },
  });
}
