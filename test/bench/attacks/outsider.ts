// What clients without a certificate do to a whole broker in a process of its own, over each of its listeners: the longest wait of
// another client for a PINGRESP meanwhile, and the memory that stays when they have left. To add one, add it to `outsiders`.
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { IssuedView } from '../../../src/app/views/devices.ts';
import { loadConfig } from '../../../src/config/index.ts';
import { initHome, openHome } from '../../../src/home/home.ts';
import { createLog } from '../../../src/telemetry/log.ts';
import { operated } from '../../fakes/tester.ts';
import type { Role } from '../delegated.ts';
import type { Figure } from '../figure.ts';
import { answersOf, type Server, startServer } from '../peer.ts';
import { figureOf } from './goals.ts';

export interface OutsiderAttack {
  readonly name: string;
  /** @returns what the attack does, and resolves when it is over and its connections are closed. */
  prepare(ports: Server['ports']): Promise<() => Promise<void>>;
}

/** As many megabytes as a small machine gives a process. */
const heapMb = 512;
/** For memory to come back. */
const [looks, lookMs] = [20, 500];
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function makeVictim(home: string): Promise<IssuedView> {
  const file = join(home, 'nolapse.yaml');
  writeFileSync(
    file,
    'mqtt: { port: 0 }\nwebsocket: { port: 0 }\nhttp: { port: 0 }\nlimits: { connect: 60s, handshake: 60s }\n',
  );
  const options = { home, config: loadConfig({ file, env: {} }), log: createLog({ level: 'silent' }) };
  await initHome(options);
  const { operations, close } = operated(await openHome(options));
  await operations.addDevice({ id: 'victim', owner: 'bench' });
  const issued = await operations.issueDevice({ id: 'victim' });
  await close();
  return issued;
}

async function startVictim(role: Role) {
  const child = fork(join(dirname(fileURLToPath(import.meta.url)), 'victim.js'), { stdio: 'inherit' });
  const answer = answersOf(child, 'the other client was disconnected');
  child.send(role);
  await answer();
  return {
    longestWaitMs: async (): Promise<number> => {
      child.send('take');
      return (await answer()) as number;
    },
    stop: () => child.connected && child.disconnect(),
  };
}

/** Memory that is in use beyond what was before, once it is less than the goal or has had time to come back. */
async function staysMb(server: Server, beforeMb: number): Promise<number> {
  let stays = Number.POSITIVE_INFINITY;
  for (let look = 0; look < looks && stays > 1; look += 1) {
    await pause(lookMs);
    stays = Math.min(stays, Math.max(0, (await server.memoryMb()) - beforeMb));
  }
  return stays;
}

export async function underOutsider({ name, prepare }: OutsiderAttack): Promise<Figure> {
  const home = mkdtempSync(join(tmpdir(), 'nolapse-bench-'));
  const credentials = await makeVictim(home);
  const server = await startServer('nolapse', home, ['--expose-gc', `--max-old-space-size=${heapMb}`]);
  const victim = await startVictim({ port: server.port, id: 'victim', credentials });
  try {
    const run = await prepare(server.ports);
    const beforeMb = await server.memoryMb();
    await victim.longestWaitMs();
    await run();
    const waitMs = await victim.longestWaitMs();
    return figureOf(name, waitMs, await staysMb(server, beforeMb));
  } finally {
    victim.stop();
    server.stop();
    rmSync(home, { recursive: true, force: true });
  }
}
