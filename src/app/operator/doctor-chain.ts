// Which issuing CA is above the server's certificate that is served, and which is meant to be.
import { slotIn } from '../../domain/issuing-slots.ts';
import type { Context } from '../context.ts';
import type { Check } from '../views/broker.ts';

/** @param server DER of the certificate that is served, or would be; null: there is none. */
export async function chainCheck(
  { store, issuing }: Pick<Context, 'store' | 'issuing'>,
  server: Uint8Array | null,
): Promise<Check[]> {
  if (server === null) return [];
  const subject = 'server chain';
  const slots = await store.read.issuingSlots();
  const meant = slotIn(slots, 'current');
  const served = issuing.signerOf(server, slots);
  const said = served === null ? 'no issuing CA of this home' : `issuing CA ${served}`;
  if (meant === null || served === meant.number)
    return [{ level: 'ok', subject, detail: `${said} is served, as is meant` }];
  const detail = `${said} is served, and issuing CA ${meant.number} is meant: it is replaced at the next heartbeat or start`;
  return [{ level: 'error', subject, detail }];
}
