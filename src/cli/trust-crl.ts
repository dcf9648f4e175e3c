// What `nolapse trust crl root` does: prints a root's revocation list, or writes what is to be signed for it elsewhere; and what of
// `nolapse trust install` is about such lists.
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Argument, type Command } from 'commander';
import type { RootListRequestView, RootListView } from '../app/views/root-lists.ts';
import { derToPem } from '../pki/pem.ts';
import { withReason } from './actor.ts';
import { parseWhole } from './arguments.ts';
import { type CommonOptions, type Surroundings, withCommon, withOperations } from './invocation.ts';
import { answer, fields, moment, plain, time } from './output.ts';
import { requireAbsent } from './trust-root.ts';

function listRows({ root, number, thisUpdate, nextUpdate, entries }: Omit<RootListView, 'base64'>): [string, string][] {
  return [
    ['root', String(root)],
    ['number', String(number)],
    ['entries', String(entries.length)],
    ['this update', time(thisUpdate)],
    ['next update', moment(nextUpdate, Date.now())],
  ];
}

function requestWords(view: RootListRequestView, file: string): string {
  const sign = `openssl dgst -${view.digest} -sign root.key -out SIGNATURE FILE`;
  const rows: [string, string][] = [...listRows(view), ['to be signed', plain(file)], ['where the key is', sign]];
  return `${fields(rows)}next: nolapse trust install SIGNATURE\n`;
}

type CrlOptions = CommonOptions & { readonly root?: number; readonly request?: string };

export function registerTrustCrl(group: Command, surroundings: Surroundings): void {
  withReason(withCommon(group.command('crl')))
    .description('print the revocation list of a root in PEM, or write what is to be signed for it elsewhere')
    .addArgument(new Argument('<ca>', 'which CA').choices(['root']))
    .option('--root <number>', 'of this root; the current one', parseWhole)
    .option('--request <file>', "write the bytes that the root's key has to sign, where that is elsewhere")
    .action(async (_ca: string, { root, request, ...options }: CrlOptions) => {
      const which = root === undefined ? {} : { root };
      if (request === undefined) {
        const view = await withOperations(surroundings, options, (each) => each.rootList(which));
        const pem = view && derToPem(Buffer.from(view.base64, 'base64'), 'X509 CRL');
        answer(options.output, view && { ...view, pem }, () =>
          view
            ? `${fields(listRows(view))}\n${pem}`
            : 'no list was signed yet: nolapse trust crl root --request FILE\n',
        );
        if (!view) process.exitCode = 1;
        return;
      }
      const file = resolve(request);
      await requireAbsent(file);
      const view = await withOperations(surroundings, options, (each) => each.requestRootList(which));
      await writeFile(file, Buffer.from(view.base64, 'base64'), { flag: 'wx' });
      answer(options.output, view, () => requestWords(view, file));
    });
}

interface Given {
  readonly name: string;
  readonly base64: string;
}

/** Are these revocation lists, and not certificates or signatures? */
export async function areLists(files: readonly Given[]): Promise<boolean> {
  const { looksLikeCrl } = await import('../pki/crl.ts');
  return files.every(({ base64 }) => {
    const bytes = Buffer.from(base64, 'base64');
    return bytes.includes('-----BEGIN X509 CRL-----') || looksLikeCrl(bytes);
  });
}

export async function installLists(surroundings: Surroundings, files: readonly Given[], options: CommonOptions) {
  const views = await withOperations(surroundings, options, (each) => each.installRootLists({ files }));
  answer(options.output, views, () => views.map((view) => fields(listRows(view))).join('\n'));
}
