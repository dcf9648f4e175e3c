// Puts a certificate of our own CA that comes back into the ledger among those of the revocation list it names: of a restored ledger,
// which may not know the shard.
import type { LedgerEntry } from '../../domain/certificate.ts';
import { shardBaseOf } from '../../domain/revocation-list.ts';
import { DerError } from '../../pki/der-reader.ts';
import { readDistributionPoint } from '../../pki/distribution-point.ts';
import { readCertificate } from '../../pki/x509.ts';
import type { Transaction } from '../../ports/store.ts';
import type { Settings } from '../context.ts';

const shardFile = /^([1-9]\d{0,8})\.crl$/;

interface Within {
  readonly app: { readonly settings: Pick<Settings, 'crlShardBase'> };
  readonly tx: Transaction;
}

/** Within the change that enters the certificate. What names no shard of ours stays with the complete list, which names all. */
export async function joinShard({ app, tx }: Within, entry: LedgerEntry): Promise<void> {
  const { issuer, fingerprint } = entry;
  const url = issuer === null ? null : urlIn(entry.der);
  if (issuer === null || url === null) return;
  const known = await tx.revocationListAt(url);
  if (known) return known.issuer === issuer ? tx.nameShard(fingerprint, known.shard) : undefined;
  const base = shardBaseOf(app.settings.crlShardBase, issuer);
  const [, digits] = (url.startsWith(base) && shardFile.exec(url.slice(base.length))) || [];
  const shard = Number(digits ?? 0);
  // Another one of this number is of another place.
  if (shard === 0 || (await tx.revocationList(shard))) return;
  await tx.openRevocationList({ shard, issuer, url });
  await tx.nameShard(fingerprint, shard);
}

function urlIn(der: Uint8Array): string | null {
  try {
    return readDistributionPoint(readCertificate(der).extensions);
  } catch (error) {
    if (error instanceof DerError) return null;
    throw error;
  }
}
