// An answer that costs something is made once for everybody who asks within a while.

/** @returns what `make` gives, made anew when the last is older than `ms`. What failed is not kept. */
export function keptFor<T>(ms: number, make: () => Promise<T>): () => Promise<T> {
  let kept: Promise<T> | null = null;
  let madeAt = Number.NEGATIVE_INFINITY;
  return () => {
    const now = performance.now();
    if (kept && now - madeAt < ms) return kept;
    madeAt = now;
    const made = make();
    kept = made;
    made.catch(() => {
      if (kept === made) kept = null;
    });
    return made;
  };
}
