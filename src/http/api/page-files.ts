// The files of the page, read once: what is not among them is not there, whatever a path says.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';

export interface PageFile {
  readonly type: string;
  readonly bytes: Buffer;
  readonly tag: string;
  /** Has its name a digest of its content? Then it never changes. */
  readonly isForever: boolean;
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.json': 'application/json',
  '.webmanifest': 'application/manifest+json',
};

/** Everything from this server, and nothing from elsewhere, inline or evaluated. */
export const pagePolicy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

const filesMax = 500;
const bytesMax = 20 * 1_048_576;
const digestName = /[.-][A-Za-z0-9_-]{8,}\.(js|css|woff2|svg|png)$/;

/** By path, such as `/index.html`; empty where there is no such folder. Throws where it holds more than a page would. */
export function readPageFiles(folder: string | null): ReadonlyMap<string, PageFile> {
  const files = new Map<string, PageFile>();
  if (folder === null || !existsSync(folder)) return files;
  let bytesInAll = 0;
  for (const each of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const type = types[extname(each.name)];
    if (!each.isFile() || !type) continue;
    const path = join(each.parentPath, each.name);
    const bytes = readFileSync(path);
    bytesInAll += bytes.length;
    const tag = `"${createHash('sha256').update(bytes).digest('hex').slice(0, 24)}"`;
    files.set(path.slice(folder.length).replaceAll('\\', '/'), {
      type,
      bytes,
      tag,
      isForever: digestName.test(each.name),
    });
    if (files.size > filesMax || bytesInAll > bytesMax) throw new Error(`${folder} is larger than a page`);
  }
  return files;
}
