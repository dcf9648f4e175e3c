// nolapse device package: what is carried to a device by hand, on a memory card or a laptop, in the files that the reference devices read.
// Nothing that is there is overwritten, and package.json is written last: with it the folder is whole.
import { createPrivateKey } from 'node:crypto';
import { constants } from 'node:fs';
import { access, mkdir, open, readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { OperationError } from '../app/operation-error.ts';
import type { PackageView } from '../app/views/package.ts';
import { fileStem } from '../domain/escape.ts';
import { parsePrincipalId, principalIdRule } from '../domain/principal.ts';
import { makeFolder } from '../machine/folder.ts';
import { derToPem, pemToDer } from '../pki/pem.ts';
import { withReason } from './actor.ts';
import { type RsaBits, readKeyType } from './arguments.ts';
import { type CommonOptions, type Surroundings, withCommon, withOperations } from './invocation.ts';
import { answer, fields, moment, remark } from './output.ts';

type PackageOptions = CommonOptions & {
  readonly out: string;
  readonly csr?: string;
  readonly newKey?: boolean;
  readonly key?: RsaBits;
};

/** Of a request in PEM with much around it. */
const csrFileBytesMax = 65_536;
const secret = 0o600;
const readable = 0o644;

interface PackedFile {
  readonly name: string;
  readonly bytes: string | Uint8Array;
  readonly mode: number;
}

async function readCsr(path: string): Promise<string> {
  const found = await stat(path).catch(() => null);
  if (!found?.isFile()) throw new OperationError('invalid', [`${path}: is not a file`]);
  if (found.size > csrFileBytesMax) {
    throw new OperationError('invalid', [`${path}: has more than ${csrFileBytesMax} bytes`]);
  }
  const bytes = await readFile(path);
  const isPem = bytes.includes('-----BEGIN ');
  const ders = isPem ? pemToDer(bytes.toString('latin1'), 'CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST') : [bytes];
  const [der, another] = ders ?? [];
  if (!der || another || der.length === 0) {
    throw new OperationError('invalid', [`${path}: is not one certificate request in PEM or DER`]);
  }
  return Buffer.from(der).toString('base64');
}

/** Makes the folder where there is none. One that has anything in it is refused: nobody could tell which file belongs to whom. */
async function requireEmpty(directory: string): Promise<void> {
  try {
    makeFolder(directory, 0o700);
    await access(directory, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new OperationError('invalid', [
      `${directory} cannot be written to: ${(error as NodeJS.ErrnoException).code}`,
    ]);
  }
  // A memory card has this folder of its file system's own.
  const found = (await readdir(directory)).filter((name) => name !== 'lost+found');
  if (found.length > 0) throw new OperationError('conflict', [`${directory} is not empty: name another folder`]);
}

const pem = (base64: string): string => derToPem(Buffer.from(base64, 'base64'), 'CERTIFICATE');

/** The key in DER as the devices in C and MicroPython read it: an EC key in its own form, others as PKCS#8. */
function keyDer(keyPem: string): Uint8Array {
  const key = createPrivateKey(keyPem);
  const type = key.asymmetricKeyType === 'ec' ? 'sec1' : 'pkcs8';
  return key.export({ type, format: 'der' });
}

/** What a program reads of the package, with its files by name. */
function manifestOf(view: PackageView, stem: string): object {
  const { certificate, roots, ports, madeAt } = view;
  return {
    id: view.id,
    clientId: view.clientId,
    madeAt: Math.floor(madeAt / 1_000),
    names: view.names,
    ports,
    roots: roots.map(({ number, state, fingerprint, notAfter }) => ({
      number,
      state,
      sha256: fingerprint,
      notAfter: Math.floor(notAfter / 1_000),
      pem: `roots/root-${number}.crt`,
      der: `der/root-${number}.der`,
    })),
    certificate: {
      serial: certificate.serial,
      sha256: certificate.fingerprint,
      keySha256: certificate.keyFingerprint,
      notBefore: Math.floor(certificate.notBefore / 1_000),
      notAfter: Math.floor(certificate.notAfter / 1_000),
      isNew: view.isNew,
      pem: `${stem}.crt`,
      der: 'der/slot0.der',
    },
    key: view.keyPem === null ? null : { pem: `${stem}.key`, der: 'der/key.der' },
  };
}

/** The files of the package in the order in which they are written: first what nobody else has, last what says that all are there. */
function filesOf(view: PackageView): PackedFile[] {
  const stem = fileStem(view.id);
  const [leaf = '', ...above] = view.chain;
  const der = (name: string, base64: string): PackedFile => ({
    name: `der/${name}.der`,
    bytes: Buffer.from(base64, 'base64'),
    mode: readable,
  });
  const text = (name: string, bytes: string): PackedFile => ({ name, bytes, mode: readable });
  const { keyPem, roots } = view;
  const [oldest] = roots;
  return [
    ...(keyPem === null
      ? []
      : [
          { name: `${stem}.key`, bytes: keyPem, mode: secret },
          { name: 'der/key.der', bytes: keyDer(keyPem), mode: secret },
        ]),
    text(`${stem}.crt`, pem(leaf)),
    text(`${stem}-chain.crt`, above.map(pem).join('')),
    text('ca.crt', roots.map(({ base64 }) => pem(base64)).join('')),
    ...roots.flatMap(({ number, base64 }) => [
      text(`roots/root-${number}.crt`, pem(base64)),
      der(`root-${number}`, base64),
    ]),
    der('slot0', leaf),
    ...(oldest ? [der('ca', oldest.base64)] : []),
    text('names', view.names.map((name) => `${name}\n`).join('')),
    text('ports', view.ports.map(({ port }) => `${port}\n`).join('')),
    text('time', `${Math.floor(view.madeAt / 1_000)}\n`),
    text('package.json', `${JSON.stringify(manifestOf(view, stem), null, 2)}\n`),
  ];
}

/** Writes a file that is not there, durably. @returns whether others than the owner can read it by its mode. */
async function writeNew(path: string, { bytes, mode }: PackedFile): Promise<boolean> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const handle = await open(path, 'wx', mode);
  try {
    await handle.writeFile(bytes);
    await handle.sync();
    return ((await handle.stat()).mode & 0o077) !== 0;
  } finally {
    await handle.close();
  }
}

async function writeAll(directory: string, files: readonly PackedFile[]): Promise<void> {
  for (const file of files) {
    const isOpen = await writeNew(join(directory, file.name), file);
    // A memory card with FAT keeps no modes.
    if (isOpen && file.mode === secret) {
      remark(`${join(directory, file.name)} can be read by others: its file system does not keep mode 0600`);
    }
  }
}

async function pack(surroundings: Surroundings, text: string, options: PackageOptions): Promise<void> {
  // Checked here too, before the id becomes part of a path.
  const id = parsePrincipalId(text);
  if (!id) throw new OperationError('invalid', [`${JSON.stringify(text.slice(0, 80))} is no id: ${principalIdRule}`]);
  const directory = resolve(options.out);
  const csr = options.csr === undefined ? undefined : await readCsr(resolve(options.csr));
  await requireEmpty(directory);
  const view = await withOperations(surroundings, options, (each) =>
    each.packageDevice({
      id,
      rsaBits: options.key,
      ...(csr !== undefined && { csr }),
      ...(options.newKey === true && { newKey: true }),
    }),
  );
  const files = filesOf(view);
  await writeAll(directory, files);
  const { certificate, roots, ports, names, isNew, keyPem } = view;
  answer(options.output, { directory, files: files.map(({ name }) => name), ...manifestOf(view, fileStem(id)) }, () =>
    fields([
      ['folder', directory],
      ['certificate', isNew ? 'issued now' : 'the one in use'],
      ['serial', certificate.serial],
      ['ends', moment(certificate.notAfter, Date.now())],
      ['key', keyPem === null ? 'the device has it' : 'made now, in the folder'],
      ['roots', roots.map(({ number, state }) => `${number} (${state})`).join(', ')],
      ['ports', ports.map(({ port }) => port).join(', ')],
      ['names', names.join(', ')],
    ]),
  );
}

export function registerDevicePackage(group: Command, surroundings: Surroundings): void {
  withReason(withCommon(group.command('package')))
    .description('write what is carried to a device by hand: its certificate, the roots to trust, the ports and names')
    .argument('<id>')
    .requiredOption('--out <dir>', 'an empty folder, or one that is not there')
    .option('--csr <file>', 'issue a certificate for the key of this request, in PEM or DER')
    .option('--new-key', 'issue a certificate over a key that is made here, though one is in use')
    .option('--key <type>', 'the same with an RSA key, such as rsa:2048', readKeyType)
    .action((id: string, options: PackageOptions) => pack(surroundings, id, options));
}
