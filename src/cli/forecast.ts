// nolapse forecast: who is dark, who is expected to go dark, by when and why. Exit code 1 when there is anybody, or somebody never had a
// certificate.
import type { Command } from 'commander';
import type { DarkDevice, ForecastView } from '../app/views/forecast.ts';
import { formatDuration } from '../domain/time.ts';
import { parseWhole } from './arguments.ts';
import { apartOf, type CommonOptions, type Surroundings, withCommon, withLimit, withOperations } from './invocation.ts';
import { answer, cell, fields, fromNow, remark, time } from './output.ts';
import { cut, table } from './table.ts';

type ForecastOptions = CommonOptions & {
  readonly days?: number;
  readonly asOf?: string;
  readonly owner?: string;
  readonly site?: string;
  readonly limit: number;
};

const span = (ms: number | null): string => (ms === null ? '-' : formatDuration(ms));

function deviceRow(device: DarkDevice, now: number): string[] {
  const { id, owner, site, at, why, slackMs, awaySince } = device;
  const seen = awaySince === null ? 'here' : fromNow(awaySince, now);
  return [cell(id), cell(owner), cell(site), fromNow(at, now), why, span(slackMs), seen];
}

function words({ now, until, looked, dark, darkNow, without, groups, devices }: ForecastView): string {
  const counts = fields([
    [`certificates in use that end by ${time(until)}`, `${looked}`],
    ['devices expected to go dark', `${dark}`],
    ...(darkNow > 0 ? [['of these dark now', `${darkNow}`] as const] : []),
    ...(without > 0 ? [['devices that never had a certificate', `${without}`] as const] : []),
  ]);
  if (dark === 0) return counts;
  const groupRows = groups.map((each) => [
    cell(each.owner),
    cell(each.site),
    cell(each.dark),
    time(each.firstAt),
    fromNow(each.firstAt, now),
  ]);
  const headings = ['DEVICE', cut('OWNER'), cut('SITE'), 'DARK', 'WHY', 'SLACK', 'SEEN'];
  return [
    counts,
    table(['OWNER', 'SITE', 'DARK', 'FIRST', ''], groupRows),
    table(
      headings,
      devices.map((each) => deviceRow(each, now)),
    ),
  ].join('\n');
}

export function registerForecast(program: Command, surroundings: Surroundings): void {
  withLimit(withCommon(program.command('forecast')))
    .description('who is without a certificate or expected to be, by when and why')
    .option('--days <count>', 'how many days to look ahead (default: 90)', parseWhole)
    .option('--as-of <date>', 'by this date such as 2030-01-31 (UTC), instead')
    .option('--owner <owner>', 'only of this owner')
    .option('--site <site>', 'only of this site')
    .action(async (options: ForecastOptions) => {
      const { output, ...query } = apartOf(options);
      const view = await withOperations(surroundings, options, (each) => each.forecast(query));
      answer(output, view, () => words(view));
      if (view.devices.length < view.dark) remark(`only the first ${view.devices.length} devices are listed`);
      if (view.without > 0) remark('nolapse finding list --kind never_seen lists those that never had a certificate');
      if (view.dark > 0 || view.withoutDevices > 0) process.exitCode = 1;
    });
}
