// npm run simulate:rollover: how many devices go dark when a root rolls over in each way, and how long proof takes. Prints two
// tables.
import process from 'node:process';
import { day } from '../lapses/world.ts';
import { count, readWholeNumbers, table } from '../report.ts';
import { type RolloverResult, simulateRollover } from './simulation.ts';

const days = (ms: number | null): string => (ms === null ? 'never' : (ms / day).toFixed(1));

function report({ ways, cadences }: RolloverResult): string {
  const outcomes = ways.map(({ name, dark, named, darkNamed }) => [name, count(dark), count(darkNamed), count(named)]);
  const proofs = cadences.map(({ name, devices, answering, ninetyNine, ninetyNineNine }) => [
    ...[name, count(devices), count(answering)],
    ...[ninetyNine, ninetyNineNine].map(days),
  ]);
  return [
    table([['the root rolls over by', 'go dark', 'of them named before', 'named in all'], ...outcomes]),
    'days until the next root is proved, of those that answer\n',
    table([['comes every', 'devices', 'answer', '99 %', '99.9 %'], ...proofs]),
  ].join('\n');
}

try {
  const options = readWholeNumbers({
    devices: { default: 100_000, most: 10_000_000 },
    years: { default: 5, most: 20 },
    seed: { default: 1, most: 2 ** 31 - 1 },
  });
  const began = performance.now();
  process.stdout.write(`${count(options.devices)} devices, ${options.years} years, seed ${options.seed}\n\n`);
  process.stdout.write(report(simulateRollover(options)));
  process.stdout.write(`\n${((performance.now() - began) / 1_000).toFixed(0)} s\n`);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
