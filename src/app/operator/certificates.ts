// Operations on the ledger's certificates, and on the list of those that were revoked.
import { z } from 'zod';
import { type RevocationReason, revocationReasons } from '../../domain/certificate.ts';
import { principalKinds } from '../../domain/principal.ts';
import { derToPem } from '../../pki/pem.ts';
import { cutOffByAbsence } from '../inventory/cut-off.ts';
import { importCertificates } from '../inventory/import-certificates.ts';
import { OperationError } from '../operation-error.ts';
import { revoke } from '../renewal/revoke.ts';
import type { CertificateView, RevokedCertificateView } from '../views/certificates.ts';
import { viewOf } from '../views/certificates.ts';
import { findCertificate } from './find-certificate.ts';
import { listCertificates } from './list-certificates.ts';
import { type OperationsOf, operation } from './operation.ts';
import { dryable, file, id, inQuery, insistence, paged, pageOf, text } from './shapes.ts';

const reasons = Object.keys(revocationReasons) as [RevocationReason, ...RevocationReason[]];

/** Times in Unix milliseconds. */
interface ListView {
  readonly number: number;
  readonly thisUpdate: number;
  readonly nextUpdate: number;
  readonly entries: number;
  readonly file: string;
}

export const certificates = {
  /** All of them or none; faults name their file. */
  importCertificates: operation(
    z.strictObject({
      kind: z.enum(principalKinds).exactOptional(),
      skipFaulty: inQuery,
      dryRun: inQuery,
      text: file,
      ...insistence,
      force: inQuery,
    }),
    ({ app }, input) => importCertificates(app, input),
  ),
  revokeCertificate: operation(
    z.strictObject({ id, reason: z.enum(reasons).exactOptional(), ...dryable }),
    async ({ app }, { id: named, reason = 'unspecified', ...more }): Promise<RevokedCertificateView> => {
      const { fingerprint } = await findCertificate(app, named);
      const { entry, isGatewayDark, ...beside } = await revoke(app, fingerprint, reason, more);
      const cutOff = isGatewayDark ? await cutOffByAbsence(app, entry.principalId) : null;
      return { ...viewOf(entry), ...beside, ...(cutOff && { cutOff }) };
    },
  ),
  listCertificates: operation(
    z.strictObject({ device: text.exactOptional(), state: text.exactOptional(), ...paged }),
    ({ app }, { after, limit, ...query }) => listCertificates(app, query, pageOf(after, limit)),
  ),
  /** `id` is a fingerprint or a serial, in hex. */
  showCertificate: operation(
    z.strictObject({ id }),
    async ({ app }, input): Promise<{ certificate: CertificateView; pem: string }> => {
      const entry = await findCertificate(app, input.id);
      return { certificate: viewOf(entry), pem: derToPem(entry.der, 'CERTIFICATE') };
    },
  ),
  /**
   * The complete CRL, signed anew when something waits to be listed or half its time has passed. `file` holds its DER, which may be
   * megabytes; it stays there until the second CRL after it.
   */
  crl: operation(
    z.strictObject({ issuer: z.int().min(1).max(999_999_999).exactOptional() }),
    async ({ app }, { issuer }): Promise<ListView> => {
      const list = await app.crls.whole(issuer);
      if (!list) throw new OperationError('not_found', ['no revocation list yet']);
      const { number, thisUpdate, nextUpdate, entries } = list;
      return { number, thisUpdate, nextUpdate, entries, file: app.shelf.pathOf(list) };
    },
  ),
} satisfies OperationsOf<'certificates'>;
