// Has the policies take effect as the configuration says them now, while the gateway serves: all of them, or with one fault none. The
// due dates that follow from them are reckoned anew beside it.
import { isDeepStrictEqual } from 'node:util';
import type { PolicySet } from '../../domain/policy-set.ts';
import { criticalities } from '../../domain/principal.ts';
import type { App } from '../context.ts';
import { OperationError } from '../operations.ts';
import type { ReloadView } from './policy-views.ts';

/** Reads the configuration. Throws an OperationError `invalid` with every fault. */
export type Reread = () => { readonly policies: PolicySet; readonly atNextStart: readonly string[] };

/** Rejects with `invalid`, or with `conflict` where there is nothing to reload. */
export async function reload(app: App, reread: Reread | null): Promise<ReloadView> {
  if (!reread)
    throw new OperationError('conflict', ['no gateway runs here: it reads its configuration when it starts']);
  const { policies, atNextStart } = readOrTell(app, reread);
  const changed = differing(app.policies.set, policies);
  app.policies.replace(policies);
  const later = atNextStart.length > 0 ? `; from the next start on: ${atNextStart.join(', ')}` : '';
  app.journal.tell({
    action: 'policy.reloaded',
    message: `the policies were read anew: ${changed.length > 0 ? changed.join(', ') : 'none is another'}${later}`,
    fields: { 'nolapse.changed': changed, 'nolapse.at_next_start': atNextStart },
  });
  return { changed, atNextStart };
}

function readOrTell(app: App, reread: Reread): ReturnType<Reread> {
  try {
    return reread();
  } catch (error) {
    const faults = error instanceof OperationError ? error.faults : ['it could not be read'];
    app.journal.tell({
      action: 'policy.refused',
      message: `the policies stay as they are, the configuration has faults: ${faults.join('; ')}`,
      fields: { 'nolapse.faults': faults },
    });
    throw error;
  }
}

function differing(before: PolicySet, after: PolicySet): string[] {
  const names = [...new Set([...before.keys(), ...after.keys()])];
  return names.flatMap((name) =>
    criticalities
      .filter((each) => !isDeepStrictEqual(before.get(name)?.[each].policy, after.get(name)?.[each].policy))
      .map((each) => `${name}/${each}`),
  );
}
