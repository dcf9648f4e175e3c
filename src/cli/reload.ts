// nolapse reload: has a running gateway read its policies anew, without a restart.
import type { Command } from 'commander';
import type { ReloadView } from '../app/operator/policy-views.ts';
import { type CommonOptions, type Surroundings, withCommon, withOperations } from './invocation.ts';
import { answer, plain } from './output.ts';

function words({ changed, atNextStart }: ReloadView): string {
  const policies =
    changed.length > 0 ? `policies that are others now: ${changed.join(', ')}` : 'no policy is another than before';
  const later = atNextStart.length > 0 ? [`from the next start on: ${atNextStart.join(', ')}`] : [];
  return [policies, ...later].map((line) => `${plain(line)}\n`).join('');
}

export function registerReload(program: Command, surroundings: Surroundings): void {
  withCommon(program.command('reload'))
    .description('have a running gateway read its classes and criticalities anew')
    .action(async (options: CommonOptions) => {
      const view = await withOperations(surroundings, options, (each) => each.reload());
      answer(options.output, view, () => words(view));
    });
}
