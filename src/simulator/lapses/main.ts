// npm run simulate: how many certificates lapse in a fleet under three schedules, and how many had to. Prints two tables.
import process from 'node:process';
import { count, readWholeNumbers, table } from '../report.ts';
import { type SimulationResult, simulate } from './simulation.ts';

function report({ schedules, cadences }: SimulationResult, deviceYears: number): string {
  const unavoidable = schedules.at(-1)?.lapses ?? 0;
  const outcomes = schedules.map(({ name, lapses, renewals }) => [
    name,
    count(lapses),
    count(lapses - unavoidable),
    (renewals / deviceYears).toFixed(2),
  ]);
  const names = schedules.map(({ name }) => name);
  return [
    table([['schedule', 'lapses', 'avoidable', 'renewals a device and year'], ...outcomes]),
    'lapses by how often a device comes\n',
    table([
      ['cadence', 'devices', ...names],
      ...cadences.map(({ name, devices, lapses }) => [name, count(devices), ...lapses.map(count)]),
    ]),
  ].join('\n');
}

try {
  const options = readWholeNumbers({
    devices: { default: 100_000, most: 10_000_000 },
    years: { default: 5, most: 50 },
    seed: { default: 1, most: 2 ** 31 - 1 },
  });
  const began = performance.now();
  process.stdout.write(`${count(options.devices)} devices, ${options.years} years, seed ${options.seed}\n\n`);
  process.stdout.write(report(simulate(options), options.devices * options.years));
  process.stdout.write(`\n${((performance.now() - began) / 1_000).toFixed(0)} s\n`);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
