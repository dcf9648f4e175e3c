// A fleet comes back at once after an outage: how long until every device is in, how long until each was made its offer, and whether
// those with least slack had theirs first. The broker's server and the fleet are processes of their own, with real TLS.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { replan } from '../../src/app/oversight/replan.ts';
import { loadConfig } from '../../src/config/index.ts';
import { assemble, initHome, openHome } from '../../src/home/home.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { nobody } from '../fakes/nobody.ts';
import { operated } from '../fakes/tester.ts';
import type { Figure } from './figure.ts';
import { startServer } from './peer.ts';
import { leafOf } from './plain-client.ts';

const devices = 3_000;
const goalSeconds = 5;
const hour = 3_600_000;
/** Of the offers, those that are looked at for their order: as many as are made in the first second. */
const firstOffers = 100;

interface DeviceKey {
  readonly id: string;
  /** PEM, both. */
  readonly cert: string;
  readonly key: string;
}

/** What the fleet is told to do, and where. */
export type OutageOrder =
  /** In the order of their slack, the least first. */
  | { readonly kind: 'visit'; readonly port: number; readonly fleet: readonly DeviceKey[] }
  | { readonly kind: 'return'; readonly port: number };

/** Seconds since the fleet began to connect. */
export interface Outcome {
  readonly admittedAt: readonly number[];
  /** By place in the fleet, in the order in which the offers came. */
  readonly offered: readonly number[];
  readonly lastOfferAt: number;
  /** Of the server, until the last offer. */
  readonly cpuSeconds: number;
}

/** The rate of offers is the default: their order is what is looked at. */
function optionsOf(home: string) {
  const file = join(home, 'nolapse.yaml');
  writeFileSync(file, 'mqtt: { port: 0 }\nhttp: { port: 0 }\n');
  return { home, config: loadConfig({ file, env: {} }), log: createLog({ level: 'silent' }) };
}

async function makeFleet(home: string): Promise<DeviceKey[]> {
  const options = optionsOf(home);
  await initHome(options);
  const { operations, close } = operated(await openHome(options));
  const rows = Array.from({ length: devices }, (_, i) => `device-${i},bench`).join('\n');
  await operations.importDevices({ format: 'csv', text: `id,owner\n${rows}\n` });
  const fleet: DeviceKey[] = [];
  for (let i = 0; i < devices; i += 1) {
    const { certificatePem, keyPem } = await operations.issueDevice({ id: `device-${i}` });
    fleet.push({ id: `device-${i}`, cert: leafOf(certificatePem), key: keyPem });
  }
  await close();
  return fleet;
}

/** As if every certificate were in use and due, each with a little more time left than the one before. */
async function makeDue(home: string): Promise<void> {
  const { app, outbox } = await assemble(optionsOf(home), { tell: () => undefined }, nobody, 'use');
  const { store, clock } = app;
  // All dates are reckoned once before: a broker that begins would else take these for wrong.
  await replan(app, new AbortController().signal);
  const now = clock.now();
  for (let i = 0; i < devices; i += 1) {
    await store.transact(async (tx) => {
      const [entry] = await tx.certificatesOf(`device-${i}` as Parameters<typeof tx.certificatesOf>[0], { limit: 1 });
      if (!entry) throw new Error(`device-${i} has no certificate`);
      const notAfter = now + 24 * hour + i * 60_000;
      await tx.putCertificate({ ...entry, state: 'active', activatedAt: now, renewAt: now - hour, notAfter });
    });
  }
  await outbox.close();
  await store.close();
}

type Outage = 'the network was away' | 'the broker was restarted';

async function comeBack(home: string, fleet: readonly DeviceKey[], outage: Outage): Promise<Outcome> {
  let server = await startServer('nolapse', home);
  const child = fork(join(dirname(fileURLToPath(import.meta.url)), 'outage-fleet.js'), { stdio: 'inherit' });
  const order = async (what: OutageOrder): Promise<unknown> => {
    child.send(what);
    return (await once(child, 'message'))[0];
  };
  try {
    await order({ kind: 'visit', port: server.port, fleet });
    if (outage === 'the broker was restarted') {
      await server.end();
      server = await startServer('nolapse', home);
    }
    const cpuBefore = await server.cpuMicros();
    const outcome = (await order({ kind: 'return', port: server.port })) as Omit<Outcome, 'cpuSeconds'>;
    return { ...outcome, cpuSeconds: ((await server.cpuMicros()) - cpuBefore) / 1_000_000 };
  } finally {
    child.kill();
    await server.end();
  }
}

const middle = (sorted: readonly number[]): number => sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;

async function figuresAfter(outage: Outage): Promise<Figure[]> {
  const home = mkdtempSync(join(tmpdir(), 'nolapse-bench-'));
  try {
    const fleet = await makeFleet(home);
    await makeDue(home);
    const { admittedAt, offered, lastOfferAt, cpuSeconds } = await comeBack(home, fleet, outage);
    const sorted = [...admittedAt].sort((a, b) => a - b);
    const last = sorted.at(-1) ?? Number.NaN;
    const first = offered.slice(0, firstOffers).sort((a, b) => a - b);
    const name = `${devices.toLocaleString('en')} devices at once, when ${outage}`;
    return [
      {
        name: `${name}: until all are in`,
        measured: `${last.toFixed(1)} s (half of them after ${middle(sorted).toFixed(1)} s)`,
        goal: `<= ${goalSeconds} s`,
        met: sorted.length === devices && last <= goalSeconds,
      },
      {
        name: `${name}: until each was made its offer`,
        measured: `${lastOfferAt.toFixed(1)} s, ${cpuSeconds.toFixed(1)} s of the server's CPU (half of the first ${firstOffers} to the ${middle(first) + 1} with least slack)`,
        goal: '',
        met: true,
      },
    ];
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

/** How long a fleet takes that comes at once, and whether those with least slack are made their offers first. */
export async function afterOutage(): Promise<Figure[]> {
  return [...(await figuresAfter('the network was away')), ...(await figuresAfter('the broker was restarted'))];
}
