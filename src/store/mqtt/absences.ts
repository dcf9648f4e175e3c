// How long stored sessions have been away while the broker ran: so that one nobody comes back to is not kept for ever. It is counted
// at each look, from the look before on: a session away for less than a whole round has not been counted at all.
import type { Database } from '../sqlite/database.ts';
import type { Changed } from './changed.ts';

export class MqttAbsences {
  /** Milliseconds, of those that were away at the last look. */
  readonly #away = new Map<string, number>();
  readonly #all;
  readonly #put;
  readonly #delete;

  readonly #get;
  readonly #changed: Changed;

  constructor({ sqlite }: Database, changed: Changed) {
    this.#changed = changed;
    this.#get = sqlite.prepare<[string], { readonly away: number }>(
      'SELECT away FROM mqtt_absence WHERE client_id = ?',
    );
    this.#all = sqlite.prepare<[], { readonly client_id: string; readonly away: number }>(
      'SELECT client_id, away FROM mqtt_absence',
    );
    this.#put = sqlite.prepare<[string, number]>('INSERT OR REPLACE INTO mqtt_absence (client_id, away) VALUES (?, ?)');
    this.#delete = sqlite.prepare<[string]>('DELETE FROM mqtt_absence WHERE client_id = ?');
  }

  load(): void {
    this.#away.clear();
    for (const { client_id, away } of this.#all.all()) this.#away.set(client_id, away);
  }

  /** Reads anew how long it has been away. */
  reread(clientId: string): void {
    const row = this.#get.get(clientId);
    if (row) this.#away.set(clientId, row.away);
    else this.#away.delete(clientId);
  }

  clientIds(): string[] {
    return [...this.#away.keys()];
  }

  has(clientId: string): boolean {
    return this.#away.has(clientId);
  }

  /** How long it is known to have been away, in milliseconds. */
  of(clientId: string): number {
    return this.#away.get(clientId) ?? 0;
  }

  /** Part of a unit of work: it was away at the last look and still is, `ms` later. @returns how long it has been by now. */
  extend(clientId: string, ms: number): number {
    this.#changed.client(clientId);
    const known = this.#away.get(clientId);
    const away = known === undefined ? 0 : known + ms;
    this.#put.run(clientId, away);
    this.#away.set(clientId, away);
    return away;
  }

  /** Part of a unit of work: it is back, or there is nothing of it any more. */
  discard(clientId: string): void {
    this.#changed.client(clientId);
    if (this.#away.delete(clientId)) this.#delete.run(clientId);
  }
}
