// nolapse trust ...: how the CAs of the home stand, and the steps in which one takes the place of another.
import { readFile, stat, writeFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { Argument, type Command, Option } from 'commander';
import { OperationError } from '../app/operation-error.ts';
import type { AskedStepView, IssuingSlotView } from '../app/views/trust.ts';
import { type AskedRootStep, askedRootSteps, type RootStep } from '../domain/trust-approval.ts';
import { derToPem } from '../pki/pem.ts';
import { withReason } from './actor.ts';
import { parseSequence, parseWhole } from './arguments.ts';
import { type CommonOptions, type Surroundings, withCommon, withOperations } from './invocation.ts';
import { answer, plain } from './output.ts';
import { compromised, registerCompromise } from './trust-compromise.ts';
import { areLists, installLists, registerTrustCrl } from './trust-crl.ts';
import { installCross, registerTrustCross } from './trust-cross.ts';
import { type BelowOption, belowOf, requireNoRoot, rootOption } from './trust-issuing.ts';
import { abortRoot, installRoot, prepareRoot, type RootOptions, releaseRoot, requireAbsent } from './trust-root.ts';
import {
  acceptingStep,
  distributeRoot,
  type ListFormat,
  listUnproved,
  type StepFiles,
  withdrawRoot,
} from './trust-root-steps.ts';
import { isWaiting, slotWords, statusWords } from './trust-status.ts';

/** Of a certificate with much to say, and of PEM beside it. */
const fileBytesMax = 49_152;

const which = (...cas: string[]) => new Argument('<ca>', 'which CA').choices(cas);

type Asked = { readonly done: IssuingSlotView } | { readonly asked: AskedStepView };

function askedWords(view: Asked, now: number): string {
  if ('done' in view) return slotWords(view.done, now);
  return `nothing has changed yet. To carry it out:\n  ${view.asked.release}\n`;
}

async function readGiven(path: string): Promise<{ name: string; base64: string }> {
  const found = await stat(path).catch(() => null);
  if (!found?.isFile()) throw new OperationError('invalid', [`${path}: is not a file`]);
  if (found.size > fileBytesMax) throw new OperationError('invalid', [`${path}: has more than ${fileBytesMax} bytes`]);
  return { name: basename(path), base64: (await readFile(path)).toString('base64') };
}

function registerPrepare(group: Command, surroundings: Surroundings): void {
  withReason(withCommon(group.command('prepare')))
    .description('prepare the next CA: made and signed here, or its key made here and a request for its certificate')
    .addArgument(which('issuing', 'root'))
    .option(
      '--request <file>',
      'write what is to be signed elsewhere: a PKCS#10 request, or the text of the step of a root',
    )
    .option('--elsewhere', 'the root itself is made elsewhere (root only)')
    .option(
      '--seal-with <file>',
      'with the passphrase for the withdrawal of the root; else one is made and printed (root only)',
    )
    .addOption(rootOption())
    .action(async (ca: string, { root, ...given }: CommonOptions & RootOptions & BelowOption) => {
      const below = belowOf(root);
      if (ca === 'root') {
        requireNoRoot(below);
        return prepareRoot(surroundings, given);
      }
      const { request: path, elsewhere, sealWith, ...options } = given;
      if (elsewhere || sealWith !== undefined) {
        throw new OperationError('invalid', ['--elsewhere and --seal-with go with a root']);
      }
      const file = path === undefined ? null : resolve(path);
      if (file !== null) await requireAbsent(file);
      const view = await withOperations(surroundings, options, (each) =>
        each.prepareIssuing(file === null ? below : { ...below, elsewhere: true }),
      );
      if (file !== null && view.request !== null) {
        await writeFile(file, derToPem(Buffer.from(view.request, 'base64'), 'CERTIFICATE REQUEST'), { flag: 'wx' });
      }
      answer(options.output, view, () => {
        const next = file === null ? 'nolapse trust activate issuing' : 'nolapse trust install FILE';
        const wrote = file === null ? '' : `the request is in ${plain(file)}\n`;
        return `${slotWords(view.slot, Date.now())}${wrote}next: nolapse backup FILE, and then ${next}\n`;
      });
    });
}

const acceptHelp =
  'ids, one a line, of those that are accepted although they have not connected under the root (root only)';

/** Without what was not given. */
function asGiven(files: { readonly [Name in keyof StepFiles]: string | undefined }): StepFiles {
  return Object.fromEntries(Object.entries(files).filter(([, value]) => value !== undefined));
}

function requireRootOptions(files: { readonly [Name in keyof StepFiles]?: string | undefined }): void {
  if (Object.values(files).every((value) => value === undefined)) return;
  throw new OperationError('invalid', ['--accept, --withdrawal and --open-with go with a root']);
}

function registerUnproved(group: Command, surroundings: Surroundings): void {
  const command = withCommon(group.command('unproved'));
  command.options.find(({ long }) => long === '--output')?.choices(['human', 'json', 'csv']);
  command
    .description('list by owner and site who has not connected under the new root, with what is left to do')
    .addArgument(which('root'))
    .action(async (_ca: string, options: Omit<CommonOptions, 'output'> & { readonly output: ListFormat }) =>
      listUnproved(surroundings, options),
    );
}

async function releaseIssuing(
  surroundings: Surroundings,
  { step, number, sha256 }: { readonly step: RootStep; readonly number: number; readonly sha256: string },
  { request, sealWith, accept, withdrawal, openWith, ...options }: CommonOptions & RootOptions & StepFiles,
): Promise<void> {
  if ((step !== 'activate' && step !== 'retire') || request !== undefined || sealWith !== undefined) {
    throw new OperationError('invalid', [`${step}, --request and --seal-with go with a root`]);
  }
  requireRootOptions({ accept, withdrawal, openWith });
  const view = await withOperations(surroundings, options, (each) => each.releaseIssuing({ step, number, sha256 }));
  answer(options.output, view, () => slotWords(view, Date.now()));
}

/** What is installed. */
const targets = ['root', 'issuing', 'crl', 'cross'] as const;
type Target = (typeof targets)[number];

/** Which of the CAs waits for what comes from elsewhere; `crl`: the list of a root. */
async function waiting(surroundings: Surroundings, options: CommonOptions): Promise<Target> {
  const { roots, issuing } = await withOperations(surroundings, options, (each) => each.trustStatus());
  const ofRoot = roots.awaited?.number;
  const isIssuing = issuing.slots.some(({ state, certificate, root }) => {
    return state === 'next' && certificate === null && root !== ofRoot;
  });
  const waits = {
    root: roots.awaited !== null,
    issuing: isIssuing,
    crl: roots.lists.some(({ isAsked }) => isAsked),
    cross: roots.isCrossAsked,
  };
  const [first = 'issuing', ...others] = targets.filter((each) => waits[each]);
  if (others.length === 0) return first;
  const all = [first, ...others].map((each) => `--for ${each}`).join(' or ');
  throw new OperationError('conflict', [`more than one waits for something: say ${all}`]);
}

/** The steps of a CA that is prepared. */
function registerSteps(group: Command, surroundings: Surroundings): void {
  withReason(withCommon(group.command('distribute')))
    .description('announce the next root to devices, once a backup has it and its port can be reached')
    .addArgument(which('root'))
    .action(async (_ca: string, options: CommonOptions) => distributeRoot(surroundings, options));
  registerUnproved(group, surroundings);
  withReason(withCommon(group.command('activate')))
    .description('have the next CA take over')
    .addArgument(which('issuing', 'root'))
    .option('--accept <file>', acceptHelp)
    .addOption(rootOption())
    .action(async (ca: string, { accept, root, ...options }: CommonOptions & StepFiles & BelowOption) => {
      const below = belowOf(root);
      if (ca === 'root') {
        requireNoRoot(below);
        return acceptingStep('activateRoot', surroundings, { ...options, ...asGiven({ accept }) });
      }
      requireRootOptions({ accept });
      const view = await withOperations(surroundings, options, (each) => each.activateIssuing(below));
      answer(options.output, view, () => askedWords(view, Date.now()));
    });
  withReason(withCommon(group.command('abort')))
    .description('give up the next CA')
    .addArgument(which('issuing', 'root'))
    .option('--withdrawal <file>', 'of a root that was distributed: its withdrawal, as it was sealed (root only)')
    .option('--open-with <file>', 'with the passphrase of the withdrawal (root only)')
    .addOption(rootOption())
    .action(async (ca: string, { withdrawal, openWith, root, ...options }: CommonOptions & StepFiles & BelowOption) => {
      const files = asGiven({ withdrawal, openWith });
      const below = belowOf(root);
      if (ca === 'root') {
        requireNoRoot(below);
        if (withdrawal === undefined && openWith === undefined) return abortRoot(surroundings, options);
        return withdrawRoot(surroundings, { ...options, ...files });
      }
      requireRootOptions(files);
      const view = await withOperations(surroundings, options, (each) => each.abortIssuing(below));
      answer(options.output, view, () => slotWords(view, Date.now()));
    });
  withReason(withCommon(group.command('retire')))
    .description('end a former CA that nobody needs any more')
    .addArgument(which('issuing', 'root'))
    .argument('[number]', 'which of the issuing CAs', parseWhole)
    .option('--accept <file>', acceptHelp)
    .action(async (ca: string, number: number | undefined, { accept, ...options }: CommonOptions & StepFiles) => {
      if (ca === 'root') {
        if (number !== undefined)
          throw new OperationError('invalid', ['the root that is retired is the former one: no number']);
        return acceptingStep('retireRoot', surroundings, { ...options, ...asGiven({ accept }) });
      }
      requireRootOptions({ accept });
      if (number === undefined)
        throw new OperationError('invalid', ['which issuing CA? nolapse trust retire issuing N']);
      const view = await withOperations(surroundings, options, (each) => each.retireIssuing({ number }));
      answer(options.output, view, () => askedWords(view, Date.now()));
    });
}

function registerRelease(group: Command, surroundings: Surroundings): void {
  withReason(withCommon(group.command('release')))
    .description('release a step that was asked for, where trust.approval wants that')
    .addArgument(new Argument('<step>').choices(askedRootSteps))
    .addArgument(which('issuing', 'root'))
    .argument('<number>', 'of the issuing CA, or the sequence of the root', parseSequence)
    .argument('<sha256>', 'of its certificate')
    .option('--request <file>', 'as with prepare')
    .option('--seal-with <file>', 'as with prepare')
    .option('--accept <file>', 'as with activate and retire')
    .option('--withdrawal <file>', 'as with abort')
    .option('--open-with <file>', 'as with abort')
    .action(
      (
        step: AskedRootStep,
        ca: string,
        number: number,
        sha256: string,
        given: CommonOptions & RootOptions & StepFiles,
      ) => {
        if (step === 'compromised') return compromised(surroundings, ca, given, { number, sha256 });
        if (ca === 'root') return releaseRoot(surroundings, { step, sequence: number, sha256 }, given);
        return releaseIssuing(surroundings, { step, number, sha256 }, given);
      },
    );
}

export function registerTrust(program: Command, surroundings: Surroundings): void {
  const group = program.command('trust').description('how the CAs stand, and how one takes the place of another');
  registerCompromise(group, surroundings);
  withCommon(group.command('status'))
    .description('show the CAs, what comes next and when')
    .action(async (options: CommonOptions) => {
      const view = await withOperations(surroundings, options, (each) => each.trustStatus());
      answer(options.output, view, () => statusWords(view, Date.now()));
      if (isWaiting(view)) process.exitCode = 1;
    });
  registerTrustCrl(group, surroundings);
  registerTrustCross(group, surroundings);
  registerPrepare(group, surroundings);
  withReason(withCommon(group.command('install')))
    .description('take what was made or signed elsewhere')
    .argument('<file...>', 'certificates or revocation lists in PEM or DER, or the signature of a root')
    .addOption(new Option('--for <what>', 'where more than one waits for something').choices([...targets]))
    .action(async (paths: string[], { for: ca, ...options }: CommonOptions & { readonly for?: Target }) => {
      const files = await Promise.all(paths.map(readGiven));
      const isOfLists = ca === undefined && (await areLists(files));
      const target = isOfLists ? 'crl' : (ca ?? (await waiting(surroundings, options)));
      if (target === 'crl') return installLists(surroundings, files, options);
      if (target === 'cross') return installCross(surroundings, files, options);
      if (target === 'root') return installRoot(surroundings, files, options);
      const view = await withOperations(surroundings, options, (each) => each.installIssuing({ files }));
      answer(options.output, view, () => slotWords(view, Date.now()));
    });
  registerSteps(group, surroundings);
  registerRelease(group, surroundings);
}
