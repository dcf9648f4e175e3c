// Finds the certificate that an operator means by a fingerprint or a serial, or by the beginning of either.
import type { Fingerprint, LedgerEntry, Serial } from '../../domain/certificate.ts';
import type { Context } from '../context.ts';
import { OperationError } from '../operation-error.ts';

/** Digits that name a certificate when it alone begins with them. */
const digitsMin = 8;

/** What fits whole outweighs what only begins so. Rejects with `not_found`, or `conflict` where several begin so. */
export async function findCertificate(app: Pick<Context, 'store'>, id: string): Promise<LedgerEntry> {
  const { read } = app.store;
  const hex = id.toLowerCase().replaceAll(':', '');
  const isId = /^n?[0-9a-f]{1,128}(@[0-9a-f]{0,16})?$/.test(hex);
  const whole =
    isId && ((await read.certificate(hex as Fingerprint)) ?? (await read.certificateBySerial(hex as Serial)));
  if (whole) return whole;
  const [entry, other] = isId && hex.length >= digitsMin ? await read.certificatesBeginning(hex, 2) : [];
  if (!entry) throw new OperationError('not_found', [`no certificate with fingerprint or serial ${id.slice(0, 80)}`]);
  if (other)
    throw new OperationError('conflict', [
      `several certificates begin with ${hex}: give more digits; nolapse cert list -o json has all of them`,
    ]);
  return entry;
}
