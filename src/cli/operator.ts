// nolapse operator ...: who may use the HTTP API by a certificate. Only here, on the gateway itself, is one made.
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { OperationError } from '../app/operation-error.ts';
import { credentialNameRule, isCredentialName } from '../domain/api-credential.ts';
import { fileStem } from '../domain/escape.ts';
import { credentialFields, credentialTable, credentialText, type RightOptions, rightOf, withRight } from './access.ts';
import { withReason } from './actor.ts';
import {
  apartOf,
  type CommonOptions,
  remarkIfFull,
  type Surroundings,
  withCommon,
  withLimit,
  withOperations,
} from './invocation.ts';
import { prepareFolder, splitChain, writeWhole } from './issued-files.ts';
import { answer, answerList, fields } from './output.ts';

type AddOptions = RightOptions & { readonly out: string };
type ListOptions = CommonOptions & { readonly limit: number; readonly after?: string };

async function add(surroundings: Surroundings, name: string, options: AddOptions): Promise<void> {
  // Checked here too, before the name becomes part of a path.
  if (!isCredentialName(name)) throw new OperationError('invalid', [`name: ${credentialNameRule}`]);
  const directory = resolve(options.out);
  const stem = fileStem(name);
  const files = {
    certificate: join(directory, `${stem}.crt`),
    chain: join(directory, `${stem}-chain.crt`),
    key: join(directory, `${stem}.key`),
    ca: join(directory, 'ca.crt'),
  };
  await prepareFolder(directory);
  if (await stat(files.key).catch(() => null)) throw new OperationError('conflict', [`${files.key} is there already`]);
  const made = await withOperations(surroundings, options, (each) => each.addOperator({ name, ...rightOf(options) }));
  await writeWhole({ path: files.key, mode: 0o600, replace: false }, made.keyPem);
  const { leaf, chain } = splitChain(made.certificatePem);
  await writeWhole({ path: files.certificate, mode: 0o644, replace: true }, leaf);
  await writeWhole({ path: files.chain, mode: 0o644, replace: true }, chain);
  await writeWhole({ path: files.ca, mode: 0o644, replace: true }, made.rootPem);
  const { credential } = made;
  answer(options.output, { files, credential }, () =>
    fields([
      ...credentialFields(credential, Date.now()),
      ['certificate', files.certificate],
      ['chain', files.chain],
      ['key', files.key],
      ['ca', files.ca],
    ]),
  );
}

export function registerOperator(program: Command, surroundings: Surroundings): void {
  const group = program.command('operator').description('who may use the HTTP API by a certificate');
  withRight(withReason(withCommon(group.command('add'))))
    .description('make an operator: writes <name>.crt, <name>-chain.crt, <name>.key and ca.crt')
    .argument('<name>')
    .requiredOption('--out <dir>', 'where to write them')
    .action((name: string, options: AddOptions) => add(surroundings, name, options));
  withLimit(withCommon(group.command('list')))
    .description('list operators, ended and revoked ones too')
    .option('--after <id>', 'begin after this one')
    .action(async (options: ListOptions) => {
      const { output, ...query } = apartOf(options);
      const list = await withOperations(surroundings, options, (each) => each.listOperators(query));
      answerList(output, 'operators', list, () => credentialTable(list));
      remarkIfFull(list, options.limit, `go on with --after ${list.at(-1)?.id}`);
    });
  withReason(withCommon(group.command('revoke')))
    .description('revoke an operator, and with it the tokens that it made')
    .argument('<name>')
    .action(async (name: string, options: CommonOptions) => {
      const list = await withOperations(surroundings, options, (each) => each.revokeOperator({ name }));
      answer(options.output, list, () => list.map(credentialText).join('\n'));
    });
}
