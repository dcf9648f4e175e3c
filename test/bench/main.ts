// Prints what nolapse costs, in one run on this machine, beside the goals: everything, or what is named with --only. It fails on
// errors, not on missed goals: machines differ, and a figure is for reading. With --engines it does so on each of several lines of Node.
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { sweepTimes, wholeRenewals } from './application.ts';
import { underAttack } from './attacks/main.ts';
import { delegatedBatch } from './delegated.ts';
import { onEngines } from './engines.ts';
import type { Figure } from './figure.ts';
import { idleSessions } from './idle.ts';
import { millionDark, millionDevices, millionHistory } from './million.ts';
import { compareMosquitto } from './mosquitto.ts';
import { afterOutage } from './outage.ts';
import { comparePeers } from './peer.ts';
import { longList } from './revocations.ts';

const measurements: Readonly<Record<string, () => Promise<readonly Figure[]>>> = {
  peer: comparePeers,
  mosquitto: compareMosquitto,
  renewals: async () => [await wholeRenewals()],
  sweep: sweepTimes,
  crl: async () => [await longList()],
  delegated: delegatedBatch,
  outage: afterOutage,
  idle: idleSessions,
  attacks: underAttack,
  million: millionDevices,
  history: millionHistory,
  dark: millionDark,
};

function print(figures: readonly Figure[]): void {
  const width = Math.max(...figures.map(({ name }) => name.length));
  const middle = Math.max(...figures.filter(({ goal }) => goal).map(({ measured }) => measured.length), 0);
  for (const { name, measured, goal, met } of figures) {
    const verdict = goal && (met ? 'met' : 'NOT MET');
    console.log(`${name.padEnd(width)}  ${measured.padEnd(middle)}  ${goal}  ${verdict}`.trimEnd());
  }
}

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true, default: [] },
    /** Lines of Node, such as `20,26`. */
    engines: { type: 'string' },
    /** Where engines and copies of the checkout are put, and left. */
    folder: { type: 'string' },
    /** A file that the figures are written to as well. */
    json: { type: 'string' },
  },
});
const unknown = values.only.filter((name) => !Object.hasOwn(measurements, name));
if (unknown.length > 0) {
  console.error(`--only: no measurement ${unknown.join(', ')}; there are ${Object.keys(measurements).join(', ')}`);
  process.exit(2);
}
if (values.engines !== undefined) {
  const isWell = await onEngines(values.engines.split(','), values.only, values.folder);
  process.exit(isWell ? 0 : 1);
}
console.log(`Node ${process.versions.node}, ${cpus().length} cores\n`);
const figures: Figure[] = [];
for (const [name, measure] of Object.entries(measurements)) {
  if (values.only.length === 0 || values.only.includes(name)) figures.push(...(await measure()));
}
if (figures.length > 0) print(figures);
if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(figures));
process.exit(0);
