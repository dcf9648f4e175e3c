// nolapse reload: has a running broker read its policies anew, without a restart, or shows what that would do. Exit code 1 where it
// was only shown, and would be refused.
import type { Command } from 'commander';
import { shortLines } from '../app/short-lines.ts';
import type { TollView } from '../app/views/decisions.ts';
import type { ReloadView } from '../app/views/policies.ts';
import { counted } from '../domain/counted.ts';
import { formatDuration } from '../domain/time.ts';
import { type InsistenceOptions, insistenceOf, withInsistence } from './insistence.ts';
import { type CommonOptions, type Surroundings, withCommon, withOperations } from './invocation.ts';
import { answer, plain } from './output.ts';

type ReloadOptions = CommonOptions & InsistenceOptions & { readonly dryRun?: boolean };

/** A small fleet renews less than once a day. */
function about(perDay: number): string {
  return perDay > 0 && perDay < 1 ? 'less than 1' : String(Math.ceil(perDay));
}

function tollWords({
  looked,
  earlier,
  later,
  unmoved,
  dueAtOnce,
  offersPerSecond,
  offersTakeMs,
  perDay,
  short,
  devices,
  reasons,
}: TollView) {
  const isTooMany = perDay.withIt > perDay.most && perDay.without <= perDay.most;
  const pace = `offers take ${formatDuration(offersTakeMs)} at ${offersPerSecond} a second`;
  return [
    `due dates: ${counted(looked, 'certificate')}, ${earlier} earlier, ${later} later, ${unmoved} unchanged`,
    `due at once: ${dueAtOnce}${dueAtOnce > 0 ? `; ${pace}` : ''}`,
    `renewals a day: ${about(perDay.without)} before, ${about(perDay.withIt)} with it; the rate limits allow ${perDay.most}${isTooMany ? ': too many' : ''}`,
    `too little time: ${short > 0 ? counted(short, 'certificate') : 'none'}`,
    ...shortLines(reasons, devices).map((line) => `  ${line}`),
  ];
}

function isObjectedTo(toll: TollView | null): boolean {
  return (toll?.objections.length ?? 0) > 0;
}

function words({ changed, atNextStart, applied, toll }: ReloadView): string {
  const policies = changed.length > 0 ? `changed policies: ${changed.join(', ')}` : 'no policy has changed';
  const later = atNextStart.length > 0 ? [`takes effect after a restart: ${atNextStart.join(', ')}`] : [];
  const refused = !applied && isObjectedTo(toll);
  const verdict = applied
    ? []
    : [refused ? 'not applied. To apply it anyway: `nolapse reload --force --reason TEXT`' : 'not applied: a dry run'];
  return [policies, ...(toll ? tollWords(toll) : []), ...later, ...verdict].map((line) => `${plain(line)}\n`).join('');
}

export function registerReload(program: Command, surroundings: Surroundings): void {
  withInsistence(withCommon(program.command('reload')))
    .description('have the running broker reload its classes and criticalities')
    .option('--dry-run', 'only show what would follow')
    .action(async (options: ReloadOptions) => {
      const request = { ...insistenceOf(options), ...(options.dryRun && { dryRun: true }) };
      const view = await withOperations(surroundings, options, (each) => each.reload(request));
      answer(options.output, view, () => words(view));
      if (!view.applied && isObjectedTo(view.toll) && !options.force) process.exitCode = 1;
    });
}
