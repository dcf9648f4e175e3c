// A device says it is here and what it can do: that is remembered, and it is told what is owed to it.
import type { Refusal } from '../../domain/errors.ts';
import type { HelloMessage } from '../../domain/message.ts';
import { packetBytesLeast } from '../../domain/packet.ts';
import { change } from '../change.ts';
import { canBeTold, mannerFor } from '../renewal/manner.ts';
import { type AnswerContext, onHello } from './answer.ts';
import { keepSaid } from './keep-said.ts';
import type { Sender } from './receive.ts';
import { reportUse } from './report-use.ts';
import { tooSmall } from './send-down.ts';

/** Takes a hello; its fields replace what an earlier one said, absent ones stay. */
export async function receiveHello(app: AnswerContext, sender: Sender, hello: HelloMessage): Promise<Refusal | null> {
  const { id, via, session, encoding } = sender;
  const objection = await reportUse(app, sender, hello);
  if (objection) return objection;
  const now = app.clock.now();
  const { maxPacket, slots, clock } = hello;
  const saying = {
    encoding,
    ...(maxPacket !== undefined && { packetBytesMax: maxPacket }),
    ...(slots !== undefined && { slots }),
    ...(clock !== undefined && { clockSkewMs: clock * 1_000 - now }),
  };
  const said = await change(app, ({ tx }) => keepSaid(tx, id, via, saying, now));
  // Kept first: what is said to it must not be larger than what it takes, be that too little for anything but an error.
  const manner = mannerFor(await app.store.read.principal(id), said, via);
  if (manner.packetBytesMax < packetBytesLeast || !canBeTold(id, manner)) {
    return tooSmall;
  }
  await onHello(app, session, id);
  return null;
}
