// Operations on what opens the HTTP API: tokens and operators.
import { z } from 'zod';
import { namedMax, permissions } from '../../domain/access-right.ts';
import { addOperator, listOperators, revokeOperator } from '../access/operators.ts';
import { addToken, listTokens, revokeToken } from '../access/tokens.ts';
import { type OperationsOf, operation } from './operation.ts';
import { id, paged, pageOf, text } from './shapes.ts';

const names = z.array(text).max(namedMax).readonly().exactOptional();
const asked = { name: text, permission: z.enum(permissions), owners: names, sites: names, until: text };

export const access = {
  /** Also rejects with `forbidden` where it would be more than what asks for it. */
  addToken: operation(z.strictObject(asked), ({ app, caller }, input) => addToken(app, caller, input)),
  revokeToken: operation(z.strictObject({ id }), ({ app, caller }, input) => revokeToken(app, caller, input.id)),
  /** In order of id, ended and revoked ones too. */
  listTokens: operation(z.strictObject(paged), ({ app, caller }, { after, limit }) =>
    listTokens(app, caller, pageOf(after, limit)),
  ),
  addOperator: operation(z.strictObject(asked), ({ app }, input) => addOperator(app, input)),
  revokeOperator: operation(z.strictObject({ name: id }), ({ app }, input) => revokeOperator(app, input.name)),
  listOperators: operation(z.strictObject(paged), ({ app }, { after, limit }) =>
    listOperators(app, pageOf(after, limit)),
  ),
} satisfies OperationsOf<'access'>;
