// Keeps aedes's list of clients true. aedes registers a client that closed while it was connecting, and when an old
// connection ends late it forgets the new one that took its client id; then a third would not displace the second.
import type { Aedes } from 'aedes';
import { internalsOf } from './aedes-internals.ts';
import type { SessionRegistry } from './session-registry.ts';

export function watchRegistrations(aedes: Aedes, registry: SessionRegistry): void {
  const internals = internalsOf(aedes);
  const registered = new WeakSet<object>();
  aedes.on('client', (client) => {
    registered.add(client);
    if (!client.closed || internals.clients[client.id] !== client) return;
    internals.connectedClients -= 1;
    delete internals.clients[client.id];
  });
  aedes.on('clientDisconnect', (client) => {
    const newest = registry.byClientId(client.id);
    if (!newest || newest.client === client || newest.client.closed || !registered.has(newest.client)) return;
    if (internals.clients[client.id]) return;
    internals.connectedClients += 1;
    internals.clients[client.id] = newest.client;
  });
}
