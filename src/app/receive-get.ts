// A device fetches its replacement: as many bytes as it asks for, from any offset, in parts that each fit into what it can take.
import type { Refusal } from '../domain/errors.ts';
import type { GetMessage } from '../domain/message.ts';
import type { App } from './context.ts';
import type { Sender } from './receive.ts';

/** Takes a request for parts. */
export async function receiveGet(app: App, sender: Sender, get: GetMessage): Promise<Refusal | null> {
  const renewal = await app.store.read.renewal(get.renewal);
  if (renewal?.principalId !== sender.id) return { code: 'unknown_renewal', detail: 'no renewal of yours has this id' };
  return { code: 'wrong_state', detail: 'nothing was issued yet' };
}
