// An authoritative inventory outside: read whole, in batches, as it is written there. What its fields mean, and whether a
// device may be so, is judged by whoever reads it.

/** Records of a source in order, and what could not be read. */
export interface SourceBatch {
  readonly records: readonly SourceRecord[];
  /** Each with its place. Once there is one, the source is not to be relied on; more may follow. */
  readonly faults: readonly string[];
}

export interface SourceRecord {
  /** Where it stands, as {@link Source.place} words it. */
  readonly at: number;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface Source {
  /**
   * Every record there is. What the source does wrong is a fault in a batch, never a rejection; a source that was not read to its
   * end has at least one. Ends early, with a fault, when `signal` aborts.
   */
  read(signal: AbortSignal): AsyncIterable<SourceBatch>;
  /** `line 7`, `page 2, record 7`. */
  place(at: number): string;
}
