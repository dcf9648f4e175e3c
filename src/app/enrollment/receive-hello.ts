// A device says it is here and what it can do: that is remembered, and it is told what is owed to it.
import type { Fingerprint } from '../../domain/certificate.ts';
import type { HelloMessage } from '../../domain/message.ts';
import { packetBytesLeast } from '../../domain/packet.ts';
import { canBeTold, deliveryProfileFor } from '../renewal/delivery-profile.ts';
import type { Conversation } from './conversation.ts';
import { knownAfter } from './known-after.ts';
import { answered, type Outcome, refuseWith } from './outcome.ts';
import { useShown } from './report-use.ts';
import { tooSmall } from './send-down.ts';

/**
 * What comes of a hello; its fields replace what an earlier one said, absent ones stay.
 * @param signer the certificate that its proof is signed by; null: none.
 */
export async function takeHello(
  conversation: Conversation,
  hello: HelloMessage,
  signer: Fingerprint | null,
): Promise<Outcome> {
  const { tx, now, sender, principal } = conversation;
  const { id, via, encoding } = sender;
  const use = await useShown(conversation, hello, signer);
  if (use && 'code' in use) return refuseWith(use);
  const { maxPacket, slots, clock } = hello;
  const saying = {
    encoding,
    ...(maxPacket !== undefined && { packetBytesMax: maxPacket }),
    ...(slots !== undefined && { slots }),
    ...(clock !== undefined && { clockSkewMs: clock * 1_000 - now }),
  };
  const known = await knownAfter(tx, id, via, saying, now);
  const keep = [...(use ? [use] : []), { kind: 'said', known } as const];
  // Kept in any case: what is said to it must not be larger than what it takes, be that too little for anything but an error.
  const { own, carried } = known;
  const delivery = deliveryProfileFor(principal, { own, carried: carried ? [carried] : [] }, via);
  if (delivery.packetBytesMax < packetBytesLeast || !canBeTold(id, delivery)) return refuseWith(tooSmall, keep);
  return answered({ kind: 'owed', delivery }, ...keep);
}
