// Operations for when the key of a CA is in wrong hands, or lost.
import { z } from 'zod';
import { stepSequenceMax } from '../../domain/trust-step.ts';
import { compromiseIssuing } from '../trust/compromise-issuing.ts';
import { compromiseRoot } from '../trust/compromise-root.ts';
import { listExposed } from '../trust/exposed-list.ts';
import { findRootKey, loseRootKey } from '../trust/lost-key.ts';
import { operation } from './operation.ts';
import { text } from './shapes.ts';

const number = z.int().min(1).max(999_999_999);
/** Each costs some reads. */
const exposedMax = 1_000;

const passphrase = z.string().min(16).max(256);

export const compromise = {
  /** `release`: the SHA-256 that was printed when it was asked for. `passphrase` seals the withdrawal of a root that is made now. */
  compromiseIssuing: operation(
    z.strictObject({
      number: number.exactOptional(),
      fresh: z.boolean().exactOptional(),
      passphrase,
      release: text.exactOptional(),
    }),
    ({ app }, input) => compromiseIssuing(app, input),
  ),
  compromiseRoot: operation(
    z.strictObject({
      root: number.exactOptional(),
      passphrase,
      release: z.strictObject({ sequence: z.int().min(1).max(stepSequenceMax), sha256: text }).exactOptional(),
    }),
    ({ app }, input) => compromiseRoot(app, input),
  ),
  /** Who still trusts a distrusted root. `after`: the place that the page before ended with. */
  listExposed: operation(
    z.strictObject({
      after: z.strictObject({ last: z.int().min(0), id: text }).exactOptional(),
      limit: z.int().min(1).max(exposedMax).exactOptional(),
    }),
    ({ app }, { after = null, limit = exposedMax }) => listExposed(app, after, limit),
  ),
  loseRootKey: operation(z.strictObject({ root: number.exactOptional() }), ({ app }, { root }) =>
    loseRootKey(app, root),
  ),
  findRootKey: operation(z.strictObject({ root: number.exactOptional() }), ({ app }, { root }) =>
    findRootKey(app, root),
  ),
};
