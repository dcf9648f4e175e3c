// nolapse init: makes a home, with its root, issuing CA, server certificate and empty CRL.
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { isServed } from '../http/control-client.ts';
import { flushed } from '../telemetry/flushed.ts';
import { readKeyType } from './arguments.ts';
import { type CommonOptions, commandLog, configOf, type Surroundings, withCommon } from './invocation.ts';
import { answer, remark } from './output.ts';

type InitOptions = CommonOptions & { readonly newLedger?: boolean; readonly key?: number };

export function registerInit(program: Command, surroundings: Surroundings): void {
  withCommon(program.command('init'))
    .description('make a home: ledger, certificate authority, server certificate, empty CRL')
    .option('--new-ledger', 'begin an empty ledger beside a PKI that is there: it knows no certificate issued before')
    .option('--key <type>', 'RSA keys for root, issuing CA and server, such as rsa:2048, instead of P-256', readKeyType)
    .action(async (options: InitOptions) => {
      const home = resolve(options.home);
      const config = await configOf(surroundings, options);
      const passphrase = surroundings.passphrase.read(remark);
      const log = await commandLog(surroundings);
      const { initHome } = await import('../home/home.ts');
      // Where a broker answers there is nothing to make, and its files are in use.
      const isRunning = await isServed(home);
      const { made, files } = isRunning
        ? { made: false, files: [] }
        : await initHome({
            home,
            config,
            log,
            newLedger: options.newLedger === true,
            ...(options.key !== undefined && { rsaBits: options.key }),
            ...(passphrase !== undefined && { passphrase }),
          }).finally(() => flushed(log));
      answer(options.output, { home, made, files }, () =>
        made
          ? `${home} is ready; it holds what must be backed up and kept secret:\n${files.map((file) => `  ${file}\n`).join('')}`
          : `${home} was made before; nothing to do\n`,
      );
    });
}
