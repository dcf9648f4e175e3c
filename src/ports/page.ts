// How lists are read that may be long.

/** Paging: rows after the key `after`, at most `limit` of them. */
export interface Page {
  readonly after?: string;
  readonly limit: number;
}
