// The form of an export of evidence: JSON lines, a header first, the records, and a seal last with how many there are of each control
// and their digests. It is written as the records come; without its seal it is not whole.
import { createHash, type Hash } from 'node:crypto';
import type { EvidenceView } from '../app/oversight/evidence.ts';
import type { EvidenceRecord } from '../app/oversight/evidence-parts.ts';
import { evidenceMeaning, evidenceParts, partsOf } from '../domain/evidence.ts';
import { type FrameworkName, frameworks } from '../domain/evidence-frameworks.ts';
import { printableJson } from '../telemetry/printable.ts';

/** Takes text; resolves when it may have more. */
export type Sink = (text: string) => Promise<void>;

export interface Seal {
  readonly record: 'seal';
  readonly records: number;
  /** Of each control: its records, and the SHA-256 of their lines as they stand in the file. */
  readonly controls: Readonly<Record<string, { readonly records: number; readonly sha256: string }>>;
  /** Of every line before this one. */
  readonly sha256: string;
}

interface Section {
  readonly hash: Hash;
  records: number;
}

const iso = (instant: number | null): string | null => (instant === null ? null : new Date(instant).toISOString());

export class EvidenceFile {
  readonly #sink: Sink;
  readonly #whole = createHash('sha256');
  readonly #sections = new Map<string, Section>();
  #records = 0;

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  async begin(name: FrameworkName, view: EvidenceView): Promise<void> {
    const { title, version, source, controls } = frameworks[name];
    for (const control of view.controls) this.#sections.set(control, { hash: createHash('sha256'), records: 0 });
    const chosen = view.controls.map((id) => ({ id, title: controls[id]?.title, features: controls[id]?.features }));
    const parts = partsOf(frameworks[name], view.controls).map((part) => [part, evidenceParts[part]]);
    await this.#put(
      line({
        record: 'header',
        form: 1,
        framework: { id: name, title, version, source },
        period: { from: iso(view.from), until: iso(view.until) },
        made: iso(view.now),
        by: `nolapse ${view.version}`,
        journalFrom: iso(view.journalFrom),
        meaning: evidenceMeaning,
        controls: chosen,
        records: Object.fromEntries(parts),
      }),
    );
  }

  async add(records: readonly EvidenceRecord[]): Promise<void> {
    if (records.length === 0) return;
    const lines = records.map((record) => {
      const text = line(record);
      for (const control of record.controls) this.#count(control, text);
      return text;
    });
    this.#records += records.length;
    await this.#put(lines.join(''));
  }

  async end(): Promise<Seal> {
    const sections = [...this.#sections].map(([name, { hash, records }]) => [
      name,
      { records, sha256: hash.digest('hex') },
    ]);
    const seal: Seal = {
      record: 'seal',
      records: this.#records,
      controls: Object.fromEntries(sections),
      sha256: this.#whole.digest('hex'),
    };
    await this.#sink(line(seal));
    return seal;
  }

  #count(control: string, text: string): void {
    const section = this.#sections.get(control);
    if (!section) throw new Error(`a record names ${control}, which was not asked for`);
    section.hash.update(text);
    section.records += 1;
  }

  async #put(text: string): Promise<void> {
    this.#whole.update(text);
    await this.#sink(text);
  }
}

function line(value: unknown): string {
  return `${printableJson(JSON.stringify(value))}\n`;
}
