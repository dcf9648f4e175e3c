// What may surprise later about a certificate that is taken over: it is no fault where a certificate is trusted by its bytes, and its
// device does not connect with it, not yet, or not for everything.
import { graceMs } from '../../domain/policy.ts';
import type { Principal } from '../../domain/principal.ts';
import { allowsKey } from '../../domain/request.ts';
import { tlsObjection } from '../../pki/tls-key.ts';
import type { CertificateFacts } from '../../pki/x509.ts';
import type { Context } from '../context.ts';

export type CertificateNotesContext = Pick<Context, 'profiles' | 'clock' | 'policies' | 'settings'>;

const iso = (instant: number): string => new Date(instant).toISOString();

/** Each a phrase behind "it ". */
export function notesOn(app: CertificateNotesContext, facts: CertificateFacts, principal: Principal): string[] {
  const { key, ca, keyCertSign } = facts;
  const notes: string[] = [];
  if (ca.is || keyCertSign === true) notes.push('is marked as a CA; it is taken as the certificate of a device');
  if (facts.unreadable.length > 0) {
    notes.push(`has extensions that cannot be read (${facts.unreadable.join(', ')}): they count for nothing`);
  }
  notes.push(...notesOnTime(app, facts, principal));
  if (principal.status === 'quarantined') notes.push('is refused until its device is released from quarantine');
  if (!allowsKey(app.profiles[principal.kind], key)) {
    const what =
      key.algorithm === null ? (key.fault ?? 'unknown') : `${key.algorithm}${key.bits ? ` ${key.bits}` : ''}`;
    notes.push(`has a key that cannot be certified again (${what}): renewal needs a new key, in key mode csr`);
  }
  const objection = tlsObjection(key.spki);
  if (objection) {
    notes.push(
      `has a key ${objection}: where its device cannot connect, a site gateway renews it, or device issue does`,
    );
  }
  return notes;
}

function notesOnTime(
  app: Pick<Context, 'clock' | 'policies' | 'settings'>,
  { notBefore, notAfter }: CertificateFacts,
  principal: Principal,
): string[] {
  const now = app.clock.now();
  if (notBefore > now + app.settings.skewMs) return [`begins ${iso(notBefore)}: its device is refused until then`];
  if (notAfter > now) return [];
  const until = iso(notAfter + graceMs(app.policies.of(principal)));
  return [`ended ${iso(notAfter)}: its device is let in to renew and for nothing else, until ${until}`];
}
