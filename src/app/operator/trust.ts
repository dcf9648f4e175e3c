// Operations on the CAs of the home: how they stand, and the steps in which one takes the place of another.
import { z } from 'zod';
import { askOrActivate, askOrRetire, releaseIssuing } from '../trust/approve-issuing.ts';
import { abortIssuing, installIssuing, prepareIssuing } from '../trust/issuing-steps.ts';
import { trustStatus } from '../trust/trust-status.ts';
import type { PreparedView } from '../views/trust.ts';
import { type OperationsOf, operation } from './operation.ts';
import { nothing, text } from './shapes.ts';

const number = z.int().min(1).max(999_999_999);
const filesMax = 8;
/** Of a certificate with much to say, and of PEM beside it. */
const base64Max = 65_536;

export const trust = {
  trustStatus: operation(nothing, ({ app }) => trustStatus(app)),
  /** `elsewhere`: its certificate is to be signed with a key that is not in the home. */
  prepareIssuing: operation(
    z.strictObject({ elsewhere: z.boolean().exactOptional() }),
    async ({ app }, { elsewhere = false }): Promise<PreparedView> => {
      const slot = await prepareIssuing(app, elsewhere);
      return { slot, request: elsewhere ? Buffer.from(app.issuing.request(slot)).toString('base64') : null };
    },
  ),
  /** Files as they came back, PEM or DER, in any order. */
  installIssuing: operation(
    z.strictObject({
      files: z
        .array(z.strictObject({ name: text, base64: z.base64().max(base64Max) }))
        .min(1)
        .max(filesMax)
        .readonly(),
    }),
    ({ app }, { files }) =>
      installIssuing(
        app,
        files.map(({ name, base64 }) => ({ name, bytes: new Uint8Array(Buffer.from(base64, 'base64')) })),
      ),
  ),
  activateIssuing: operation(nothing, ({ app }) => askOrActivate(app)),
  abortIssuing: operation(nothing, ({ app }) => abortIssuing(app)),
  retireIssuing: operation(z.strictObject({ number }), ({ app }, input) => askOrRetire(app, input.number)),
  releaseIssuing: operation(
    z.strictObject({ step: z.enum(['activate', 'retire']), number, sha256: text }),
    ({ app }, { step, number: of, sha256 }) => releaseIssuing(app, step, of, sha256),
  ),
} satisfies OperationsOf<'trust'>;
