// nolapse token ...: what programs, and people without a certificate, open the HTTP API with.
import type { Command } from 'commander';
import { credentialTable, credentialText, type RightOptions, rightOf, withRight } from './access.ts';
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
import { answer, answerList, remark } from './output.ts';

type ListOptions = CommonOptions & { readonly limit: number; readonly after?: string };

export function registerToken(program: Command, surroundings: Surroundings): void {
  const group = program.command('token').description('tokens of the HTTP API');
  withRight(withReason(withCommon(group.command('add'))))
    .description('make a token: it is shown this once')
    .argument('<name>', 'what it is for')
    .action(async (name: string, options: RightOptions) => {
      const view = await withOperations(surroundings, options, (each) => each.addToken({ name, ...rightOf(options) }));
      if (options.output === 'human') remark('keep it now: it is not shown again');
      answer(options.output, view, () => `${credentialText(view.credential)}\n${view.token}\n`);
    });
  withLimit(withCommon(group.command('list')))
    .description('list tokens, ended and revoked ones too')
    .option('--after <id>', 'begin after this one')
    .action(async (options: ListOptions) => {
      const { output, ...query } = apartOf(options);
      const list = await withOperations(surroundings, options, (each) => each.listTokens(query));
      answerList(output, 'tokens', list, () => credentialTable(list));
      remarkIfFull(list, options.limit, `go on with --after ${list.at(-1)?.id}`);
    });
  withReason(withCommon(group.command('revoke')))
    .description('revoke a token, and with it those that were made with it')
    .argument('<id>')
    .action(async (id: string, options: CommonOptions) => {
      const view = await withOperations(surroundings, options, (each) => each.revokeToken({ id }));
      answer(options.output, view, () => credentialText(view));
    });
}
