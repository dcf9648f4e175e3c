// What somebody may do over the HTTP API: how much, and for whose devices. Pure: who it is was found out before.

/** From the least to the most. Each may do what those before it may. */
export const permissions = ['read', 'operate', 'admin'] as const;
export type Permission = (typeof permissions)[number];

/** A right: a permission, for all devices or only for those of some owners and at some sites. */
export interface Right {
  readonly permission: Permission;
  /** Owners whose devices it is for; null: of any owner. */
  readonly owners: readonly string[] | null;
  /** Sites whose devices it is for; null: at any site, and at none. */
  readonly sites: readonly string[] | null;
}

/** What of a device decides whether a right is for it. */
export interface Belonging {
  readonly owner: string;
  readonly site: string | null;
}

/** Owners, and sites, that one right may name. */
export const namedMax = 100;

export function allows({ permission }: Pick<Right, 'permission'>, wanted: Permission): boolean {
  return permissions.indexOf(permission) >= permissions.indexOf(wanted);
}

/** Is it for all devices? Only such a right reaches what belongs to no device. */
export function isUnlimited({ owners, sites }: Right): boolean {
  return owners === null && sites === null;
}

export function covers({ owners, sites }: Right, { owner, site }: Belonging): boolean {
  return (owners === null || owners.includes(owner)) && (sites === null || (site !== null && sites.includes(site)));
}

const isPart = (inner: readonly string[] | null, outer: readonly string[] | null): boolean =>
  outer === null || inner?.every((each) => outer.includes(each)) === true;

/** Does one right reach no further than another? */
export function isWithin(inner: Right, outer: Right): boolean {
  return allows(outer, inner.permission) && isPart(inner.owners, outer.owners) && isPart(inner.sites, outer.sites);
}
