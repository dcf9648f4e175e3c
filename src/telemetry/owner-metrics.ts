// What is wrong by owner, in Prometheus' text format. Owners are people and teams: these lines are for the control socket alone, and never
// among the metrics that anybody may scrape. docs/operations.md lists them.
import { type ForeseenDays, foreseenDays } from '../domain/standing.ts';
import { type Instant, toSeconds } from '../domain/time.ts';

export interface OwnerFigures {
  readonly owner: string;
  readonly dark: number;
  readonly without: number;
  readonly nearestEndAt: Instant | null;
  readonly darkWithin: Readonly<Record<ForeseenDays, number>>;
}

/** Name and help of each. */
export const ownerMetricTable = {
  nolapse_owner_dark_now: 'Devices of an owner that are dark',
  nolapse_owner_dark_within: 'Devices of an owner that are dark within so many days',
  nolapse_owner_without_certificate: 'Devices of an owner that never had a certificate',
  nolapse_owner_nearest_not_after_seconds: 'Next end of a certificate of an owner within 90 days, in Unix seconds',
} as const;

/** As the text format has it: backslash, double quote and line feed are escaped. */
function label(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

export function ownerLines(owners: readonly OwnerFigures[]): string {
  const samples: Readonly<Record<keyof typeof ownerMetricTable, (each: OwnerFigures) => readonly string[]>> = {
    nolapse_owner_dark_now: ({ owner, dark }) => [`{owner="${label(owner)}"} ${dark}`],
    nolapse_owner_dark_within: ({ owner, darkWithin }) =>
      foreseenDays.map((days) => `{owner="${label(owner)}",days="${days}"} ${darkWithin[days]}`),
    nolapse_owner_without_certificate: ({ owner, without }) => [`{owner="${label(owner)}"} ${without}`],
    nolapse_owner_nearest_not_after_seconds: ({ owner, nearestEndAt }) =>
      nearestEndAt === null ? [] : [`{owner="${label(owner)}"} ${toSeconds(nearestEndAt)}`],
  };
  const names = Object.keys(ownerMetricTable) as (keyof typeof ownerMetricTable)[];
  const blocks = names.map((name) => {
    const lines = owners.flatMap(samples[name]).map((sample) => `${name}${sample}\n`);
    return `# HELP ${name} ${ownerMetricTable[name]}\n# TYPE ${name} gauge\n${lines.join('')}`;
  });
  return blocks.join('');
}
