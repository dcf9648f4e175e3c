// nolapse cert import: certificates of another CA, from a file or a folder of files: all of them or none, or those without a fault.
// Private keys are never read on.
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type Command, Option } from 'commander';
import { OperationError } from '../app/operation-error.ts';
import type { ImportedView } from '../app/views/certificates.ts';
import { type PrincipalKind, principalKinds } from '../domain/principal.ts';
import { pemBlocks } from '../pki/pem.ts';
import type { CertificateMap } from './certificate-map.ts';
import { answerWords, type DryRunOptions, dryRunOf, withDryRun } from './dry-run.ts';
import { type InsistenceOptions, insistenceOf, withInsistence } from './insistence.ts';
import { type CommonOptions, type Surroundings, withCommon, withOperations } from './invocation.ts';
import { answer, plain, remark } from './output.ts';

const endings = ['.pem', '.crt', '.cer', '.cert', '.der', '.p7b', '.p7c'];

/** As RFC 7468 has it, and as old tools wrote it; then those of PKCS#7. */
const labels = ['CERTIFICATE', 'X509 CERTIFICATE', 'PKCS7', 'CMS'];

/** The object identifier that every PKCS#7 SignedData begins with, behind the heads of at most two elements. */
const signedData = Buffer.from('06092a864886f70d010702', 'hex');
const headsBytesMax = 12;

/** A certificate with its chain has some kilobytes. */
const fileBytesMax = 262_144;

interface Row {
  readonly file: string;
  /** Which certificate in the file, from 1 on; absent where it is the only one. */
  readonly block?: number;
  /** DER in base64, or what keeps it from being read. */
  readonly certificate?: string;
  readonly fault?: string;
  /** Whose it is by the map, and by which line of it. */
  readonly id?: string;
  readonly mapLine?: number;
}

/** What a file holds: certificates, and faults in their places. */
type Content = { readonly file: string; readonly ders: readonly (Uint8Array | null)[]; readonly fault: string | null };

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

const noCertificate = 'it contains something that is not a PEM certificate: a key, or a broken block';

async function contentOf(path: string): Promise<Content> {
  const file = basename(path);
  const broken = (fault: string): Content => ({ file, ders: [], fault });
  try {
    const found = await stat(path);
    // The reading of a pipe or a device may never end.
    if (!found.isFile()) return broken('it is not a file');
    if (found.size > fileBytesMax) return broken(`larger than ${fileBytesMax} bytes`);
    const bytes = await readFile(path);
    if (!bytes.includes('-----BEGIN')) return await unpacked({ file, ders: [bytes], fault: null });
    const { ders, stray } = pemBlocks(bytes.toString('latin1'), ...labels);
    return await unpacked({ file, ders, fault: stray || ders.length === 0 ? noCertificate : null });
  } catch (error) {
    return broken(`cannot be read: ${(error as NodeJS.ErrnoException).code ?? String(error)}`);
  }
}

/** A PKCS#7 message stands for the certificates in it. */
async function unpacked({ file, ders, fault }: Content): Promise<Content> {
  const isMessage = (der: Uint8Array | null): der is Uint8Array =>
    der !== null && Buffer.from(der.subarray(0, headsBytesMax + signedData.length)).includes(signedData);
  if (!ders.some(isMessage)) return { file, ders, fault };
  const { certificatesIn, CmsError } = await import('../pki/cms.ts');
  try {
    return { file, ders: ders.flatMap((der) => (isMessage(der) ? certificatesIn(der) : [der])), fault };
  } catch (error) {
    if (error instanceof CmsError) return { file, ders: [], fault: `it ${error.message}` };
    throw error;
  }
}

/** @param inPart of a file with a fault the rest is wanted, so that the place of the fault is of use. */
function rowsOf({ file, ders, fault }: Content, map: CertificateMap | null, inPart: boolean): Row[] {
  if (!inPart && ders.includes(null)) return [{ file, fault: noCertificate }];
  const rows = ders.map((der, at): Row => {
    const place = { file, ...(ders.length > 1 && { block: at + 1 }) };
    if (!der) return { ...place, fault: noCertificate };
    const mapped = map?.idFor(der) ?? null;
    if (mapped && 'fault' in mapped) return { ...place, fault: mapped.fault };
    return {
      ...place,
      certificate: Buffer.from(der).toString('base64'),
      ...(mapped && { id: mapped.id, mapLine: mapped.line }),
    };
  });
  return fault === null ? rows : [...rows, { file, fault }];
}

async function* linesOf(
  paths: readonly string[],
  map: CertificateMap | null,
  inPart: boolean,
): AsyncGenerator<Uint8Array> {
  for (const path of paths) {
    const rows = rowsOf(await contentOf(path), map, inPart);
    yield Buffer.from(rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  }
}

/** Unused rows of the map that are named. */
const unusedNamed = 20;

/** Reads the map, and every certificate once for it: a subject that several have is of no use. */
async function mapFor(file: string, paths: readonly string[]): Promise<CertificateMap> {
  const maps = await import('./certificate-map.ts');
  const map = await maps.CertificateMap.read(file);
  for (const path of paths) {
    for (const der of (await contentOf(path)).ders) if (der) map.note(der);
  }
  const unused = map.unused();
  for (const row of unused.slice(0, unusedNamed)) remark(row);
  if (unused.length > unusedNamed) remark(`and ${unused.length - unusedNamed} more rows that fit no certificate`);
  return map;
}

function wordsFor({ imported, known, notes = [], passedOver, faulty = [] }: ImportedView): string[] {
  const left = faulty.length > 0 ? `, ${faulty.length} left out` : '';
  const passed = passedOver ? `, ${passedOver.count} of CAs passed over` : '';
  const lines = [
    `${imported} imported, ${known} in the ledger already${left}${passed}`,
    ...notes,
    ...unrelatedIn(passedOver),
    ...faulty.map((each) => `left out: ${each}`),
  ];
  return lines.map(plain);
}

function unrelatedIn(passedOver: ImportedView['passedOver']): string[] {
  if (!passedOver || passedOver.unrelatedCount === 0) return [];
  const what = `certificates of CAs that issued none of the others: ${passedOver.unrelatedCount}; if one is a device's, name the device with --map`;
  return [what, ...passedOver.unrelated.map((each) => `passed over: ${each}`)];
}

interface ImportOptions extends CommonOptions, InsistenceOptions, DryRunOptions {
  readonly kind?: PrincipalKind;
  readonly map?: string;
  readonly skipFaulty?: true;
}

export function registerCertificateImport(group: Command, surroundings: Surroundings): void {
  withDryRun(withInsistence(withCommon(group.command('import'))))
    .description(
      'take over certificates that another CA issued; with a fault in any of them, none, and each fault is listed',
    )
    .argument('<path>', 'a file, PEM, DER or PKCS#7 (.p7b), or a folder of such files')
    .addOption(new Option('--kind <kind>', 'only of principals of this kind').choices(principalKinds))
    .option('--map <file>', 'CSV with the columns id, and fingerprint (SHA-256) or subject: whose each certificate is')
    .option('--skip-faulty', 'import those without a fault and list the others; exit code 1 if there are any')
    .action(async (path: string, options: ImportOptions) => {
      const { kind, map: mapFile, skipFaulty } = options;
      const paths = await filesAt(path);
      const map = mapFile === undefined ? null : await mapFor(mapFile, paths);
      const text = linesOf(paths, map, skipFaulty === true);
      const wanted = {
        ...(kind !== undefined && { kind }),
        ...(skipFaulty && { skipFaulty }),
        ...insistenceOf(options),
        ...dryRunOf(options),
      };
      const done = await withOperations(surroundings, options, (each) => each.importCertificates({ text, ...wanted }));
      answer(options.output, done, () => answerWords(wordsFor(done), done.dryRun));
      if (done.faulty) process.exitCode = 1;
    });
}
