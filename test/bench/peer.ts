// Nolapse beside a bare aedes: the server's CPU for a connect and for a message, in turns, so that a noisy machine is as noisy
// for both.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Figure, median } from './figure.ts';
import { connectMany, connectsPerRound, type Measured, makeFleet, messageMany, messagesPerRound } from './load.ts';

const rounds = 5;
/** A broker runs for months: what is measured is code that has been compiled. */
const warmingRounds = 2;

export interface Server extends Measured {
  readonly pid: number;
  readonly ports: { readonly mqtt: number; readonly websocket?: number; readonly http: number };
  /** What is in use after a collection; for a process that was started with --expose-gc. */
  memoryMb(): Promise<number>;
  stop(): unknown;
  /** Stops it as an operator does; resolves when its process has ended. */
  end(): Promise<void>;
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
    pid: child.pid ?? 0,
    port: ports.mqtt,
    ports,
    cpuMicros: () => ask('cpu'),
    memoryMb: async () => (await ask('memory')) / 1_048_576,
    stop: () => child.connected && child.disconnect(),
    end: async () => {
      const over = once(child, 'exit');
      child.send('end');
      await over;
    },
  };
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
    await compare('server CPU per QoS 0 message', 1.15, messagesPerRound, (server) => messageMany(server, first, 0));
    await compare('server CPU per QoS 1 message', 1.15, messagesPerRound, (server) => messageMany(server, first, 1));
    return figures;
  } finally {
    ours.stop();
    bare.stop();
    rmSync(home, { recursive: true, force: true });
  }
}
