// Entries as an authority is given them, and its list as one piece.

/** In pages of `size`, each told of when it is asked for. */
export async function* inPages<T>(all: readonly T[], size = 1_000, asked: () => void = () => undefined) {
  for (let from = 0; from < all.length; from += size) {
    asked();
    yield all.slice(from, from + size);
  }
}

export async function whole(der: Promise<readonly Uint8Array[]>): Promise<Uint8Array> {
  return new Uint8Array(Buffer.concat([...(await der)]));
}
