// The roots of a home as its ledger knows them. A home whose ledger knows none yet has the first one.
import { readCertificates } from '../authority/key-pair.ts';
import type { Instant } from '../domain/time.ts';
import { fingerprintOf } from '../pki/x509.ts';
import type { KeptRoot } from '../ports/root-slots.ts';
import type { Store } from '../ports/store.ts';

/** Enters the first root into a ledger that knows none. Fails with a NolapseError where its file cannot be read. */
export async function enterFirstRoot(store: Store, folder: string, now: Instant): Promise<void> {
  if ((await store.read.rootSlots()).length > 0) return;
  const { facts, ders } = readCertificates(folder, 'root.crt');
  const slot: KeptRoot = {
    number: 1,
    state: 'current',
    fingerprint: fingerprintOf(ders[0]),
    notBefore: facts.notBefore,
    notAfter: facts.notAfter,
    preparedAt: now,
    distributedAt: null,
    activatedAt: now,
    endedAt: null,
    port: null,
    sequence: null,
    backupAt: null,
  };
  await store.transact((tx) => tx.putRootSlot(slot));
}
