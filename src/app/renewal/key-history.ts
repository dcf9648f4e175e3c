// What is known of the key of a certificate that is to be replaced: which key modes it allows follows from it.
import type { LedgerEntry } from '../../domain/certificate.ts';
import type { KeyHistory } from '../../domain/key-mode.ts';
import type { Principal } from '../../domain/principal.ts';
import { allowsKey } from '../../domain/request.ts';
import { DerError } from '../../pki/der-reader.ts';
import { canAgree } from '../../pki/envelope.ts';
import { readAdopted } from '../../pki/x509.ts';
import type { Reader } from '../../ports/store.ts';
import type { Context } from '../context.ts';

/** Null for a certificate that cannot be read: one imported from elsewhere may hold anything. */
export async function keyHistoryOf(
  app: Pick<Context, 'authority' | 'profiles'>,
  read: Reader,
  principal: Principal,
  { der }: LedgerEntry,
): Promise<KeyHistory | null> {
  try {
    const { key } = readAdopted(der);
    return {
      agrees: canAgree(key),
      allowed: app.authority.certifiesKeys === true && allowsKey(app.profiles[principal.kind], key),
      record: await read.keyRecord(key.fingerprint),
    };
  } catch (error) {
    if (error instanceof DerError) return null;
    throw error;
  }
}
