// nolapse cert import: certificates of another CA, from a file or a folder of files, all of them or none. Private keys are never read
// on.
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type Command, Option } from 'commander';
import { OperationError } from '../app/operations.ts';
import { type PrincipalKind, principalKinds } from '../domain/principal.ts';
import { pemToDer } from '../pki/pem.ts';
import { type CommonOptions, type Surroundings, withCommon, withOperations } from './invocation.ts';
import { answer, remark } from './output.ts';

const endings = ['.pem', '.crt', '.cer', '.cert', '.der'];

/** A certificate with its chain has some kilobytes. */
const fileBytesMax = 262_144;

interface Row {
  readonly file: string;
  /** DER in base64, or what keeps it from being read. */
  readonly certificate?: string;
  readonly fault?: string;
}

async function filesAt(path: string): Promise<string[]> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw new OperationError('invalid', [`${path} cannot be read: ${error.code}`]);
  });
  if (!found.isDirectory()) return [path];
  const names = (await readdir(path)).sort();
  const fitting = names.filter((name) => endings.some((ending) => name.toLowerCase().endsWith(ending)));
  const others = names.length - fitting.length;
  if (others > 0)
    remark(`${others} entries of ${path} are left out: their names end with none of ${endings.join(' ')}`);
  if (fitting.length === 0)
    throw new OperationError('invalid', [`${path}: no file ends with any of ${endings.join(' ')}`]);
  return fitting.map((name) => join(path, name));
}

async function rowsOf(path: string): Promise<Row[]> {
  const file = basename(path);
  try {
    const found = await stat(path);
    // The reading of a pipe or a device may never end.
    if (!found.isFile()) return [{ file, fault: 'it is not a file' }];
    if (found.size > fileBytesMax) return [{ file, fault: `larger than ${fileBytesMax} bytes` }];
    const bytes = await readFile(path);
    const isPem = bytes.includes('-----BEGIN');
    const ders = isPem ? pemToDer(bytes.toString('latin1'), 'CERTIFICATE') : [bytes];
    if (!ders) return [{ file, fault: 'something in it is no PEM certificate: a key, or a broken block' }];
    return ders.map((der) => ({ file, certificate: Buffer.from(der).toString('base64') }));
  } catch (error) {
    return [{ file, fault: `cannot be read: ${(error as NodeJS.ErrnoException).code ?? String(error)}` }];
  }
}

async function* linesOf(paths: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const path of paths) {
    const rows = await rowsOf(path);
    yield Buffer.from(rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  }
}

export function registerCertificateImport(group: Command, surroundings: Surroundings): void {
  withCommon(group.command('import'))
    .description('take over certificates that another CA issued: all of them, or none and every fault by its file')
    .argument('<path>', 'a file, PEM or DER, or a folder of such files')
    .addOption(new Option('--kind <kind>', 'only of principals of this kind').choices(principalKinds))
    .action(async (path: string, options: CommonOptions & { readonly kind?: PrincipalKind }) => {
      const { kind } = options;
      const text = linesOf(await filesAt(path));
      const done = await withOperations(surroundings, options, (each) =>
        each.importCertificates({ text, ...(kind !== undefined && { kind }) }),
      );
      answer(options.output, done, () => `${done.imported} imported, ${done.known} in the ledger already\n`);
    });
}
