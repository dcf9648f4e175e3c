// Nolapse beside a bare aedes: the server's CPU for a connect and for a message, in turns, so that a noisy machine is as noisy
// for both.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { connect as tlsConnect } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { connectAsync, type MqttClient } from 'mqtt';
import type { IssuedView } from '../../src/app/views/devices.ts';
import { loadConfig } from '../../src/config/index.ts';
import { initHome, openHome } from '../../src/home/home.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { operated } from '../fakes/tester.ts';
import { type Figure, median } from './figure.ts';
import { unlimited } from './rows.ts';

const devices = 50;
const rounds = 5;
const connectsPerRound = 300;
const messagesPerRound = { 0: 20_000, 1: 20_000 } as const;
/** A gateway runs for months: what is measured is code that has been compiled. */
const warmingRounds = 2;
const inFlight = 100;

export interface Server {
  /** Of MQTT over TLS. */
  readonly port: number;
  readonly ports: { readonly mqtt: number; readonly websocket?: number; readonly http: number };
  cpuMicros(): Promise<number>;
  /** What is in use after a collection; for a process that was started with --expose-gc. */
  memoryMb(): Promise<number>;
  stop(): unknown;
}

/** @returns what waits for the process's next message, and rejects where it has ended instead. */
export function answersOf(child: ChildProcess, ended: string): () => Promise<unknown> {
  const over = once(child, 'exit').then(() => {
    throw new Error(ended);
  });
  over.catch(() => undefined);
  return async () => {
    const waiting = new AbortController();
    const said = once(child, 'message', { signal: waiting.signal });
    try {
      return (await Promise.race([said, over]))[0];
    } finally {
      waiting.abort();
      said.catch(() => undefined);
    }
  };
}

export async function startServer(
  which: 'nolapse' | 'bare',
  home: string,
  execArgv: readonly string[] = [],
): Promise<Server> {
  const script = join(dirname(fileURLToPath(import.meta.url)), 'server.js');
  const child: ChildProcess = fork(script, [which, home], { stdio: 'inherit', execArgv: [...execArgv] });
  const answer = answersOf(child, 'the server has ended');
  const ask = async (what: 'cpu' | 'memory'): Promise<number> => {
    child.send(what);
    return (await answer()) as number;
  };
  const ports = (await answer()) as Server['ports'];
  return {
    port: ports.mqtt,
    ports,
    cpuMicros: () => ask('cpu'),
    memoryMb: async () => (await ask('memory')) / 1_048_576,
    stop: () => child.connected && child.disconnect(),
  };
}

async function makeFleet(home: string): Promise<IssuedView[]> {
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
type Sends = 'chain' | 'leaf';

function presentedBy({ certificatePem }: IssuedView, sends: Sends): string {
  if (sends === 'chain') return certificatePem;
  const end = '-----END CERTIFICATE-----\n';
  return certificatePem.slice(0, certificatePem.indexOf(end) + end.length);
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

async function connectMany(server: Server, fleet: readonly IssuedView[], sends: Sends): Promise<number> {
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

function open(server: Server, id: string, { certificatePem, keyPem }: IssuedView): Promise<MqttClient> {
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

async function messageMany(server: Server, device: IssuedView, qos: 0 | 1): Promise<number> {
  const subscriber = await open(server, 'device-0:in', device);
  const publisher = await open(server, 'device-0:out', device);
  await subscriber.subscribeAsync('devices/device-0/#', { qos });
  const total = messagesPerRound[qos];
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

/** Ratios of nolapse's CPU to that of bare aedes: the median of the rounds. */
export async function comparePeers(): Promise<Figure[]> {
  const home = mkdtempSync(join(tmpdir(), 'nolapse-bench-'));
  const fleet = await makeFleet(home);
  const [first] = fleet;
  if (!first) throw new Error('no device');
  const ours = await startServer('nolapse', home);
  const bare = await startServer('bare', home);
  try {
    const figures: Figure[] = [];
    const compare = async (name: string, goal: number, per: number, run: (server: Server) => Promise<number>) => {
      for (let round = 0; round < warmingRounds; round += 1) {
        await run(ours);
        await run(bare);
      }
      const ratios: number[] = [];
      const micros: [number[], number[]] = [[], []];
      for (let round = 0; round < rounds; round += 1) {
        const [a, b] = [await run(ours), await run(bare)];
        ratios.push(a / b);
        micros[0].push(a / per);
        micros[1].push(b / per);
      }
      const each = `${median(micros[0]).toPrecision(3)} us against ${median(micros[1]).toPrecision(3)} us`;
      const ratio = median(ratios);
      figures.push({ name, measured: `${ratio.toFixed(2)} x (${each})`, goal: `<= ${goal} x`, met: ratio <= goal });
    };
    for (const [sends, name] of [
      ['leaf', 'server CPU per mTLS connect, client sends its leaf'],
      ['chain', 'server CPU per mTLS connect, client sends its chain'],
    ] as const) {
      await compare(name, 1.1, connectsPerRound, (server) => connectMany(server, fleet, sends));
    }
    await compare('server CPU per QoS 0 message', 1.15, messagesPerRound[0], (server) => messageMany(server, first, 0));
    await compare('server CPU per QoS 1 message', 1.15, messagesPerRound[1], (server) => messageMany(server, first, 1));
    return figures;
  } finally {
    ours.stop();
    bare.stop();
    rmSync(home, { recursive: true, force: true });
  }
}
