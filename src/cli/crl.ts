// nolapse crl: the current revocation list.
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { derToPem } from '../pki/pem.ts';
import { parseWhole } from './arguments.ts';
import { type CommonOptions, type Surroundings, withCommon, withOperations } from './invocation.ts';
import { answer, fields, moment, time } from './output.ts';

export function registerCrl(program: Command, surroundings: Surroundings): void {
  withCommon(program.command('crl'))
    .description('print the current CRL in PEM, signed anew when something waits to be listed')
    .option('--issuer <number>', 'of this issuing CA; the one that signs now', parseWhole)
    .action(async ({ issuer, ...options }: CommonOptions & { readonly issuer?: number }) => {
      const { file, ...rest } = await withOperations(surroundings, options, (each) =>
        each.crl(issuer === undefined ? {} : { issuer }),
      );
      const crl = { ...rest, pem: derToPem(await readFile(file), 'X509 CRL') };
      answer(options.output, crl, () => {
        const head = fields([
          ['number', String(crl.number)],
          ['entries', String(crl.entries)],
          ['this update', time(crl.thisUpdate)],
          ['next update', moment(crl.nextUpdate, Date.now())],
        ]);
        return `${head}\n${crl.pem}`;
      });
    });
}
