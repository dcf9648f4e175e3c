// Which sessions are kept while their clients are away, also those of which nothing else is stored: a client that comes back is told that
// its session is there [MQTT-3.2.2-2].
import type { Database } from '../sqlite/database.ts';
import type { Changed } from './changed.ts';

export class MqttKept {
  readonly #ids = new Set<string>();
  readonly #all;
  readonly #put;
  readonly #delete;

  readonly #get;
  readonly #changed: Changed;

  constructor({ sqlite }: Database, changed: Changed) {
    this.#changed = changed;
    this.#get = sqlite.prepare<[string], { readonly client_id: string }>(
      'SELECT client_id FROM mqtt_session WHERE client_id = ?',
    );
    this.#all = sqlite.prepare<[], { readonly client_id: string }>('SELECT client_id FROM mqtt_session');
    this.#put = sqlite.prepare<[string]>('INSERT OR IGNORE INTO mqtt_session (client_id) VALUES (?)');
    this.#delete = sqlite.prepare<[string]>('DELETE FROM mqtt_session WHERE client_id = ?');
  }

  load(): void {
    this.#ids.clear();
    for (const { client_id } of this.#all.all()) this.#ids.add(client_id);
  }

  /** Reads anew whether it is kept. */
  reread(clientId: string): void {
    if (this.#get.get(clientId)) this.#ids.add(clientId);
    else this.#ids.delete(clientId);
  }

  clientIds(): string[] {
    return [...this.#ids];
  }

  has(clientId: string): boolean {
    return this.#ids.has(clientId);
  }

  /** Part of a unit of work: from now on it is kept. */
  add(clientId: string): void {
    if (this.#ids.has(clientId)) return;
    this.#changed.client(clientId);
    this.#put.run(clientId);
    this.#ids.add(clientId);
  }

  /** Part of a unit of work. */
  discard(clientId: string): void {
    this.#changed.client(clientId);
    if (this.#ids.delete(clientId)) this.#delete.run(clientId);
  }
}
