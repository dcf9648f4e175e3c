// The folder of a home in which the signed revocation lists lie, each in a file named by shard and number, those of roots by the root. A
// file is whole or not there; what is in it is public.
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import type { RevocationList } from '../domain/revocation-list.ts';
import { rootName } from '../domain/root-list.ts';
import type { ListShelf } from '../ports/revocation-lists.ts';

const folderMode = 0o700;
const fileMode = 0o644;

type Named = Pick<RevocationList, 'shard' | 'number'>;

export class CrlFolder implements ListShelf {
  readonly #folder: string;

  constructor(home: string) {
    this.#folder = join(resolve(home), 'crl');
  }

  pathOf({ shard, number }: Named): string {
    return join(this.#folder, `${shard}-${number}.crl`);
  }

  async keep(shard: number, number: number, der: readonly Uint8Array[]): Promise<number> {
    await this.#put(this.pathOf({ shard, number }), der);
    return der.reduce((sum, { length }) => sum + length, 0);
  }

  async keepRootList(root: number, der: Uint8Array): Promise<void> {
    const path = join(this.#folder, `${rootName(root)}.crl`);
    const present = await readFile(path).catch(() => null);
    if (!present?.equals(der)) await this.#put(path, [der]);
  }

  async #put(path: string, der: readonly Uint8Array[]): Promise<void> {
    const unfinished = `${path}.new`;
    await mkdir(this.#folder, { recursive: true, mode: folderMode });
    const file = await open(unfinished, 'w', fileMode);
    try {
      await writeFile(file, der);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(unfinished, path);
  }

  async has(list: RevocationList): Promise<boolean> {
    const found = await stat(this.pathOf(list)).catch(() => null);
    return found?.size === list.bytes;
  }

  async forget(shard: number, but: readonly number[]): Promise<void> {
    const kept = new Set(but.map((number) => `${shard}-${number}.crl`));
    const files = (await readdir(this.#folder)).filter((name) => name.startsWith(`${shard}-`) && !kept.has(name));
    for (const name of files) await rm(join(this.#folder, name), { force: true });
  }

  /** The bytes of a list, read as fast as they are taken. Rejects when it is not kept any more. */
  async read(list: Named): Promise<Readable> {
    const file = await open(this.pathOf(list));
    return createReadStream('', { fd: file });
  }
}
