// Prints what nolapse costs, in one run on this machine, beside the goals. It fails on errors, not on missed goals: machines
// differ, and a figure is for reading.
import { cpus } from 'node:os';
import { sweepTimes, wholeRenewals } from './application.ts';
import { delegatedBatch } from './delegated.ts';
import type { Figure } from './figure.ts';
import { comparePeers } from './peer.ts';

const figures: Figure[] = [
  ...(await comparePeers()),
  await wholeRenewals(),
  ...(await sweepTimes()),
  ...(await delegatedBatch()),
];
const width = Math.max(...figures.map(({ name }) => name.length));
const middle = Math.max(...figures.map(({ measured }) => measured.length));
console.log(`Node ${process.versions.node}, ${cpus().length} cores\n`);
for (const { name, measured, goal, met } of figures) {
  console.log(
    `${name.padEnd(width)}  ${measured.padEnd(middle)}  ${goal}  ${goal && (met ? 'met' : 'NOT MET')}`.trimEnd(),
  );
}
process.exit(0);
