// What `nolapse trust cross` does: the emergency means by which the first port shows the newer root's chain to devices that trust the older.
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { OperationError } from '../app/operation-error.ts';
import type { CrossRequestView, CrossView } from '../app/views/cross.ts';
import { parseDuration } from '../domain/time.ts';
import { withReason } from './actor.ts';
import { type CommonOptions, type Surroundings, withCommon, withOperations } from './invocation.ts';
import { answer, fields, moment, plain } from './output.ts';
import { requireAbsent } from './trust-root.ts';

type CrossOptions = CommonOptions & { readonly request?: string; readonly lifetime?: string; readonly drop?: true };

export function crossWords({ root, signer, notAfter, droppedAt, fingerprint }: CrossView): string {
  return fields([
    ['cross of root', String(root)],
    ['signed by root', String(signer)],
    ['ends', moment(notAfter, Date.now())],
    ['dropped', moment(droppedAt, Date.now())],
    ['SHA-256', fingerprint],
  ]);
}

function requestWords({ root, signer, notAfter, digest }: CrossRequestView, file: string): string {
  const rows: [string, string][] = [
    ['cross of root', String(root)],
    ['to be signed by', `root ${signer}`],
    ['ends', moment(notAfter, Date.now())],
    ['to be signed', plain(file)],
    ['where the key is', `openssl dgst -${digest} -sign root.key -out SIGNATURE FILE`],
  ];
  return `${fields(rows)}next: nolapse trust install --for cross SIGNATURE\n`;
}

function lifetimeOf(text: string | undefined): { lifetimeMs?: number } {
  if (text === undefined) return {};
  const lifetimeMs = parseDuration(text);
  if (lifetimeMs === null)
    throw new OperationError('invalid', [`--lifetime ${text}: not a duration such as 12h or 90d`]);
  return { lifetimeMs };
}

export function registerTrustCross(group: Command, surroundings: Surroundings): void {
  withReason(withCommon(group.command('cross')))
    .description('in an emergency: have the older root certify the newer one, and show that on the first port')
    .option('--lifetime <duration>', 'how long it lives; 90d, and no longer than either root')
    .option('--request <file>', "write the bytes that the older root's key has to sign, where that is elsewhere")
    .option('--drop', 'end the one that is in use')
    .action(async ({ request, lifetime, drop, ...options }: CrossOptions) => {
      if (drop && (request !== undefined || lifetime !== undefined)) {
        throw new OperationError('invalid', ['--drop goes with no other option']);
      }
      const file = request === undefined ? null : resolve(request);
      if (file !== null) {
        await requireAbsent(file);
        const view = await withOperations(surroundings, options, (each) => each.requestCross(lifetimeOf(lifetime)));
        await writeFile(file, Buffer.from(view.base64, 'base64'), { flag: 'wx' });
        return answer(options.output, view, () => requestWords(view, file));
      }
      const view = await withOperations(surroundings, options, (each) =>
        drop ? each.dropCross() : each.crossRoots(lifetimeOf(lifetime)),
      );
      answer(options.output, view, () => crossWords(view));
    });
}

export async function installCross(
  surroundings: Surroundings,
  files: readonly { readonly name: string; readonly base64: string }[],
  options: CommonOptions,
) {
  const view = await withOperations(surroundings, options, (each) => each.installCross({ files }));
  answer(options.output, view, () => crossWords(view));
}
