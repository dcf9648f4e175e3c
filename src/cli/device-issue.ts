// nolapse device issue: a device's first certificate with its key, written where the operator says. The key is made for
// this once, lies in one file only its owner can read, and replaces none unless told to.
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { access, link, open, rename, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { OperationError } from '../app/operation-error.ts';
import { fileStem } from '../domain/escape.ts';
import { parsePrincipalId, principalIdRule } from '../domain/principal.ts';
import { makeFolder } from '../machine/folder.ts';
import { withReason } from './actor.ts';
import { type RsaBits, readKeyType } from './arguments.ts';
import { type CommonOptions, type Surroundings, withCommon, withOperations } from './invocation.ts';
import { answer, fields, moment } from './output.ts';

type IssueOptions = CommonOptions & { readonly out: string; readonly force?: boolean; readonly key?: RsaBits };

interface Target {
  readonly path: string;
  readonly mode: number;
  /** May it take the place of a file that is there? */
  readonly replace: boolean;
}

/** Writes the whole file or none of it, with its mode from the first byte on. */
async function writeWhole({ path, mode, replace }: Target, text: string): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  const handle = await open(temporary, 'wx', mode);
  try {
    try {
      await handle.chmod(mode);
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    // A link fails where a file is; a rename would replace it.
    await (replace ? rename(temporary, path) : link(temporary, path));
  } finally {
    await rm(temporary, { force: true });
  }
}

/** The certificate, which a client presents, apart from those above it, which the broker never asks for. */
function splitChain(pem: string): { leaf: string; chain: string } {
  const end = '-----END CERTIFICATE-----\n';
  const at = pem.indexOf(end) + end.length;
  return { leaf: pem.slice(0, at), chain: pem.slice(at) };
}

async function prepare(directory: string): Promise<void> {
  try {
    makeFolder(directory);
    await access(directory, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new OperationError('invalid', [
      `${directory} cannot be written to: ${(error as NodeJS.ErrnoException).code}`,
    ]);
  }
}

async function issue(surroundings: Surroundings, text: string, options: IssueOptions): Promise<void> {
  // Checked here too, before the id becomes part of a path.
  const id = parsePrincipalId(text);
  if (!id) throw new OperationError('invalid', [`${JSON.stringify(text.slice(0, 80))} is no id: ${principalIdRule}`]);
  const directory = resolve(options.out);
  const replace = options.force === true;
  const files = {
    certificate: join(directory, `${fileStem(id)}.crt`),
    chain: join(directory, `${fileStem(id)}-chain.crt`),
    key: join(directory, `${fileStem(id)}.key`),
    ca: join(directory, 'ca.crt'),
  };
  await prepare(directory);
  if (!replace && (await stat(files.key).catch(() => null))) {
    throw new OperationError('conflict', [`${files.key} is there already: --force replaces it`]);
  }
  const issued = await withOperations(surroundings, options, (each) => each.issueDevice({ id, rsaBits: options.key }));
  await writeWhole({ path: files.key, mode: 0o600, replace }, issued.keyPem);
  const { leaf, chain } = splitChain(issued.certificatePem);
  await writeWhole({ path: files.certificate, mode: 0o644, replace: true }, leaf);
  await writeWhole({ path: files.chain, mode: 0o644, replace: true }, chain);
  await writeWhole({ path: files.ca, mode: 0o644, replace: true }, issued.rootPem);
  const { certificate } = issued;
  answer(options.output, { id, files, certificate }, () =>
    fields([
      ['certificate', files.certificate],
      ['chain', files.chain],
      ['key', files.key],
      ['ca', files.ca],
      ['serial', certificate.serial],
      ['ends', moment(certificate.notAfter, Date.now())],
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
