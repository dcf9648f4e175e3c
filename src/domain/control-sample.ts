// Whom a control is tried on: a small share of each build, the same ones for the same seed. A build is what tells firmwares apart, as far as
// the broker knows: the class, and what a device says of itself.
import { spreadFraction } from './policy.ts';
import type { Contact, Principal, PrincipalId } from './principal.ts';

/** Of each build one of so many is tried; one at least, and so many at most. */
const oneOf = 100;
const sampleMost = 20;
/** Builds that are told apart; further ones are left out. */
const buildsMax = 1_000;
/** Principals that are tried in a day at most, in the whole fleet. */
export const controlsPerDay = 100;

/** What is said of itself by a device that has said nothing. */
type Said = Pick<Contact, 'encoding' | 'packetBytesMax' | 'slots'>;

export function buildOf({ kind, class: named }: Pick<Principal, 'kind' | 'class'>, said: Said | null): string {
  const { encoding = null, packetBytesMax = null, slots = null } = said ?? {};
  return JSON.stringify([kind, named, encoding, packetBytesMax, slots]);
}

/** How many of a build are tried. */
export function sampleOf(count: number): number {
  return Math.min(sampleMost, Math.ceil(count / oneOf));
}

interface Marked {
  readonly id: PrincipalId;
  readonly mark: number;
  readonly isTried: boolean;
}

export class ControlSample {
  readonly #seed: string;
  readonly #builds = new Map<string, { count: number; readonly first: Marked[] }>();

  /** @param seed of another one others are tried. */
  constructor(seed: string) {
    this.#seed = seed;
  }

  /** @param isTried was it chosen before, as this build? */
  add(id: PrincipalId, build: string, isTried: boolean): void {
    const known = this.#builds.get(build);
    if (!known && this.#builds.size >= buildsMax) return;
    const group = known ?? { count: 0, first: [] };
    this.#builds.set(build, group);
    group.count += 1;
    const mark = spreadFraction(`control/${this.#seed}/${id}`);
    const at = group.first.findIndex((each) => mark < each.mark || (mark === each.mark && id < each.id));
    group.first.splice(at < 0 ? group.first.length : at, 0, { id, mark, isTried });
    if (group.first.length > sampleMost) group.first.pop();
  }

  /** Who is to be tried now and was not, so many at most: one of each build before a second one of any. */
  chosen(limit: number): { readonly id: PrincipalId; readonly build: string }[] {
    const all = [...this.#builds].flatMap(([build, { count, first }]) =>
      first.slice(0, sampleOf(count)).map((each, turn) => ({ ...each, build, turn })),
    );
    return all
      .filter(({ isTried }) => !isTried)
      .toSorted((one, other) => one.turn - other.turn || one.mark - other.mark)
      .slice(0, limit)
      .map(({ id, build }) => ({ id, build }));
  }
}
