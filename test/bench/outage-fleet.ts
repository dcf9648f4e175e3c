// The fleet of the measurement, over plain sockets, so that the clients take as little of the machine as they can. At `visit` every device
// comes and goes; at `return` all connect at the same moment and subscribe to what they are told.
import { createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import { generate, parser } from 'mqtt-packet';
import type { OutageOrder, Outcome } from './outage.ts';
import { openPlain } from './plain-client.ts';

const visitingTogether = 8;
/** What a device does that was refused or cut off: it comes again, at first soon. */
const [againMs, againMsMax] = [1_000, 8_000];

interface Device {
  readonly id: string;
  /** In the order of slack, the least first. */
  readonly place: number;
  readonly secureContext: SecureContext;
}

const fleet: Device[] = [];
const admittedAt = new Map<number, number>();
const offered = new Set<number>();
let port = 0;
let began = 0;
let lastOfferAt = 0;
const seconds = (): number => (performance.now() - began) / 1_000;

const open = ({ id, place, secureContext }: Device): TLSSocket =>
  openPlain({ port, clientId: id, secureContext, place });

/** Connects, and hangs up when it is in. */
function visit(device: Device): Promise<void> {
  return new Promise((resolve) => {
    const socket = open(device);
    socket.once('data', () => socket.end());
    socket.once('close', () => resolve());
  });
}

function settle(): void {
  if (admittedAt.size < fleet.length || offered.size < fleet.length) return;
  const outcome: Omit<Outcome, 'cpuSeconds'> = {
    admittedAt: [...admittedAt.values()],
    offered: [...offered],
    lastOfferAt,
  };
  process.send?.(outcome);
}

function hear(socket: TLSSocket, { place, id }: Device): void {
  const packets = parser({ protocolVersion: 4 });
  packets.on('packet', (packet) => {
    if (packet.cmd === 'connack' && packet.returnCode === 0) {
      if (!admittedAt.has(place)) admittedAt.set(place, seconds());
      const subscriptions = [{ topic: `$enroll/1/${id}/+`, qos: 1 as const }];
      socket.write(generate({ cmd: 'subscribe', messageId: 1, subscriptions }));
    }
    if (packet.cmd !== 'publish') return;
    if (packet.qos === 1) socket.write(generate({ cmd: 'puback', messageId: packet.messageId ?? 0 }));
    if (!packet.topic.endsWith('/offer') || offered.has(place)) return;
    offered.add(place);
    lastOfferAt = seconds();
    settle();
  });
  socket.on('data', (bytes) => packets.parse(bytes));
}

function come(device: Device, waitMs = againMs): void {
  const socket = open(device);
  socket.once('close', () => setTimeout(() => come(device, Math.min(2 * waitMs, againMsMax)), waitMs));
  hear(socket, device);
}

process.on('message', async (order: OutageOrder) => {
  port = order.port;
  if (order.kind === 'visit') {
    for (const [place, { id, cert, key }] of order.fleet.entries()) {
      fleet.push({ id, place, secureContext: createSecureContext({ cert, key }) });
    }
    const waiting = [...fleet];
    const visitAll = async (): Promise<void> => {
      for (let next = waiting.pop(); next; next = waiting.pop()) await visit(next);
    };
    await Promise.all(Array.from({ length: visitingTogether }, visitAll));
    process.send?.('visited');
    return;
  }
  began = performance.now();
  // In an order that has nothing to do with their slack.
  for (const device of fleet.toSorted(
    (a, b) => ((a.place * 7_919) % fleet.length) - ((b.place * 7_919) % fleet.length),
  ))
    come(device);
});
process.on('disconnect', () => process.exit(0));
