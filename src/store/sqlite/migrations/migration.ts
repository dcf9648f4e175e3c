// The shape of one step of the database's schema. A step that has been released is never edited: the next one amends it.

export interface Migration {
  /** Consecutive from 1; what PRAGMA user_version holds once the step is done. */
  readonly version: number;
  readonly name: string;
  /** One or more SQL statements, run in the step's own transaction. */
  readonly sql: string;
}
