// nolapse operator ...: who may use the HTTP API by a certificate. Only here, on the gateway itself, is one made.
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { OperationError } from '../app/operation-error.ts';
import { credentialNameRule, isCredentialName } from '../domain/api-credential.ts';
import { fileStem } from '../domain/escape.ts';
import {
  credentialFields,
  credentialText,
  type RightOptions,
  registerCredentialList,
  rightOf,
  withRight,
} from './access.ts';
import { withReason } from './actor.ts';
import { type CommonOptions, type Surroundings, withCommon, withOperations } from './invocation.ts';
import { issuedPaths, pathRows, prepareFolder, writeIssued } from './issued-files.ts';
import { answer, fields } from './output.ts';

type AddOptions = RightOptions & { readonly out: string };
async function add(surroundings: Surroundings, name: string, options: AddOptions): Promise<void> {
  // Checked here too, before the name becomes part of a path.
  if (!isCredentialName(name)) throw new OperationError('invalid', [`name: ${credentialNameRule}`]);
  const directory = resolve(options.out);
  const files = issuedPaths(directory, fileStem(name));
  await prepareFolder(directory);
  if (await stat(files.key).catch(() => null)) throw new OperationError('conflict', [`${files.key} is there already`]);
  const made = await withOperations(surroundings, options, (each) => each.addOperator({ name, ...rightOf(options) }));
  await writeIssued(files, made, false);
  const { credential } = made;
  answer(options.output, { files, credential }, () =>
    fields([...credentialFields(credential, Date.now()), ...pathRows(files)]),
  );
}

export function registerOperator(program: Command, surroundings: Surroundings): void {
  const group = program.command('operator').description('who may use the HTTP API by a certificate');
  withRight(withReason(withCommon(group.command('add'))))
    .description('make an operator: writes <name>.crt, <name>-chain.crt, <name>.key and ca.crt')
    .argument('<name>')
    .requiredOption('--out <dir>', 'where to write them')
    .action((name: string, options: AddOptions) => add(surroundings, name, options));
  registerCredentialList(group, surroundings, { of: 'operators', list: (each, query) => each.listOperators(query) });
  withReason(withCommon(group.command('revoke')))
    .description('revoke an operator, and with it the tokens that it made')
    .argument('<name>')
    .action(async (name: string, options: CommonOptions) => {
      const list = await withOperations(surroundings, options, (each) => each.revokeOperator({ name }));
      answer(options.output, list, () => list.map(credentialText).join('\n'));
    });
}
