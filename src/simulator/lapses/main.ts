// npm run simulate: how many certificates lapse in a fleet under three schedules, and how many had to. Prints two tables.
import process from 'node:process';
import { parseArgs } from 'node:util';
import { type SimulationResult, simulate } from './simulation.ts';

const limits = { devices: 10_000_000, years: 50, seed: 2 ** 31 - 1 };

function readOptions(): { devices: number; years: number; seed: number } {
  const { values } = parseArgs({
    options: {
      devices: { type: 'string', default: '100000' },
      years: { type: 'string', default: '5' },
      seed: { type: 'string', default: '1' },
    },
  });
  const whole = (name: keyof typeof limits): number => {
    const number = Number(values[name]);
    if (Number.isInteger(number) && number >= 1 && number <= limits[name]) return number;
    throw new Error(`--${name}: expected a whole number from 1 to ${limits[name]}`);
  };
  return { devices: whole('devices'), years: whole('years'), seed: whole('seed') };
}

const count = (value: number): string => value.toLocaleString('en');

function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  const pad = (cell: string, i: number): string =>
    i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0);
  return rows.map((row) => `${row.map(pad).join('  ')}\n`).join('');
}

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
  const options = readOptions();
  const began = performance.now();
  process.stdout.write(`${count(options.devices)} devices, ${options.years} years, seed ${options.seed}\n\n`);
  process.stdout.write(report(simulate(options), options.devices * options.years));
  process.stdout.write(`\n${((performance.now() - began) / 1_000).toFixed(0)} s\n`);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
