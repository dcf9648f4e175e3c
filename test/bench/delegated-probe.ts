// The other client of the measurement: publishes at a steady pace, receives what it published, and keeps how long each took.
// Answers `take` with what it has measured since the last time.
import { once } from 'node:events';
import { connectAsync } from 'mqtt';
import type { Latencies, Role } from './delegated.ts';

const perSecond = 20;

const [{ port, id, credentials }] = (await once(process, 'message')) as [Role];
const client = await connectAsync({
  protocol: 'mqtts',
  host: '127.0.0.1',
  port,
  clientId: id,
  cert: credentials.certificatePem,
  key: credentials.keyPem,
  rejectUnauthorized: false,
  reconnectPeriod: 0,
});
let acknowledged: number[] = [];
let delivered: number[] = [];
const sentAt = new Map<string, number>();
let sequence = 0;

client.on('message', (_topic, payload) => {
  const began = sentAt.get(payload.toString());
  if (began === undefined) return;
  sentAt.delete(payload.toString());
  delivered.push(performance.now() - began);
});
await client.subscribeAsync(`devices/${id}/#`, { qos: 1 });
setInterval(() => {
  sequence += 1;
  const name = String(sequence);
  const began = performance.now();
  sentAt.set(name, began);
  client.publish(`devices/${id}/reading`, name, { qos: 1 }, () => acknowledged.push(performance.now() - began));
}, 1_000 / perSecond);
process.on('message', () => {
  const latencies: Latencies = { acknowledged, delivered };
  [acknowledged, delivered] = [[], []];
  process.send?.(latencies);
});
process.on('disconnect', () => process.exit(0));
process.send?.('ready');
