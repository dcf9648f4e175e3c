// Who still stands in the way of a step of a root, and whom of them an operator has accepted by name.
import { createHash } from 'node:crypto';
import type { Fingerprint } from '../../domain/certificate.ts';
import type { Rest } from '../../domain/trust-proof.ts';
import type { Store } from '../../ports/store.ts';
import type { TrustCount, UnderRoot } from '../../ports/trust.ts';
import type { Context } from '../context.ts';
import { pagesOf } from '../pages.ts';
import type { WithTurns } from '../turns.ts';

/** A list as it is written down. */
export interface AcceptedList {
  readonly count: number;
  /** SHA-256 of the sorted ids, each ended by LF. */
  readonly sha256: Fingerprint;
}

/** Null: nobody is accepted. */
export function listOf(ids: ReadonlySet<string>): AcceptedList | null {
  if (ids.size === 0) return null;
  const hash = createHash('sha256');
  for (const id of [...ids].toSorted()) hash.update(`${id}\n`);
  return { count: ids.size, sha256: hash.digest('hex') as Fingerprint };
}

/** What the journal says of it. */
export function acceptedWords(list: AcceptedList | null): string {
  return list ? `, with ${list.count} accepted by name, SHA-256 of the list ${list.sha256}` : '';
}

export function acceptedFields(list: AcceptedList | null): Readonly<Record<string, unknown>> {
  return list ? { 'nolapse.accepted': list.count, 'nolapse.accepted.hash.sha256': list.sha256 } : {};
}

/** Those that have to prove a root and did not. */
export interface Unproved extends Rest {
  /** The first that nobody has accepted, {@link namedMax} at most. */
  readonly named: readonly UnderRoot[];
}

const namedMax = 20;
const pageRows = 1_000;

/** Principals that gate and have not connected under this root or a newer one, a page at a time, in the order of the ledger. */
export async function* unprovedPages(
  { store: { read }, turns }: Pick<Context, 'store'> & WithTurns,
  root: number,
): AsyncGenerator<readonly UnderRoot[]> {
  for await (const page of pagesOf<UnderRoot>(pageRows, (last) => read.unproved(root, last, pageRows))) {
    yield page.filter(({ gates }) => gates);
    await turns.take();
  }
}

/** Counts them. A fleet is read in turns with whatever else there is to do. */
export async function unprovedOf(
  app: Pick<Context, 'store'> & WithTurns,
  root: number,
  accepted: ReadonlySet<string>,
): Promise<Unproved> {
  let [count, acceptedCount] = [0, 0];
  const named: UnderRoot[] = [];
  for await (const page of unprovedPages(app, root)) {
    for (const each of page) {
      count += 1;
      if (accepted.has(each.id)) acceptedCount += 1;
      else if (named.length < namedMax) named.push(each);
    }
  }
  return { count, accepted: acceptedCount, named };
}

/** How many there are, as the ledger has them counted. */
export async function unprovedCount({ read }: Pick<Store, 'read'>, root: number): Promise<number> {
  const counts = (await read.trustCounts('all', null, 1)).filter(({ gates }) => gates);
  const sum = (which: (count: TrustCount) => boolean): number =>
    counts.filter(which).reduce((all, { count }) => all + count, 0);
  const proved = sum(({ measure, root: last }) => measure === 'last' && last >= root);
  return sum(({ measure }) => measure === 'in_service') - proved;
}

/** What stands in the way, and who: each with its owner. */
export function unprovedFaults(said: string, { count, accepted, named }: Unproved): string[] {
  const left = count - accepted;
  const one = ({ id, owner }: UnderRoot): string => `${id}${owner === null ? '' : ` (${owner})`}`;
  const more = left > named.length ? [`and ${left - named.length} more`] : [];
  return [
    `${said}: ${left}; nolapse trust unproved root lists them, and --accept FILE accepts them by name`,
    ...named.map(one),
    ...more,
  ];
}
