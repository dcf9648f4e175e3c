// What a look over the fleet has to know of a certificate beyond its row, found out only where it could be so: the name that another
// CA wrote into it, whether a renewal is open, whether its key leaves a key mode to renew in.
import { isForeign, type LedgerEntry } from '../../domain/certificate.ts';
import type { CertificateInUse } from '../../domain/finding.ts';
import { ableModes, possibleKeyModes } from '../../domain/key-mode.ts';
import type { Policy } from '../../domain/policy.ts';
import type { Principal } from '../../domain/principal.ts';
import type { Instant } from '../../domain/time.ts';
import { DerError } from '../../pki/der-reader.ts';
import { type CertificateFacts, readAdopted } from '../../pki/x509.ts';
import type { SurveyedCertificate } from '../../ports/ledger.ts';
import type { Context } from '../context.ts';
import { isOfDrill } from '../renewal/drill.ts';
import { keyHistoryOf } from '../renewal/key-history.ts';

export type ExamineCertificateContext = Pick<Context, 'store' | 'authority' | 'profiles' | 'policies'>;

export async function examineCertificate(
  app: ExamineCertificateContext,
  principal: Principal,
  certificate: SurveyedCertificate,
  now: Instant,
): Promise<CertificateInUse> {
  const { read } = app.store;
  const policy = app.policies.of(principal);
  const isActive = certificate.state === 'active';
  const mayAsk = policy.keyModes.includes('csr') && ableModes(principal).includes('csr');
  const mustRead = isForeign(certificate) || (isActive && !mayAsk);
  const entry = mustRead ? await read.certificate(certificate.fingerprint) : null;
  const facts = entry && readOrNull(entry);
  const mayBeUnplanned = isActive && certificate.renewAt === null;
  // What a drill brought ends with the next renewal of the certificate it is used beside.
  const isSeenTo =
    mayBeUnplanned &&
    ((await read.openRenewalFor(certificate.fingerprint)) !== null || (await isOfDrill(read, certificate)));
  return {
    ...certificate,
    otherName: facts && facts.commonName !== principal.id ? (facts.commonName ?? 'nothing') : null,
    isUnplanned: mayBeUnplanned && !isSeenTo,
    hasNoMode: isActive && !mayAsk && facts !== null && !(await hasMode(app, principal, policy, entry, now)),
  };
}

function readOrNull({ der }: LedgerEntry): CertificateFacts | null {
  try {
    return readAdopted(der);
  } catch (error) {
    if (error instanceof DerError) return null;
    throw error;
  }
}

async function hasMode(
  app: Pick<Context, 'store' | 'authority' | 'profiles'>,
  principal: Principal,
  policy: Policy,
  entry: LedgerEntry | null,
  now: Instant,
): Promise<boolean> {
  const history = entry && (await keyHistoryOf(app, app.store.read, principal, entry));
  return possibleKeyModes(policy, principal, history, now).length > 0;
}
