// Revocation lists as others see them: over HTTP, and in the metrics.
import { Readable } from 'node:stream';
import type { Context } from '../app/context.ts';
import type { RevocationLists } from '../app/upkeep/revocation-lists.ts';
import { completeListOf } from '../domain/revocation-list.ts';
import type { CrlFolder } from '../home/crl-folder.ts';
import type { CrlContent } from '../http/public.ts';
import type { Metrics } from '../telemetry/metrics.ts';

/** The list of this shard of an issuing CA for relying parties, 0: its complete list; null when there is none. */
export async function servedCrl(
  app: { readonly crls: RevocationLists },
  folder: CrlFolder,
  shard: number,
  issuer: number,
): Promise<CrlContent | null> {
  const list = await app.crls.inForce(shard === 0 ? completeListOf(issuer) : shard);
  if (list?.issuer !== issuer) return null;
  const { number, thisUpdate, bytes } = list;
  return { tag: `${list.shard}-${number}`, thisUpdate, bytes, read: () => folder.read(list) };
}

/** The list of a root; null when there is none. */
export async function servedRootCrl({ store }: Pick<Context, 'store'>, root: number): Promise<CrlContent | null> {
  const [list, der] = [await store.read.rootList(root), await store.read.rootListBytes(root)];
  if (!list || !der) return null;
  const { number, thisUpdate } = list;
  return {
    tag: `root-${root}-${number}`,
    thisUpdate,
    bytes: der.length,
    read: async () => Readable.from([Buffer.from(der)]),
  };
}

/** Of the issuing CA that signs now. The cost is that of a row, however long the list is and however many shards there are. */
export async function measureLists({ store }: Pick<Context, 'store'>, metrics: Metrics, issuer: number): Promise<void> {
  const complete = await store.read.revocationList(completeListOf(issuer));
  metrics.set('nolapse_crl_entries', {}, complete?.entries ?? 0);
  metrics.set('nolapse_crl_waiting', {}, complete ? complete.revoked - complete.listedRevoked : 0);
}
