// Nolapse beside mosquitto, where that is installed: the server's CPU for a connect and for a message, in turns. Both have the same
// certificates, keys and access lists, and both are warm before a figure counts; what they took while cold is said beside it.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { accessOf, defaultTemplates } from '../../src/domain/acl.ts';
import type { PrincipalId } from '../../src/domain/principal.ts';
import { freePort, Mosquitto, pathWithBrokers } from '../peers/mosquitto-process.ts';
import { type Figure, median } from './figure.ts';
import { connectMany, connectsPerRound, type Measured, makeFleet, messageMany } from './load.ts';
import { startServer } from './peer.ts';
import { principalRow } from './rows.ts';

const rounds = 9;
/** V8 compiles until it has seen some 3,000 connects. */
const warmingConnects = 3_000;
const warmingMessageRounds = 3;
/** So many that a round takes many of the hundredths of a second in which the kernel counts. */
const messagesPerRound = 50_000;

const env = { ...process.env, PATH: pathWithBrokers };

/** @returns what a program prints; null where there is no such program. */
function printed(program: string, ...args: readonly string[]): string | null {
  try {
    return execFileSync(program, args, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  } catch (error) {
    // `mosquitto -h` ends with 3, and prints what it is all the same.
    const { stdout } = error as { readonly stdout?: unknown };
    return typeof stdout === 'string' && stdout !== '' ? stdout : null;
  }
}

/** The OpenSSL that mosquitto is linked with, as the system's packages name it. */
function openSslOfMosquitto(): string {
  const program = (printed('sh', '-c', 'command -v mosquitto') ?? '').trim();
  const library = /libssl\S* => (\S+)/.exec(printed('ldd', program) ?? '')?.[1];
  if (library === undefined) return 'an OpenSSL that ldd does not name';
  // Where /lib leads to /usr/lib, the package names the latter.
  const owner = printed('dpkg', '-S', library) ?? printed('dpkg', '-S', `/usr${library}`);
  const name = owner?.split(': ')[0];
  return (name && printed('dpkg-query', '-W', name)?.trim().replace('\t', ' ')) || library;
}

/** What the access lists of nolapse let a device do, in the words of mosquitto; `%u` is the name in its certificate. */
function accessList(): string {
  const rules = { kinds: defaultTemplates, principals: new Map() };
  const { publish, receive } = accessOf(principalRow('%u' as PrincipalId), 'full', rules);
  return [...new Set([...publish, ...receive])]
    .map((topics) => {
      const may = !receive.includes(topics) ? 'write' : publish.includes(topics) ? 'readwrite' : 'read';
      return `pattern ${may} ${topics}\n`;
    })
    .join('');
}

/** Mosquitto with the certificates, keys and access lists of the home's devices. */
export async function startMosquitto(
  home: string,
): Promise<Measured & { readonly pid: number; stop(): Promise<void> }> {
  const pki = (name: string): string => join(home, 'pki', name);
  const file = (name: string, text: string): string => {
    writeFileSync(join(home, name), text);
    return join(home, name);
  };
  const port = await freePort();
  const lines = [
    `user ${userInfo().username}`,
    `listener ${port} 127.0.0.1`,
    `acl_file ${file('mosquitto.acl', accessList())}`,
    `cafile ${file('mosquitto-ca.crt', readFileSync(pki('root.crt'), 'utf8') + readFileSync(pki('issuing.crt'), 'utf8'))}`,
    `certfile ${pki('server.crt')}`,
    `keyfile ${pki('server.key')}`,
    'require_certificate true',
    'use_identity_as_username true',
  ];
  const mosquitto = new Mosquitto(file('mosquitto.conf', `${lines.join('\n')}\n`));
  await mosquitto.start();
  const { pid } = mosquitto;
  return { port, pid, cpuMicros: async () => cpuMicrosOf(pid), stop: () => mosquitto.stop() };
}

/** User and system time of a process, as the kernel counts it: in hundredths of a second (proc(5), USER_HZ). */
function cpuMicrosOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name may hold anything, and ends with the last bracket; what follows begins with the third field.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

interface Comparison {
  readonly name: string;
  readonly goal: number;
  /** Connects or messages in a round. */
  readonly per: number;
  readonly warmingRounds: number;
  run(server: Measured): Promise<number>;
}

type Pair = readonly [ours: Measured, theirs: Measured];

function rangeOf(values: readonly number[]): string {
  return `${Math.min(...values).toFixed(2)} to ${Math.max(...values).toFixed(2)}`;
}

function both([ours, theirs]: readonly [number, number]): string {
  const digits = ours < 100 ? 1 : 0;
  return `${ours.toFixed(digits)} against ${theirs.toFixed(digits)} us`;
}

async function compare([ours, theirs]: Pair, { name, goal, per, warmingRounds, run }: Comparison): Promise<Figure> {
  const cold = [(await run(ours)) / per, (await run(theirs)) / per] as const;
  for (let round = 1; round < warmingRounds; round += 1) {
    await run(ours);
    await run(theirs);
  }
  const ratios: number[] = [];
  const micros: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round += 1) {
    // Each is first as often as second: who comes second may find a machine that is less busy, or more.
    const theirsFirst = round % 2 === 1 ? await run(theirs) : null;
    const a = await run(ours);
    const b = theirsFirst ?? (await run(theirs));
    ratios.push(a / b);
    micros[0].push(a / per);
    micros[1].push(b / per);
  }
  const ratio = median(ratios);
  const warm = both([median(micros[0]), median(micros[1])]);
  const measured = `${ratio.toFixed(2)} x, ${rangeOf(ratios)} (${warm}; cold ${both(cold)})`;
  return { name, measured, goal: `<= ${goal.toFixed(2)} x`, met: ratio <= goal };
}

/** Each comparison has processes of its own, so that both are cold when it begins. */
async function compareFresh(home: string, comparison: Comparison): Promise<Figure> {
  const ours = await startServer('nolapse', home);
  const theirs = await startMosquitto(home);
  try {
    return await compare([ours, theirs], comparison);
  } finally {
    ours.stop();
    await theirs.stop();
  }
}

/** The version of mosquitto that is installed here and can be measured; null: there is none. */
export function mosquittoVersion(): string | null {
  if (process.platform !== 'linux') return null;
  return /mosquitto version (\S+)/.exec(printed('mosquitto', '-h') ?? '')?.[1] ?? null;
}

/** Ratios of nolapse's CPU to mosquitto's: the median of nine rounds, with their range. Nothing where there is no mosquitto. */
export async function compareMosquitto(): Promise<Figure[]> {
  const version = mosquittoVersion();
  if (version === null) {
    console.log('There is no mosquitto here: nolapse is not compared with it.\n');
    return [];
  }
  console.log(`nolapse with OpenSSL ${process.versions.openssl}; mosquitto ${version} with ${openSslOfMosquitto()}\n`);
  const home = mkdtempSync(join(tmpdir(), 'nolapse-bench-'));
  const fleet = await makeFleet(home);
  const [first] = fleet;
  if (!first) throw new Error('no device');
  const connects = { per: connectsPerRound, warmingRounds: warmingConnects / connectsPerRound };
  const messages = { per: messagesPerRound, warmingRounds: warmingMessageRounds };
  const comparisons: readonly Comparison[] = [
    {
      name: 'CPU per mTLS connect beside mosquitto, client sends its leaf',
      goal: 0.8,
      ...connects,
      run: (server) => connectMany(server, fleet, 'leaf'),
    },
    {
      name: 'CPU per mTLS connect beside mosquitto, client sends its chain',
      goal: 0.95,
      ...connects,
      run: (server) => connectMany(server, fleet, 'chain'),
    },
    {
      name: 'CPU per QoS 0 message beside mosquitto',
      goal: 1.1,
      ...messages,
      run: (server) => messageMany(server, first, 0, messagesPerRound),
    },
    {
      name: 'CPU per QoS 1 message beside mosquitto',
      goal: 0.9,
      ...messages,
      run: (server) => messageMany(server, first, 1, messagesPerRound),
    },
  ];
  try {
    const figures: Figure[] = [];
    for (const comparison of comparisons) figures.push(await compareFresh(home, comparison));
    return figures;
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}
