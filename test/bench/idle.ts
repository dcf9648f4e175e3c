// What an idle session holds: the memory of a server's process before and after 2,000 sessions that say nothing. Nolapse beside a bare
// aedes with the same TLS options, and beside mosquitto where that is installed.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSecureContext, type TLSSocket } from 'node:tls';
import type { IssuedView } from '../../src/app/views/devices.ts';
import type { Figure } from './figure.ts';
import { makeFleet } from './load.ts';
import { mosquittoVersion, startMosquitto } from './mosquitto.ts';
import { startServer } from './peer.ts';
import { leafOf, openPlain, type PlainClient } from './plain-client.ts';

const sessions = 2_000;
/** The first ones only have the code compiled and the heap grown. */
const warming = 500;
const openingTogether = 8;

interface Resting {
  readonly port: number;
  /** What the process holds in memory after a collection, in bytes. */
  bytes(): Promise<number>;
  stop(): unknown;
}

/** The resident set of a process (proc(5), statm), in bytes. */
function residentOf(pid: number): number {
  const pageBytes = 4_096;
  return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * pageBytes;
}

/** Sessions of 50 devices, each under client ids of its own. */
async function openMany(port: number, fleet: readonly IssuedView[], from: number, to: number): Promise<TLSSocket[]> {
  const contexts = fleet.map(({ certificatePem, keyPem }) =>
    createSecureContext({ cert: leafOf(certificatePem), key: keyPem }),
  );
  const opened: TLSSocket[] = [];
  let next = from;
  const openSome = async (): Promise<void> => {
    while (next < to) {
      const number = next;
      next += 1;
      const place = number % fleet.length;
      const secureContext = contexts[place];
      if (!secureContext) throw new Error('no device');
      opened.push(await admitted({ port, secureContext, clientId: `device-${place}:${number}`, place: number }));
    }
  };
  await Promise.all(Array.from({ length: openingTogether }, openSome));
  return opened;
}

function admitted(client: PlainClient): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = openPlain(client);
    socket.once('error', reject);
    socket.once('data', (answer) => {
      if (answer[3] === 0) resolve(socket);
      else reject(new Error(`refused with ${answer[3]}`));
    });
  });
}

async function perSession(server: Resting, fleet: readonly IssuedView[]): Promise<number> {
  const open: TLSSocket[] = [];
  try {
    open.push(...(await openMany(server.port, fleet, 0, warming)));
    const before = await server.bytes();
    open.push(...(await openMany(server.port, fleet, warming, warming + sessions)));
    return ((await server.bytes()) - before) / sessions;
  } finally {
    for (const socket of open) socket.destroy();
    await server.stop();
  }
}

async function startNode(which: 'nolapse' | 'bare', home: string): Promise<Resting> {
  const server = await startServer(which, home, ['--expose-gc']);
  // The collection comes first, and what it frees goes back to the system.
  const bytes = async (): Promise<number> => {
    await server.memoryMb();
    return residentOf(server.pid);
  };
  return { port: server.port, bytes, stop: () => server.stop() };
}

async function startPeer(home: string): Promise<Resting> {
  const { port, pid, stop } = await startMosquitto(home);
  return { port, bytes: async () => residentOf(pid), stop };
}

/** Kilobytes of the resident set for each idle session. */
export async function idleSessions(): Promise<Figure[]> {
  const home = mkdtempSync(join(tmpdir(), 'nolapse-bench-'));
  const fleet = await makeFleet(home);
  const peer = mosquittoVersion() === null ? [] : [['mosquitto', startPeer] as const];
  const servers = [
    ['nolapse', (at: string) => startNode('nolapse', at)] as const,
    ['a bare aedes', (at: string) => startNode('bare', at)] as const,
    ...peer,
  ];
  try {
    const figures: Figure[] = [];
    for (const [name, start] of servers) {
      const bytes = await perSession(await start(home), fleet);
      figures.push({
        name: `memory of an idle session, ${name}`,
        measured: `${(bytes / 1_024).toFixed(1)} kB`,
        goal: '',
        met: true,
      });
    }
    return figures;
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}
