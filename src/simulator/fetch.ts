// Fetches a replacement over any number of connections: goes on where it stopped, and asks again only when nothing comes.
import type { DownMessage, UpMessage } from '../domain/message.ts';
import type { CredentialStore } from './credentials.ts';
import { completed, type Download, resume, withPart } from './download.ts';
import type { Listener } from './event.ts';

export interface FetchOptions {
  readonly store: CredentialStore;
  readonly say: (message: UpMessage) => Promise<boolean>;
  readonly tell: Listener;
  /** A repeated offer is not answered while parts have been coming within this time. */
  readonly quietMs: number;
}

/** Null: there is more to come. */
export type Fetched = Uint8Array | 'corrupt' | null;

export class Fetch {
  readonly #options: FetchOptions;
  /** Parts were asked for over the connection of this signal, the last came at this time in Unix milliseconds. */
  #coming: { readonly signal: AbortSignal; at: number } | null = null;

  constructor(options: FetchOptions) {
    this.#options = options;
  }

  /** Asks for all that is missing at once; the broker cuts it to what this device takes. */
  async begin(offered: Download, signal: AbortSignal): Promise<Fetched> {
    const { store, say, quietMs } = this.#options;
    if (this.#coming?.signal === signal && Date.now() - this.#coming.at < quietMs) return null;
    const download = resume(await store.readDownload(), offered);
    const { renewal, total, bytes } = download;
    await store.writeDownload(download);
    if (bytes.length === total) return this.#settle(download);
    this.#coming = { signal, at: Date.now() };
    await say({ word: 'get', renewal, offset: bytes.length, length: total - bytes.length });
    return null;
  }

  async take(part: Extract<DownMessage, { word: 'part' }>): Promise<Fetched> {
    const { store, tell } = this.#options;
    const known = await store.readDownload();
    const download = known && withPart(known, part);
    if (!download) return null;
    await store.writeDownload(download);
    if (this.#coming) this.#coming.at = Date.now();
    tell({ type: 'part', renewal: part.renewal, offset: part.offset, total: part.total });
    return this.#settle(download);
  }

  /** Nothing is coming: the next offer is answered. */
  interrupt(): void {
    this.#coming = null;
  }

  async #settle(download: Download): Promise<Fetched> {
    const replacement = completed(download);
    if (replacement === null) return null;
    this.interrupt();
    // What is not what was offered must be fetched from its beginning.
    if (replacement === 'corrupt') await this.#options.store.writeDownload(null);
    return replacement;
  }
}
