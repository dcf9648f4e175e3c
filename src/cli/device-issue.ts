// nolapse device issue: a device's first certificate with its key, written where the operator says. The key is made for
// this once, lies in one file only its owner can read, and replaces none unless told to.
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { OperationError } from '../app/operation-error.ts';
import { fileStem } from '../domain/escape.ts';
import { parsePrincipalId, principalIdRule } from '../domain/principal.ts';
import { withReason } from './actor.ts';
import { type RsaBits, readKeyType } from './arguments.ts';
import { type CommonOptions, type Surroundings, withCommon, withOperations } from './invocation.ts';
import { issuedPaths, pathRows, prepareFolder, writeIssued } from './issued-files.ts';
import { answer, fields, moment } from './output.ts';

type IssueOptions = CommonOptions & { readonly out: string; readonly force?: boolean; readonly key?: RsaBits };

async function issue(surroundings: Surroundings, text: string, options: IssueOptions): Promise<void> {
  // Checked here too, before the id becomes part of a path.
  const id = parsePrincipalId(text);
  if (!id) throw new OperationError('invalid', [`${JSON.stringify(text.slice(0, 80))} is no id: ${principalIdRule}`]);
  const directory = resolve(options.out);
  const replace = options.force === true;
  const files = issuedPaths(directory, fileStem(id));
  await prepareFolder(directory);
  if (!replace && (await stat(files.key).catch(() => null))) {
    throw new OperationError('conflict', [`${files.key} is there already: --force replaces it`]);
  }
  const issued = await withOperations(surroundings, options, (each) => each.issueDevice({ id, rsaBits: options.key }));
  await writeIssued(files, issued, replace);
  const { certificate } = issued;
  answer(options.output, { id, files, certificate, ports: issued.ports }, () =>
    fields([
      ...pathRows(files),
      ['serial', certificate.serial],
      ['ends', moment(certificate.notAfter, Date.now())],
      // While roots roll over, not every port shows a chain that this device trusts.
      ...(issued.ports.length > 1 ? [['ports', issued.ports.map(({ port }) => port).join(', ')] as const] : []),
    ]),
  );
}

export function registerDeviceIssue(group: Command, surroundings: Surroundings): void {
  withReason(withCommon(group.command('issue')))
    .description(
      'issue a first certificate and key: writes <id>.crt, <id>-chain.crt, <id>.key and ca.crt; ":" and "@" are escaped',
    )
    .argument('<id>')
    .requiredOption('--out <dir>', 'where to write them')
    .option('--key <type>', 'an RSA key, such as rsa:2048, instead of P-256', readKeyType)
    .option('--force', 'replace a key that is there')
    .action((id: string, options: IssueOptions) => issue(surroundings, id, options));
}
