// The application without sockets: whole renewals through the real ledger, authority and encodings, and the sweep over fleets
// of different sizes with the same number due.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { entranceOf } from '../../src/app/admission/entrance.ts';
import { Seen } from '../../src/app/admission/seen.ts';
import { issueDevice } from '../../src/app/inventory/issue-device.ts';
import type { App } from '../../src/app/operator/app.ts';
import type { Session } from '../../src/app/session.ts';
import { sweep } from '../../src/app/upkeep/sweep.ts';
import { loadConfig } from '../../src/config/index.ts';
import type { PrincipalId } from '../../src/domain/principal.ts';
import { enrollmentTopic } from '../../src/domain/topics.ts';
import { assemble, initHome, type Parts } from '../../src/home/home.ts';
import type { Sessions } from '../../src/ports/sessions.ts';
import { makeRequest } from '../../src/simulator/key.ts';
import { createDecisionLog } from '../../src/telemetry/decision-log.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { decodeDown, encodeUp } from '../../src/wire/index.ts';
import { nobody } from '../fakes/nobody.ts';
import { type Figure, median } from './figure.ts';
import { certificateRow, idOf, principalRow, unlimited } from './rows.ts';

const renewals = 2_000;
const renewalRounds = 3;
const commissionedTogether = 100;
const fleetSizes = [1_000, 10_000, 100_000] as const;
const due = 10;
const sweepRounds = 9;
const day = 86_400_000;

interface Bench extends Parts {
  readonly clock: { offset: number; now(): number };
  close(): Promise<void>;
}

async function openBench(sessions: Sessions): Promise<Bench> {
  const home = mkdtempSync(join(tmpdir(), 'nolapse-bench-'));
  const file = join(home, 'nolapse.yaml');
  writeFileSync(file, `http: { port: 0 }\nsweep: { batch: 1000 }\nlimits: ${unlimited}\n`);
  const clock = { offset: 0, now: () => Date.now() + clock.offset };
  const log = createLog({ level: 'info', stream: { write: () => undefined } });
  const options = { home, config: loadConfig({ file, env: {} }), log, clock };
  await initHome(options);
  const parts = await assemble(options, createDecisionLog(log, createMetrics()), sessions, 'use');
  const close = async (): Promise<void> => {
    await parts.outbox.close();
    await parts.app.store.close();
    rmSync(home, { recursive: true, force: true });
  };
  return { ...parts, clock, close };
}

interface BenchDevice {
  readonly id: PrincipalId;
  readonly csr: Uint8Array;
  session: Session | null;
}

/** Devices that answer at once: an offer with their CSR, a certificate with an ack and a connect. */
class Devices implements Sessions {
  readonly devices = new Map<PrincipalId, BenchDevice>();
  entrance: ReturnType<typeof entranceOf> | null = null;
  readonly #confirmed = new Set<PrincipalId>();
  onConfirmed: () => void = () => undefined;

  listens = async (id: PrincipalId): Promise<boolean> => this.devices.has(id);
  clientIdsOf = async (): Promise<readonly string[]> => [];
  closeByCertificate = async (): Promise<number> => 0;
  closeByPrincipal = async (): Promise<number> => 0;
  closeClaimed = async (): Promise<number> => 0;
  closeIntroduced = async (): Promise<number> => 0;
  isConnected = async (): Promise<boolean> => false;
  under = async (): Promise<number> => 0;
  send: Sessions['send'] = async (id, topic, payload) => {
    const decoded = decodeDown(topic.split('/')[3] ?? '', payload);
    const device = this.devices.get(id);
    if (decoded.ok && device) setImmediate(() => void this.#answer(device, decoded.message));
    return 1;
  };

  async connect(device: BenchDevice, der: Uint8Array): Promise<void> {
    const facts = { presented: { der, issuers: () => [] }, clientId: device.id, remoteAddress: '127.0.0.1', root: 1 };
    const admission = await this.entrance?.admit(facts);
    if (!admission?.admitted) throw new Error(`${device.id} was refused`);
    if (device.session) this.entrance?.left(device.session, { cause: 'disconnected', silentMs: 0 });
    device.session = admission.session;
    this.entrance?.came(admission.session);
    this.entrance?.listening(admission.session, true);
  }

  async #answer(
    device: BenchDevice,
    message: ReturnType<typeof decodeDown> extends infer D
      ? D extends { ok: true; message: infer M }
        ? M
        : never
      : never,
  ): Promise<void> {
    const say = (up: Parameters<typeof encodeUp>[1]): Promise<void> | undefined =>
      device.session
        ? this.entrance?.receive(device.session, enrollmentTopic(device.id, up.word), encodeUp('json', up))
        : undefined;
    if (message.word === 'offer') await say({ word: 'csr', renewal: message.renewal, csr: device.csr });
    if (message.word === 'cert') {
      await say({ word: 'ack', renewal: message.renewal, status: 'installed' });
      const [leaf] = message.certificates;
      if (leaf) await this.connect(device, leaf);
    }
    if (message.word === 'done' && this.#confirmed.add(device.id).size === this.devices.size) this.onConfirmed();
  }
}

/** Gives a fleet its first certificates, and connects it. Side by side, so that commits gather. */
async function commission(app: App, devices: Devices): Promise<void> {
  const one = async (id: PrincipalId): Promise<void> => {
    await app.store.transact((tx) => tx.putPrincipal(principalRow(id)));
    const { certificate } = await issueDevice(app, id);
    const device = { id, csr: (await makeRequest(id)).csr, session: null };
    devices.devices.set(id, device);
    const entry = await app.store.read.certificate(certificate.fingerprint);
    if (entry) await devices.connect(device, entry.der);
  };
  const ids = Array.from({ length: renewals }, (_, i) => idOf(`device-${i}`));
  for (let from = 0; from < renewals; from += commissionedTogether) {
    await Promise.all(ids.slice(from, from + commissionedTogether).map(one));
  }
}

/** Renews a whole fleet, from due to retired. */
async function renewFleet(): Promise<{ perSecond: number; cpuMs: number }> {
  const devices = new Devices();
  const bench = await openBench(devices);
  const { app, clock } = bench;
  devices.entrance = entranceOf(app, new Seen(app));
  await commission(app, devices);
  clock.offset = 62 * day;
  const cpuBefore = process.cpuUsage();
  const started = performance.now();
  const allConfirmed = new Promise<void>((resolve) => {
    devices.onConfirmed = resolve;
  });
  await sweep(app);
  await allConfirmed;
  await bench.outbox.idle();
  clock.offset += 8 * day;
  await sweep(app);
  await bench.outbox.idle();
  const seconds = (performance.now() - started) / 1_000;
  const cpu = process.cpuUsage(cpuBefore);
  const { renewals: states } = await app.store.read.counts();
  if (states['retired'] !== renewals) throw new Error(`only ${states['retired']} of ${renewals} were retired`);
  await bench.close();
  return { perSecond: renewals / seconds, cpuMs: (cpu.user + cpu.system) / 1_000 / renewals };
}

/** Whole renewals a second: due, offer, CSR, issue, delivery, ack, activation, confirmation, retirement. */
export async function wholeRenewals(): Promise<Figure> {
  // A broker runs for months: the first fleet only lets the code be compiled.
  await renewFleet();
  const fleets: { perSecond: number; cpuMs: number }[] = [];
  for (let round = 0; round < renewalRounds; round += 1) fleets.push(await renewFleet());
  const rate = median(fleets.map(({ perSecond }) => perSecond));
  const cpuMs = median(fleets.map((fleet) => fleet.cpuMs));
  return {
    name: 'whole renewals through the application',
    measured: `${rate.toFixed(0)} a second (${cpuMs.toFixed(2)} ms CPU each)`,
    goal: '>= 1000 a second',
    met: rate >= 1_000,
  };
}

async function sweepOnce(fleet: number): Promise<number> {
  const bench = await openBench(nobody);
  const { app } = bench;
  const now = app.clock.now();
  const perBatch = 1_000;
  for (let from = 0; from < fleet; from += perBatch) {
    await app.store.transact(async (tx) => {
      for (let i = from; i < from + perBatch; i += 1) {
        const id = idOf(`device-${i}`);
        await tx.putPrincipal(principalRow(id));
        await tx.putCertificate(certificateRow(id, now - 10 * day, now + 50 * day));
      }
    });
  }
  // A fleet is looked at once when it comes: what is measured is one that has been there.
  while ((await sweep(app)).watched > 0);
  const times: number[] = [];
  for (let round = 0; round < sweepRounds; round += 1) {
    await app.store.transact(async (tx) => {
      for (let i = 0; i < due; i += 1)
        await tx.putCertificate(certificateRow(idOf(`device-${round * due + i}`), now - 10 * day, now - 1));
    });
    const started = performance.now();
    const swept = await sweep(app);
    times.push(performance.now() - started);
    if (swept.due !== due) throw new Error(`${swept.due} were due`);
    await bench.outbox.idle();
  }
  await bench.close();
  return median(times);
}

/** The sweep's time with ten due: flat over the size of the fleet. */
export async function sweepTimes(): Promise<Figure[]> {
  const figures: Figure[] = [];
  let smallest = 0;
  for (const fleet of fleetSizes) {
    const ms = await sweepOnce(fleet);
    smallest ||= ms;
    figures.push({
      name: `sweep, ${due} due of ${fleet.toLocaleString('en')} devices`,
      measured: `${ms.toFixed(2)} ms`,
      goal: 'flat (within 2 x)',
      met: ms <= smallest * 2,
    });
  }
  return figures;
}
