// Has an HTTP server be given requests one by one from each of its connections, and by all of them within a share of the event loop.
import type { Server } from 'node:http';
import type { Server as SecureServer } from 'node:https';
import type { Socket } from 'node:net';
import { addressBlock } from '../domain/address-block.ts';
import { PacedStream } from './paced-stream.ts';
import { type TurnRules, Turns } from './turns.ts';

/** A fifth of the loop for all requests, and half of that for one address block, answers included as far as they are made at once. */
const rules: TurnRules = {
  all: { share: 0.2, burstMs: 1_000, waitMsMax: 250 },
  block: { share: 0.1, burstMs: 500, waitMsMax: 250 },
  turnMs: 10,
  blocksMax: 10_000,
};

/** Puts a {@link PacedStream} between the server's connections and its parsers. To be called before anybody else listens for them. */
export function paceRequests(server: Server | SecureServer, event: 'connection' | 'secureConnection'): void {
  const turns = new Turns(rules);
  const [parse] = server.rawListeners(event);
  if (!parse) throw new Error(`an HTTP server has no listener for ${event}`);
  server.removeAllListeners(event);
  server.on(event, (socket: Socket) =>
    parse.call(server, new PacedStream(socket, turns, addressBlock(socket.remoteAddress))),
  );
  server.on('close', () => turns.stop());
}
