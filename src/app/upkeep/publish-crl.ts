// Signs the certificate revocation list anew: after something was revoked, and before the one that is out grows old.
import type { StoredCrl } from '../../ports/store.ts';
import type { App } from '../context.ts';

/** Signs a CRL of everything revoked and not yet expired, with the next number, and keeps it. */
export async function publishCrl(app: App): Promise<StoredCrl> {
  const now = app.clock.now();
  const revoked = await app.store.read.revokedForCrl(now);
  const previous = await app.store.read.crl();
  const number = (previous?.number ?? 0) + 1;
  const nextUpdate = now + app.settings.crlValidityMs;
  const der = await app.authority.signCrl({ number, thisUpdate: now, nextUpdate, revoked });
  const crl = { number, thisUpdate: now, nextUpdate, der };
  const isNext = await app.store.transact(async (tx) => {
    if (((await tx.crl())?.number ?? 0) >= number) return false;
    await tx.putCrl(crl);
    return true;
  });
  // Another was signed meanwhile, maybe of what was revoked before: a number is given once.
  if (!isNext) return publishCrl(app);
  app.journal.tell({
    action: 'crl.published',
    message: `CRL ${number} published, certificates on it: ${revoked.length}`,
    fields: { 'nolapse.crl.number': number, 'nolapse.crl.entries': revoked.length },
  });
  return crl;
}

/** The CRL that is out, signed anew when there is none, half its time has passed, or its time has not yet come. */
export async function currentCrl(app: App): Promise<StoredCrl> {
  const crl = await app.store.read.crl();
  const now = app.clock.now();
  if (crl && crl.thisUpdate <= now && now < crl.thisUpdate + (crl.nextUpdate - crl.thisUpdate) / 2) return crl;
  return publishCrl(app);
}
