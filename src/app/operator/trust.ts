// Operations on the CAs of the home: how they stand, and the steps in which one takes the place of another.
import { z } from 'zod';
import { crossLifetimeMaxMs } from '../../domain/root-cross.ts';
import { askedRootSteps } from '../../domain/trust-approval.ts';
import { stepSequenceMax } from '../../domain/trust-step.ts';
import { acceptedMax } from '../../domain/unproved.ts';
import type { GivenFile } from '../../ports/issuing-cas.ts';
import type { GivenWithdrawal } from '../../ports/root-cas.ts';
import { askOrActivate, askOrRetire, releaseIssuing } from '../trust/approve-issuing.ts';
import { askOrPrepareRoot, askOrStepRoot, preparedView, releaseRoot, rootRequest } from '../trust/approve-root.ts';
import { preparations } from '../trust/asked-root.ts';
import { confirmBackup } from '../trust/confirm-backup.ts';
import { crossRoots, dropCross, installCross, requestCross } from '../trust/cross.ts';
import { abortIssuing, installIssuing, prepareIssuing } from '../trust/issuing-steps.ts';
import { installRootLists, requestRootList, rootListOf } from '../trust/root-lists.ts';
import { abortRoot, installRoot } from '../trust/root-steps.ts';
import { trustStatus } from '../trust/trust-status.ts';
import { listUnproved } from '../trust/unproved-list.ts';
import type { PreparedView } from '../views/trust.ts';
import type { RootView } from '../views/trust-roots.ts';
import { type OperationsOf, operation } from './operation.ts';
import { bounded, id, limitOf, nothing, text } from './shapes.ts';
import { compromise } from './trust-compromise.ts';

const number = z.int().min(1).max(999_999_999);
const filesMax = 8;
/** Of a certificate with much to say, and of PEM beside it. */
const base64Max = 65_536;

const given = z
  .array(z.strictObject({ name: text, base64: z.base64().max(base64Max) }))
  .min(1)
  .max(filesMax)
  .readonly();
const bytesOf = ({ name, base64 }: z.infer<typeof given>[number]): GivenFile => ({
  name,
  bytes: new Uint8Array(Buffer.from(base64, 'base64')),
});
const lifetime = z.strictObject({ lifetimeMs: z.int().min(60_000).max(crossLifetimeMaxMs).exactOptional() });
const whichRoot = z.strictObject({ root: number.exactOptional() });
const names = z.array(text).max(64).readonly();
const passphrase = z.string().min(16).max(256);
const accept = z.array(id).max(acceptedMax).readonly().exactOptional();
/** Absent passphrase: it is not sealed. */
const withdrawal = z.strictObject({
  name: text,
  base64: z.base64().max(base64Max),
  passphrase: z.string().min(1).max(256).exactOptional(),
});
const withdrawalOf = ({ passphrase: opens, ...file }: z.infer<typeof withdrawal>): GivenWithdrawal => ({
  ...bytesOf(file),
  passphrase: opens ?? null,
});
const place = z.strictObject({ last: z.int().min(0), id: text });

/** Which of the issuing CAs: absent, the next one below the present root. */
const below = z.strictObject({ root: number.exactOptional() });

export const trust = {
  ...compromise,
  trustStatus: operation(nothing, ({ app }) => trustStatus(app)),
  /** `elsewhere`: its certificate is to be signed with a key that is not in the home. `root`: absent, the present one. */
  prepareIssuing: operation(
    z.strictObject({ elsewhere: z.boolean().exactOptional(), root: number.exactOptional() }),
    async ({ app }, { elsewhere = false, root = null }): Promise<PreparedView> => {
      const slot = await prepareIssuing(app, elsewhere, root);
      return { slot, request: elsewhere ? Buffer.from(app.issuing.request(slot)).toString('base64') : null };
    },
  ),
  /** Files as they came back, PEM or DER, in any order. */
  installIssuing: operation(z.strictObject({ files: given }), ({ app }, { files }) =>
    installIssuing(app, files.map(bytesOf)),
  ),
  prepareRoot: operation(
    z.strictObject({ preparation: z.enum(preparations), passphrase: passphrase.exactOptional() }),
    ({ app }, input) => askOrPrepareRoot(app, input),
  ),
  installRoot: operation(z.strictObject({ files: given }), async ({ app }, { files }) =>
    preparedView(app, await installRoot(app, files.map(bytesOf))),
  ),
  distributeRoot: operation(nothing, ({ app }) => askOrStepRoot(app, 'distribute', {})),
  /** `accept`: ids of principals that are accepted although they stand in the way. */
  activateRoot: operation(z.strictObject({ accept }), ({ app }, input) => askOrStepRoot(app, 'activate', input)),
  retireRoot: operation(z.strictObject({ accept }), ({ app }, input) => askOrStepRoot(app, 'retire', input)),
  /** Before anybody was told of it. */
  abortRoot: operation(nothing, async ({ app }) => ({ number: await abortRoot(app) })),
  /** Afterwards: `withdrawal` as it was sealed, with the passphrase that opens it. */
  withdrawRoot: operation(z.strictObject({ withdrawal }), ({ app }, input) =>
    askOrStepRoot(app, 'abort', { withdrawal: withdrawalOf(input.withdrawal) }),
  ),
  releaseRoot: operation(
    z.strictObject({
      step: z.enum(askedRootSteps),
      sequence: z.int().min(1).max(stepSequenceMax),
      sha256: text,
      passphrase: passphrase.exactOptional(),
      accept,
      withdrawal: withdrawal.exactOptional(),
    }),
    ({ app }, { withdrawal: sealed, ...input }) =>
      releaseRoot(app, { ...input, ...(sealed && { withdrawal: withdrawalOf(sealed) }) }),
  ),
  /** Those that have to prove the next root, or the present one while a former one is served, and did not. */
  listUnproved: operation(z.strictObject({ after: place.exactOptional(), ...bounded }), ({ app }, { after, limit }) =>
    listUnproved(app, after ?? null, limitOf(limit)),
  ),
  rootRequest: operation(nothing, ({ app }) => rootRequest(app)),
  /** Emergency means: the older root certifies the newer one, which the first port then shows. */
  crossRoots: operation(lifetime, ({ app }, { lifetimeMs }) => crossRoots(app, lifetimeMs)),
  requestCross: operation(lifetime, ({ app }, { lifetimeMs }) => requestCross(app, lifetimeMs)),
  installCross: operation(z.strictObject({ files: given }), ({ app }, { files }) =>
    installCross(app, files.map(bytesOf)),
  ),
  dropCross: operation(nothing, ({ app }) => dropCross(app)),
  /** The revocation list of a root, the current one unless another is named. */
  rootList: operation(whichRoot, ({ app }, { root }) => rootListOf(app, root)),
  requestRootList: operation(whichRoot, ({ app }, { root }) => requestRootList(app, root)),
  installRootLists: operation(z.strictObject({ files: given }), ({ app }, { files }) =>
    installRootLists(app, files.map(bytesOf)),
  ),
  /** Of a backup that was read back whole, `madeAt` in Unix milliseconds. */
  confirmBackup: operation(
    z.strictObject({ madeAt: z.int().min(0), files: names, certificates: names }),
    async ({ app }, input): Promise<{ root: RootView | null }> => ({ root: await confirmBackup(app, input) }),
  ),
  activateIssuing: operation(below, ({ app }, { root = null }) => askOrActivate(app, root)),
  abortIssuing: operation(below, ({ app }, { root = null }) => abortIssuing(app, root)),
  retireIssuing: operation(z.strictObject({ number }), ({ app }, input) => askOrRetire(app, input.number)),
  releaseIssuing: operation(
    z.strictObject({ step: z.enum(['activate', 'retire']), number, sha256: text }),
    ({ app }, { step, number: of, sha256 }) => releaseIssuing(app, step, of, sha256),
  ),
} satisfies OperationsOf<'trust'>;
