// Who tells of alerts, and what of it goes with each: the same for every sink.
export interface Teller {
  /** The name the broker goes by. */
  readonly gateway: string;
  /** Where runbooks are read; null: nowhere but in the package. */
  readonly runbookBase: string | null;
}
