// nolapse cert import --map: whose a certificate is where it does not say so itself. A CSV file with a header: `id`, and `fingerprint`
// or `subject` or both; it is read whole, and every fault is named by its line before anything is imported.
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { OperationError } from '../app/operation-error.ts';
import { parsePrincipalId, principalIdRule } from '../domain/principal.ts';
import { DerError } from '../pki/der-reader.ts';
import { plainSubject, subjectForms } from '../pki/subject-text.ts';
import { fingerprintOf, readAdopted } from '../pki/x509.ts';
import { readRows } from '../wire/inventory-rows.ts';

const mapBytesMax = 67_108_864;
const rowsMax = 200_000;
const faultsNamed = 100;

interface Row {
  readonly line: number;
  readonly id: string;
  /** Fingerprints of the certificates it fits. */
  readonly fits: Set<string>;
}

/** SHA-256 in hex, as tools write it: with colons, in capitals, with a label before it. */
function plainFingerprint(text: string): string | null {
  const digits = text
    .replace(/^sha-?256\s*(fingerprint)?\s*[=:]\s*/i, '')
    .replaceAll(/[:\s]/g, '')
    .toLowerCase();
  return /^[0-9a-f]{64}$/.test(digits) ? digits : null;
}

export class CertificateMap {
  readonly #byFingerprint = new Map<string, Row>();
  readonly #bySubject = new Map<string, Row>();
  readonly #rows: Row[] = [];
  readonly #faults: string[] = [];

  /** Rejects with `invalid` and every fault by its line. */
  static async read(path: string): Promise<CertificateMap> {
    const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
      throw new OperationError('invalid', [`${path} cannot be read: ${error.code}`]);
    });
    if (!found.isFile()) throw new OperationError('invalid', [`${path} is not a file`]);
    if (found.size > mapBytesMax) throw new OperationError('invalid', [`${path} is larger than ${mapBytesMax} bytes`]);
    const map = new CertificateMap();
    for await (const { rows, faults } of readRows('csv', createReadStream(path))) {
      for (const { line, fault } of faults) map.#faults.push(`${path}, line ${line}: ${fault}`);
      for (const { line, fields } of rows) {
        const fault = map.#add(line, fields);
        if (fault) map.#faults.push(`${path}, line ${line}: ${fault}`);
      }
      if (map.#rows.length > rowsMax) throw new OperationError('invalid', [`${path}: more than ${rowsMax} rows`]);
      if (map.#faults.length > faultsNamed) break;
    }
    if (map.#faults.length > 0) throw new OperationError('invalid', map.#faults.slice(0, faultsNamed));
    return map;
  }

  #add(line: number, fields: Readonly<Record<string, unknown>>): string | null {
    const text = (column: string): string => (typeof fields[column] === 'string' ? fields[column].trim() : '');
    if (!('id' in fields) || !('fingerprint' in fields || 'subject' in fields)) {
      return 'the header must have the column id, and fingerprint or subject';
    }
    const id = text('id');
    if (!parsePrincipalId(id)) return `${JSON.stringify(id.slice(0, 80))} is no id: ${principalIdRule}`;
    const [fingerprint, subject] = [text('fingerprint'), plainSubject(text('subject'))];
    if (fingerprint === '' && subject === '') return 'neither a fingerprint nor a subject';
    const digits = fingerprint === '' ? null : plainFingerprint(fingerprint);
    if (fingerprint !== '' && !digits) return `the fingerprint is no SHA-256 in hex`;
    const row: Row = { line, id, fits: new Set() };
    const [rows, key] = digits === null ? [this.#bySubject, subject] : [this.#byFingerprint, digits];
    const before = rows.get(key);
    if (before)
      return before.id === id ? `repeats line ${before.line}` : `contradicts line ${before.line}: ${before.id}`;
    rows.set(key, row);
    this.#rows.push(row);
    return null;
  }

  #find(der: Uint8Array): { readonly row: Row; readonly fingerprint: string } | null {
    const fingerprint = fingerprintOf(der);
    const exact = this.#byFingerprint.get(fingerprint);
    if (exact) return { row: exact, fingerprint };
    if (this.#bySubject.size === 0) return null;
    try {
      for (const form of subjectForms(readAdopted(der).name)) {
        const row = this.#bySubject.get(form);
        if (row) return { row, fingerprint };
      }
    } catch (error) {
      if (!(error instanceof DerError)) throw error;
    }
    return null;
  }

  /** Takes note of a certificate of this import. To be called with every one before the first is asked for. */
  note(der: Uint8Array): void {
    const found = this.#find(der);
    found?.row.fits.add(found.fingerprint);
  }

  /** Whose certificate this is; null: the map does not say. A subject that several certificates have says nothing of either. */
  idFor(der: Uint8Array): { readonly id: string; readonly line: number } | { readonly fault: string } | null {
    const row = this.#find(der)?.row;
    if (!row) return null;
    if (row.fits.size <= 1) return { id: row.id, line: row.line };
    return { fault: `line ${row.line} of the map fits ${row.fits.size} certificates: name them by their fingerprints` };
  }

  /** Rows that fit no certificate, in words. */
  unused(): string[] {
    return this.#rows
      .filter(({ fits }) => fits.size === 0)
      .map(({ line, id }) => `line ${line} of the map (${id}) fits no certificate`);
  }
}
