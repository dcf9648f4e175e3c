// What a device fetches in parts: the replacement of its renewal, as bytes.
import type { Renewal } from '../domain/renewal.ts';
import type { App } from './context.ts';

/**
 * The replacement of a renewal, once issued: the DER of the certificate, in key mode `keygen` followed by the DER of the CMS
 * EnvelopedData that holds its key. Null when there is none, or its key was handed over already.
 */
export async function replacementOf(app: App, renewal: Renewal): Promise<Uint8Array | null> {
  const entry = renewal.newFingerprint && (await app.store.read.certificate(renewal.newFingerprint));
  if (!entry) return null;
  if (renewal.mode !== 'keygen') return entry.der;
  const envelope = await app.store.read.envelope(renewal.id);
  return envelope && Buffer.concat([entry.der, envelope]);
}
