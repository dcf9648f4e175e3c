// Repeatable chance: numbers that depend on a seed and on what is asked, not on the order of asking, so that every schedule
// meets the same devices, the same absences and the same outages.

/** A number from 0 up to 1 for these integers: a finalizer in the manner of MurmurHash3, 32 bits. */
export function chance(seed: number, a: number, b = 0): number {
  let hash = (seed ^ Math.imul(a, 0x9e3779b1)) >>> 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = (hash ^ Math.imul(b, 0xc2b2ae35)) >>> 0;
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  hash = Math.imul(hash ^ (hash >>> 16), 0x27d4eb2f);
  hash ^= hash >>> 15;
  return (hash >>> 0) / 0x1_0000_0000;
}

/** A log-normal figure with this median, from two chances. */
export function logNormal(median: number, sigma: number, first: number, second: number): number {
  const normal = Math.sqrt(-2 * Math.log(1 - first)) * Math.cos(2 * Math.PI * second);
  return median * Math.exp(sigma * normal);
}
