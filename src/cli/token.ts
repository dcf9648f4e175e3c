// nolapse token ...: what programs, and people without a certificate, open the HTTP API with.
import type { Command } from 'commander';
import { credentialText, type RightOptions, registerCredentialList, rightOf, withRight } from './access.ts';
import { withReason } from './actor.ts';
import { type CommonOptions, type Surroundings, withCommon, withOperations } from './invocation.ts';
import { answer, remark } from './output.ts';

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
  registerCredentialList(group, surroundings, { of: 'tokens', list: (each, query) => each.listTokens(query) });
  withReason(withCommon(group.command('revoke')))
    .description('revoke a token, and with it those that were made with it')
    .argument('<id>')
    .action(async (id: string, options: CommonOptions) => {
      const view = await withOperations(surroundings, options, (each) => each.revokeToken({ id }));
      answer(options.output, view, () => credentialText(view));
    });
}
