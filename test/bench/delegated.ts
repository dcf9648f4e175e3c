// A site's thousand devices fall due at one moment and are renewed through one gateway: how long that takes, and how long another
// client waits for its messages meanwhile. The broker's server, the site and the other client are processes of their own.
import { type ChildProcess, fork } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connectAsync } from 'mqtt';
import { replan } from '../../src/app/oversight/replan.ts';
import type { IssuedView } from '../../src/app/views/devices.ts';
import { loadConfig } from '../../src/config/index.ts';
import { nothingSaid, parsePrincipalId } from '../../src/domain/principal.ts';
import { assemble, initHome, openHome } from '../../src/home/home.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { nobody } from '../fakes/nobody.ts';
import { operated } from '../fakes/tester.ts';
import type { Figure } from './figure.ts';
import { startServer } from './peer.ts';
import { unlimited } from './rows.ts';

const devices = 1_000;
const site = 'north';
/** From the fleet's making to its renewals: everything is connected by then, and the other client has a while to itself. */
const leadMs = 12_000;
const goalMs = 150;

/** What a process of this measurement is told to begin with. */
export interface Role {
  readonly port: number;
  readonly id: string;
  readonly credentials: IssuedView;
}

/** Milliseconds, in the order they were measured. */
export interface Latencies {
  readonly acknowledged: readonly number[];
  readonly delivered: readonly number[];
}

function optionsOf(home: string) {
  const file = join(home, 'nolapse.yaml');
  writeFileSync(file, `mqtt: { port: 0 }\nhttp: { port: 0 }\nlimits: ${unlimited}\n`);
  return { home, config: loadConfig({ file, env: {} }), log: createLog({ level: 'silent' }) };
}

async function makeSite(home: string): Promise<{ gateway: IssuedView; other: IssuedView }> {
  const options = optionsOf(home);
  await initHome(options);
  const { operations, close } = operated(await openHome(options));
  const ids = Array.from({ length: devices }, (_, i) => `device-${i}`);
  const rows = ids.map((id) => `${id},bench,${site}`).join('\n');
  await operations.importDevices({ format: 'csv', text: `id,owner,site\n${rows}\n` });
  for (const id of ids) await operations.issueDevice({ id });
  await operations.addDevice({ id: 'gateway', owner: 'bench', kind: 'gateway' });
  await operations.addDevice({ id: 'other', owner: 'bench' });
  const modes = ['csr'];
  await operations.addDelegation({ gateway: 'gateway', site, modes, until: '1d', daily: devices });
  const [gateway, other] = [
    await operations.issueDevice({ id: 'gateway' }),
    await operations.issueDevice({ id: 'other' }),
  ];
  await close();
  return { gateway, other };
}

/** As if every device's certificate had been seen in use, and fell due at this moment. */
async function makeDue(home: string, at: number): Promise<void> {
  const { app, outbox } = await assemble(optionsOf(home), { tell: () => undefined }, nobody, 'use');
  const { store } = app;
  // All dates are reckoned once before: a broker that begins would else take these for wrong.
  await replan(app, new AbortController().signal);
  const principals = await store.read.principals({ site }, { limit: devices });
  const gateway = parsePrincipalId('gateway');
  if (!gateway) throw new Error('the gateway has no id');
  await store.transact(async (tx) => {
    for (const { id } of principals) {
      const [entry] = await tx.certificatesOf(id, { limit: 1 });
      if (entry) await tx.putCertificate({ ...entry, state: 'active', activatedAt: at, renewAt: at });
      // What the site says of its devices governs its own path alone.
      const said = { ...nothingSaid, packetBytesMax: 4_096, lastSeenAt: null };
      await tx.putCarriedContact({ ...said, principalId: id, gatewayId: gateway });
    }
  });
  await outbox.close();
  await store.close();
}

/** A broker in use knows the address: connections from one that is not known are watched for as long as they last. */
async function comeOnce(port: number, { certificatePem, keyPem }: IssuedView): Promise<void> {
  const client = await connectAsync({
    protocol: 'mqtts',
    host: '127.0.0.1',
    port,
    clientId: 'other',
    cert: new X509Certificate(certificatePem).toString(),
    key: keyPem,
    rejectUnauthorized: false,
    reconnectPeriod: 0,
  });
  await client.endAsync();
}

function start(script: string, role: Role): ChildProcess {
  const child = fork(join(dirname(fileURLToPath(import.meta.url)), script), { stdio: 'inherit' });
  child.send(role);
  return child;
}

async function answer<T>(child: ChildProcess, question?: string): Promise<T> {
  if (question) child.send(question);
  return (await once(child, 'message'))[0] as T;
}

function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

function figure(name: string, latencies: readonly number[], isGoal: boolean): Figure {
  const sorted = [...latencies].sort((a, b) => a - b);
  const [p50, p99] = [percentile(sorted, 0.5), percentile(sorted, 0.99)];
  const measured = `p50 ${p50.toFixed(1)}, p99 ${p99.toFixed(1)}, max ${(sorted.at(-1) ?? 0).toFixed(1)} ms of ${sorted.length}`;
  return { name, measured, goal: isGoal ? `p99 <= ${goalMs} ms` : '', met: !isGoal || p99 <= goalMs };
}

/** The batch's duration, and the other client's QoS 1 latencies before and during it. */
export async function delegatedBatch(): Promise<Figure[]> {
  const home = mkdtempSync(join(tmpdir(), 'nolapse-bench-'));
  const { gateway, other } = await makeSite(home);
  const dueAt = Date.now() + leadMs;
  await makeDue(home, dueAt);
  const server = await startServer('nolapse', home);
  const children: ChildProcess[] = [];
  await comeOnce(server.port, other);
  try {
    const behind = start('delegated-site.js', { port: server.port, id: 'gateway', credentials: gateway });
    const beside = start('delegated-probe.js', { port: server.port, id: 'other', credentials: other });
    children.push(behind, beside);
    await Promise.all([answer(behind), answer(beside)]);
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, dueAt - Date.now())));
    const before = await answer<Latencies>(beside, 'take');
    const began = Date.now();
    const { errors } = await answer<{ errors: Record<string, number> }>(behind, `wait ${devices}`);
    const seconds = (Date.now() - began) / 1_000;
    const during = await answer<Latencies>(beside, 'take');
    if (Object.keys(errors).length > 0) throw new Error(`the site was answered ${JSON.stringify(errors)}`);
    const batch = `${devices.toLocaleString('en')} devices renewed behind one gateway`;
    return [
      { name: batch, measured: `${seconds.toFixed(1)} s`, goal: '', met: true },
      figure('another client, QoS 1 to PUBACK, before', before.acknowledged, false),
      figure('another client, QoS 1 to PUBACK, meanwhile', during.acknowledged, true),
      figure('another client, QoS 1 end to end, meanwhile', during.delivered, true),
    ];
  } finally {
    for (const child of children) child.kill();
    server.stop();
    rmSync(home, { recursive: true, force: true });
  }
}
