// Makes a home of a backup: everything is checked in a folder of its own within the home, and moved into place when all of it is right.
import { mkdir, mkdtemp, open, readdir, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { spareNumbers } from '../app/trust/issuing-numbers.ts';
import { slotsInUse } from '../app/trust/slots-in-use.ts';
import type { Manifest } from '../archive/manifest.ts';
import { extractLedger, openArchive } from '../archive/read.ts';
import { openIssuingCa } from '../authority/issuing-ca.ts';
import { type KeyFile, readKeyFile } from '../authority/key-pair.ts';
import { faultsOfIssuing } from '../authority/local.ts';
import { NolapseError } from '../domain/errors.ts';
import type { Store } from '../ports/store.ts';
import { openStore } from '../store/index.ts';
import { checkCopy } from '../store/sqlite/copy.ts';
import { migrations } from '../store/sqlite/migrations/index.ts';
import { ledgerFile, makeHome, pkiFolder } from './home-folder.ts';
import { type AppliedView, applyIssued } from './issued-apply.ts';

export interface RestoreView {
  readonly home: string;
  /** When the backup was made. */
  readonly madeAt: number;
  /** By which nolapse. */
  readonly version: string;
  /** In the ledger, by state. */
  readonly certificates: Readonly<Record<string, number>>;
  /** What the files of issued certificates brought; null: none was named. */
  readonly applied: AppliedView | null;
  /** What is wrong with issuing CAs that sign no more certificates. */
  readonly issuingFaults: readonly string[];
  /** The configuration of the backup was left out: there is one. */
  readonly keptConfiguration: boolean;
}

/** May be in a home that counts as empty: the configuration, and what a new file system has. */
const allowed = new Set(['nolapse.yaml', 'lost+found']);
const beginning = '.restoring-';

/** @throws NolapseError `home_not_empty`. */
async function requireEmpty(home: string): Promise<void> {
  const names = (await readdir(home)).filter((name) => !allowed.has(name));
  if (names.length === 0) return;
  const isLeft = names.every((name) => name.startsWith(beginning));
  const what = isLeft ? 'what is left of a restore that was cut off: remove it' : `${names.slice(0, 3).join(', ')}`;
  throw new NolapseError(
    'home_not_empty',
    `${home} is not empty: it has ${what}; a backup is restored into an empty home`,
  );
}

function requireKnownSchema(file: string, { ledger, version }: Manifest): void {
  const known = migrations.at(-1)?.version ?? 0;
  if (ledger.schema <= known) return;
  const detail = `${file}: made by nolapse ${version} with schema ${ledger.schema}, this nolapse knows ${known}: use that one, or a newer one`;
  throw new NolapseError('backup_newer', detail);
}

async function writeNew(path: string, content: Uint8Array, mode: number): Promise<void> {
  const handle = await open(path, 'wx', mode);
  try {
    await handle.chmod(mode);
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Everything of the backup, checked, as a home within this folder. */
async function unpack(file: string, manifest: Manifest, work: string, passphrase: string | undefined): Promise<void> {
  await mkdir(pkiFolder(work), { mode: 0o700 });
  for (const { name, mode, content } of manifest.files) {
    await writeNew(join(work, name), Buffer.from(content, 'base64'), mode);
  }
  // Before the ledger, which may be large: this is what most often fails.
  await requireKeys(pkiFolder(work), passphrase);
  await extractLedger(file, manifest, ledgerFile(work));
  const schema = checkCopy(ledgerFile(work));
  if (schema !== manifest.ledger.schema) {
    throw new NolapseError(
      'backup_unusable',
      `${file}: the ledger has schema ${schema}, not ${manifest.ledger.schema}`,
    );
  }
}

/** Opens the key of every issuing CA there is. Which of them signs is known once the ledger can be read. */
async function requireKeys(folder: string, passphrase: string | undefined): Promise<void> {
  const names = (await readdir(folder)).filter((name): name is KeyFile => /^issuing(-[1-9]\d*)?\.key$/.test(name));
  for (const name of names) readKeyFile(folder, name, passphrase);
}

/** What is wrong with issuing CAs that the home can do without. Fails as {@link openIssuingCa} of the one that signs. */
async function checkIssuing(store: Store, work: string, passphrase: string | undefined): Promise<string[]> {
  const slots = await store.read.issuingSlots();
  const used = await slotsInUse(store);
  // The one that signs first: it has to open. Those below a next root sign for nobody yet.
  const others = slots.filter(({ number }) => !used.some((slot) => slot.number === number));
  if (slots.length > 0) return faultsOfIssuing(pkiFolder(work), passphrase, [...used, ...others]);
  openIssuingCa(pkiFolder(work), passphrase);
  return [];
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  await handle.sync().finally(() => handle.close());
}

/** The ledger first: whatever is interrupted here is refused by every command, and by the next restore. */
async function moveInto(home: string, work: string): Promise<boolean> {
  await rename(ledgerFile(work), ledgerFile(home));
  await rename(pkiFolder(work), pkiFolder(home));
  const has = async (folder: string) => (await readdir(folder)).includes('nolapse.yaml');
  const isThere = await has(home);
  const isInBackup = await has(work);
  if (isInBackup && !isThere) await rename(join(work, 'nolapse.yaml'), join(home, 'nolapse.yaml'));
  await syncFolder(pkiFolder(home));
  await syncFolder(home);
  return isThere && isInBackup;
}

async function complete(
  store: Store,
  options: Parameters<typeof restoreHome>[0] & { readonly work: string; readonly madeAt: number },
) {
  const { issued = [], withGaps = false, crlShardBase, isElsewhere } = options;
  const under = { withGaps, crlShardBase, isElsewhere, now: Date.now() };
  const issuingFaults = await checkIssuing(store, options.work, options.passphrase);
  await store.transact((tx) => spareNumbers(tx, Date.now() - options.madeAt));
  const applied = issued.length === 0 ? null : await applyIssued(store, issued, under);
  const { certificates } = await store.read.counts();
  return { applied, certificates, issuingFaults };
}

/** What is said of a folder nobody shall look for is said of the home. */
function inWordsOf(home: string, work: string, error: unknown): unknown {
  if (!(error instanceof NolapseError)) return error;
  return new NolapseError(error.code, error.message.replaceAll(work, home), error);
}

/**
 * Restores `file` into `home`, which is made when it is not there. It is all done or nothing of it.
 * @throws NolapseError `backup_unusable`, `backup_newer`, `home_not_empty`, `home_failed`, `copy_failed`, and what {@link openIssuingCa} finds.
 */
export async function restoreHome(options: {
  readonly home: string;
  readonly file: string;
  readonly passphrase?: string;
  /** Files of issued certificates, the oldest first; none: what came after the backup stays unknown. */
  readonly issued?: readonly string[];
  /** Take over what there is of them although something is missing. */
  readonly withGaps?: boolean;
  /** What the URL of a shard of the revocation list begins with. */
  readonly crlShardBase: string;
  /** Does an authority elsewhere certify principals? It is owed word of what was revoked after the backup. */
  readonly isElsewhere: boolean;
}): Promise<RestoreView> {
  const { file, passphrase } = options;
  const home = resolve(options.home);
  const manifest = await openArchive(file);
  requireKnownSchema(file, manifest);
  makeHome(home);
  await requireEmpty(home);
  const work = await mkdtemp(join(home, beginning));
  try {
    await unpack(file, manifest, work, passphrase);
    const { store } = openStore(ledgerFile(work));
    const done = await complete(store, { ...options, work, madeAt: manifest.madeAt }).finally(() => store.close());
    const keptConfiguration = await moveInto(home, work);
    const issuingFaults = done.issuingFaults.map((fault) => fault.replaceAll(work, home));
    return { home, madeAt: manifest.madeAt, version: manifest.version, ...done, issuingFaults, keptConfiguration };
  } catch (error) {
    throw inWordsOf(home, work, error);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
