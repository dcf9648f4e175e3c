// The other client of an attack: it sends PINGREQ again and again, and keeps the longest that it waited for the answer. Answers `take`
// with that in milliseconds, and begins anew.
import { once } from 'node:events';
import { connect } from 'node:tls';
import { connectPacket, generate, packetsOf } from '../../broker/harness.ts';
import type { Role } from '../delegated.ts';

const pauseMs = 2;

const [{ port, id, credentials }] = (await once(process, 'message')) as [Role];
const { certificatePem: cert, keyPem: key } = credentials;
const socket = connect({ host: '127.0.0.1', port, cert, key, rejectUnauthorized: false });
const packets = packetsOf(socket);
let longestMs = 0;
let askedAt: number | null = null;

const note = (): void => {
  if (askedAt !== null) longestMs = Math.max(longestMs, performance.now() - askedAt);
};
const ask = (): void => {
  askedAt = performance.now();
  socket.write(generate({ cmd: 'pingreq' }));
};
socket.on('data', () => {
  for (const { cmd } of packets.splice(0)) {
    if (cmd === 'connack') process.send?.('ready');
    note();
    askedAt = null;
    setTimeout(ask, pauseMs);
  }
});
socket.on('close', () => {
  process.exitCode = 1;
  process.disconnect();
});
process.on('message', () => {
  // What it waits for now counts as well.
  note();
  process.send?.(longestMs);
  longestMs = 0;
});
process.on('disconnect', () => process.exit());
socket.write(connectPacket(id));
