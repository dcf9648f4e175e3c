// A million devices in one ledger: how long a sweep, a forecast, the difference to an inventory source, a look over the fleet and a
// change of policy take, and how much memory the process needs that does it. The ledger is made once; each measurement is a process of its own on it.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fsyncSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { issueDevice } from '../../src/app/inventory/issue-device.ts';
import { loadConfig } from '../../src/config/index.ts';
import { assemble, initHome, type Parts } from '../../src/home/home.ts';
import type { HomeOptions } from '../../src/home/options.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { nobody } from '../fakes/nobody.ts';
import type { Figure } from './figure.ts';
import { fillLedger } from './fleet.ts';
import { fillHistory, type HistoryWork, historyWork } from './history.ts';
import type { Hold } from './hold.ts';
import { plantConfig, writePlant } from './plant.ts';
import { idOf, principalRow } from './rows.ts';
import { plantDarkness, type StandingWork, standingWork } from './standing.ts';

const devices = 1_000_000;
/** What falls due in fourteen hours of such a fleet. */
const due = 10_000;
/** One device in a hundred is other in the source, and three of its rows cannot be taken where that is measured. */
const otherEach = 100;
const wrong = 3;

/** What a process of this measurement answers with. */
export interface Measured extends Hold {
  readonly seconds: number;
  readonly peakMib: number;
  /** What came of it, in words. */
  readonly outcome: string;
}

function optionsOf(home: string): HomeOptions {
  const config = loadConfig({ file: join(home, 'nolapse.yaml'), env: {} });
  return { home, config, log: createLog({ level: 'silent' }) };
}

export function openFleet(home: string): Promise<Parts> {
  return assemble(optionsOf(home), { tell: () => undefined }, nobody, 'use');
}

async function makeFleet(home: string): Promise<void> {
  writeFileSync(join(home, 'nolapse.yaml'), `http: { port: 0 }\n${plantConfig}`);
  await initHome(optionsOf(home));
  const parts = await openFleet(home);
  const { app } = parts;
  await app.store.transact((tx) => tx.putPrincipal(principalRow(idOf('template'))));
  const { certificate } = await issueDevice(app, idOf('template'));
  const real = await app.store.read.certificate(certificate.fingerprint);
  if (!real) throw new Error('no certificate was issued');
  fillLedger(parts, devices, due, real);
  parts.database.sqlite.exec("UPDATE principal SET source = 'plant'");
  await parts.outbox.close();
  await parts.app.store.close();
  // Else the first commit of a measurement waits for all of it to be on the disk.
  const file = openSync(join(home, 'nolapse.db'), 'r+');
  fsyncSync(file);
  closeSync(file);
}

type What = 'forecast' | 'sweep' | 'difference' | 'refusal' | 'look' | 'reckoning' | HistoryWork | StandingWork;

async function measure(home: string, what: What): Promise<Measured> {
  const child = fork(join(dirname(fileURLToPath(import.meta.url)), 'million-run.js'), [home, what]);
  const [measured] = (await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(() => {
      throw new Error(`the measurement of a ${what} ended without a figure`);
    }),
  ])) as [Measured];
  await once(child, 'exit');
  return measured;
}

function figure(name: string, { seconds, peakMib, heldMs, workedMs, outcome }: Measured): Figure {
  const worked = workedMs === null ? '' : ` (${workedMs.toFixed(0)} of work)`;
  const cost = `${seconds.toFixed(1)} s, ${peakMib.toFixed(0)} MiB at most, others wait ${heldMs.toFixed(0)} ms${worked} at most`;
  return {
    name: `${name} of ${devices.toLocaleString('en')} devices`,
    measured: `${cost}: ${outcome}`,
    goal: '',
    met: true,
  };
}

export async function millionDevices(): Promise<Figure[]> {
  const home = mkdtempSync(join(tmpdir(), 'nolapse-million-'));
  try {
    await makeFleet(home);
    // Those that change nothing first.
    writePlant(home, { devices, otherEach, wrong: 0 });
    const difference = await measure(home, 'difference');
    writePlant(home, { devices, otherEach: devices + 1, wrong });
    const refusal = await measure(home, 'refusal');
    const look = await measure(home, 'look');
    const forecast = await measure(home, 'forecast');
    const sweep = await measure(home, 'sweep');
    const reckoning = await measure(home, 'reckoning');
    return [
      figure('difference to a source', difference),
      figure('a source with three wrong rows', refusal),
      figure('a look over the fleet', look),
      figure('forecast for 90 days', forecast),
      figure(`sweep, ${due.toLocaleString('en')} due`, sweep),
      figure('due dates reckoned anew', reckoning),
    ];
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

/** The same fleet when all of it is dark: what it costs to know that, and to keep it known. */
export async function millionDark(): Promise<Figure[]> {
  const home = mkdtempSync(join(tmpdir(), 'nolapse-dark-'));
  try {
    await makeFleet(home);
    const parts = await openFleet(home);
    plantDarkness(parts, devices);
    await parts.outbox.close();
    await parts.app.store.close();
    const figures: Figure[] = [];
    for (const what of Object.keys(standingWork) as StandingWork[]) figures.push(await measureWork(home, what));
    return figures;
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

const measureWork = async (home: string, what: HistoryWork | StandingWork): Promise<Figure> =>
  figure(what, await measure(home, what));

/** The same fleet with what it has gathered over the years. */
export async function millionHistory(): Promise<Figure[]> {
  const home = mkdtempSync(join(tmpdir(), 'nolapse-history-'));
  try {
    await makeFleet(home);
    const parts = await openFleet(home);
    fillHistory(parts, devices);
    await parts.outbox.close();
    await parts.app.store.close();
    const figures: Figure[] = [];
    for (const what of Object.keys(historyWork) as HistoryWork[]) figures.push(await measureWork(home, what));
    return figures;
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}
