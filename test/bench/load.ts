// What clients do to a broker whose CPU is measured: connects that end at once, and messages from one publisher to one subscriber.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect as tlsConnect } from 'node:tls';
import { connectAsync, type MqttClient } from 'mqtt';
import type { IssuedView } from '../../src/app/views/devices.ts';
import { loadConfig } from '../../src/config/index.ts';
import { initHome, openHome } from '../../src/home/home.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { operated } from '../fakes/tester.ts';
import { leafOf } from './plain-client.ts';
import { unlimited } from './rows.ts';

const devices = 50;
export const connectsPerRound = 300;
export const messagesPerRound = 20_000;
const inFlight = 100;

/** A broker in a process of its own. */
export interface Measured {
  /** Of MQTT over TLS. */
  readonly port: number;
  /** User and system time of its process since it started. */
  cpuMicros(): Promise<number>;
}

export async function makeFleet(home: string): Promise<IssuedView[]> {
  const file = join(home, 'nolapse.yaml');
  writeFileSync(file, `mqtt: { port: 0 }\nhttp: { port: 0 }\nlimits: ${unlimited}\n`);
  const options = { home, config: loadConfig({ file, env: {} }), log: createLog({ level: 'silent' }) };
  await initHome(options);
  const opened = operated(await openHome(options));
  const fleet: IssuedView[] = [];
  for (let i = 0; i < devices; i += 1) {
    await opened.operations.addDevice({ id: `device-${i}`, owner: 'bench' });
    fleet.push(await opened.operations.issueDevice({ id: `device-${i}` }));
  }
  await opened.close();
  return fleet;
}

/** What a client presents: the certificate as issued, with the chain above it, or the certificate alone. */
export type Sends = 'chain' | 'leaf';

function presentedBy({ certificatePem }: IssuedView, sends: Sends): string {
  if (sends === 'chain') return certificatePem;
  return leafOf(certificatePem);
}

/** TLS, CONNECT, CONNACK, and gone. */
function connectOnce(port: number, id: string, cert: string, key: string): Promise<void> {
  const name = Buffer.from(id);
  const body = Buffer.concat([
    Buffer.from([0, 4]),
    Buffer.from('MQTT'),
    Buffer.from([4, 2, 0, 60, 0, name.length]),
    name,
  ]);
  return new Promise((resolve, reject) => {
    const socket = tlsConnect({ host: '127.0.0.1', port, cert, key, rejectUnauthorized: false });
    socket.once('error', reject);
    socket.once('data', (answer) => {
      socket.destroy();
      if (answer[3] === 0) resolve();
      else reject(new Error(`refused with ${answer[3]}`));
    });
    socket.write(Buffer.concat([Buffer.from([0x10, body.length]), body]));
  });
}

export async function connectMany(server: Measured, fleet: readonly IssuedView[], sends: Sends): Promise<number> {
  const credentials = fleet.map((device) => ({ cert: presentedBy(device, sends), key: device.keyPem }));
  const before = await server.cpuMicros();
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < connectsPerRound) {
      const i = next % devices;
      next += 1;
      const device = credentials[i];
      if (device) await connectOnce(server.port, `device-${i}`, device.cert, device.key);
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  return (await server.cpuMicros()) - before;
}

function open(server: Measured, id: string, { certificatePem, keyPem }: IssuedView): Promise<MqttClient> {
  return connectAsync({
    protocol: 'mqtts',
    host: '127.0.0.1',
    port: server.port,
    clientId: id,
    cert: certificatePem,
    key: keyPem,
    rejectUnauthorized: false,
    reconnectPeriod: 0,
  });
}

export async function messageMany(
  server: Measured,
  device: IssuedView,
  qos: 0 | 1,
  total = messagesPerRound,
): Promise<number> {
  const subscriber = await open(server, 'device-0:in', device);
  const publisher = await open(server, 'device-0:out', device);
  await subscriber.subscribeAsync('devices/device-0/#', { qos });
  const before = await server.cpuMicros();
  let sent = 0;
  const all = new Promise<void>((resolve) => {
    let received = 0;
    const send = (): void => {
      if (sent >= total) return;
      sent += 1;
      publisher.publish('devices/device-0/telemetry', 'a reading of thirty-two octets..', { qos });
    };
    subscriber.on('message', () => {
      received += 1;
      if (received === total) resolve();
      else send();
    });
    for (let i = 0; i < inFlight; i += 1) send();
  });
  await all;
  const used = (await server.cpuMicros()) - before;
  await publisher.endAsync(true);
  await subscriber.endAsync(true);
  return used;
}
