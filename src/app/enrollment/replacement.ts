// What a device is sent under its renewal: the offer, the replacement whole or as the bytes it fetches in parts, and that all is done.
import { hash } from 'node:crypto';
import type { DownMessage } from '../../domain/message.ts';
import { owed, type Renewal } from '../../domain/renewal.ts';
import { toSeconds } from '../../domain/time.ts';
import type { Context } from '../context.ts';
import { type DeliveryProfile, fitted } from '../renewal/delivery-profile.ts';
import { chainFor } from '../trust.ts';
import type { Said } from './send-down.ts';

type Offer = Extract<DownMessage, { word: 'offer' }>;

/**
 * The replacement of a renewal, once issued: the DER of the certificate, in key mode `keygen` followed by the DER of the CMS
 * EnvelopedData that holds its key. Null when there is none, or its key was handed over already.
 */
export async function replacementOf(app: Pick<Context, 'store'>, renewal: Renewal): Promise<Uint8Array | null> {
  const entry = renewal.newFingerprint && (await app.store.read.certificate(renewal.newFingerprint));
  if (!entry) return null;
  if (renewal.mode !== 'keygen') return entry.der;
  const envelope = await app.store.read.envelope(renewal.id);
  return envelope && Buffer.concat([entry.der, envelope]);
}

/** The offer of a renewal; with a replacement, of its size and digest. */
export function offerOf(app: Pick<Context, 'clock'>, renewal: Renewal, replacement: Uint8Array | null): Offer {
  return {
    word: 'offer',
    renewal: renewal.id,
    mode: renewal.mode,
    deadline: toSeconds(renewal.deadline),
    now: toSeconds(app.clock.now()),
    ...(replacement && { size: replacement.length, sha256: digestOf(replacement) }),
  };
}

/**
 * The bytes that a device fetches under its offer: the replacement, and after it the digest where the offer has no room for it.
 * `delivery` is the one the offer is made in, so that each get finds the same bytes.
 */
export function fetchedUnder(
  app: Pick<Context, 'clock'>,
  renewal: Renewal,
  delivery: DeliveryProfile,
  replacement: Uint8Array,
): Uint8Array {
  const offer = offerOf(app, renewal, replacement);
  if (fitted(renewal.principalId, delivery, offer)) return replacement;
  return Buffer.concat([replacement, digestOf(replacement)]);
}

function digestOf(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(hash('sha256', bytes, 'buffer'));
}

/** What is owed under this renewal, as it is said under this profile; null: nothing is. */
export async function owedMessage(
  app: Pick<Context, 'store' | 'authority' | 'clock'>,
  renewal: Renewal,
  delivery: DeliveryProfile,
): Promise<Said | null> {
  switch (owed(renewal)) {
    case 'offer':
      return offerOf(app, renewal, null);
    case 'cert':
      return replacementMessage(app, renewal, delivery);
    case 'done':
      return doneUnder(app, renewal);
    case null:
      return null;
  }
}

/** That all is done, and when the old certificate retires. */
export function doneUnder(app: Pick<Context, 'clock'>, { id, nextAt }: Renewal): Said {
  return { word: 'done', renewal: id, retires: toSeconds(nextAt ?? app.clock.now()) };
}

/** The certificate with its chain to a device that asked for it and can take it whole; else the offer of what it may fetch. */
export async function replacementMessage(
  app: Pick<Context, 'store' | 'authority' | 'clock'>,
  renewal: Renewal,
  delivery: DeliveryProfile,
): Promise<Said | null> {
  const replacement = await replacementOf(app, renewal);
  if (!replacement) return null;
  if (renewal.mode === 'csr') {
    const certificates = [replacement, ...chainFor(app, replacement)];
    const whole = { word: 'cert', renewal: renewal.id, certificates } as const;
    if (fitted(renewal.principalId, delivery, whole)) return whole;
  }
  return offerOf(app, renewal, replacement);
}
