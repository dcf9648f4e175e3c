// What goes wrong in aedes, told: one that nobody hears would end the process.
import type { Aedes, Client } from 'aedes';
import { NolapseError } from '../domain/errors.ts';
import type { DecisionLog } from '../ports/decision-log.ts';
import { brokerClient } from './aedes-internals.ts';
import type { SessionRegistry } from './session-registry.ts';

/** Nothing a peer or the store does may end the process: an `error` event without a listener would. */
export function watchErrors(aedes: Aedes, decisions: DecisionLog, registry: SessionRegistry): void {
  aedes.on('error' as 'clientError', (error: unknown) => {
    decisions.tell({
      action: 'broker.failed',
      level: 'error',
      message: error instanceof Error ? error.message : 'broker error',
    });
  });
  const tell = (client: Client, error: Error): void => {
    const live = registry.of(client);
    if (live && error instanceof NolapseError && error.code === 'unreleased_messages') {
      registry.end(live, error.code);
      return;
    }
    decisions.tell({
      action: 'connection.failed',
      level: 'debug',
      message: error.message,
      fields: {
        'nolapse.client_id': live?.shownClientId ?? brokerClient(client).id,
        'nolapse.principal': live?.session.principal.id,
      },
    });
  };
  aedes.on('clientError', tell);
  aedes.on('connectionError', tell);
}
