// What things cost of the event loop, whoever does them and wherever. A unit is about a microsecond.

export const costs = {
  /** A packet that is taken. */
  packet: 8,
  /** A filter of a SUBSCRIBE or UNSUBSCRIBE. */
  filter: 8,
  /** A row of the store, a subscription or a level of filters that is looked at. */
  row: 1,
  /** A row that is written. */
  write: 16,
  /** A message handed to one client. */
  delivery: 8,
  /** Of a message that is sent or kept. */
  kilobyte: 2,
} as const;

/** What one principal may cause in a turn of the event loop: as much as 128 packets. */
export const unitsPerTurn = 128 * costs.packet;

/** What so many bytes cost. */
export function costOfBytes(bytes: number): number {
  return Math.ceil((bytes * costs.kilobyte) / 1_024);
}

/** What a principal may cause, to those who act on its behalf. */
export interface Allowance {
  /** So much was spent. */
  spend(units: number): void;
  /** Resolves when so much may be spent on something new, and notes it as spent. */
  turn(units: number): Promise<void>;
  /** The same for what goes on with something that was begun: it comes before all that is new. */
  finish(units: number): Promise<void>;
}
