// Where a device keeps its certificate and key: `current`, what is known to work, and `next`, its replacement until that is
// known to work too. A slot is written whole or not at all, so that power may fail at any moment.
import { chmod, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Download } from './download.ts';

export type Slot = 'current' | 'next';

export interface Credential {
  /** PEM: the leaf, then its chain. */
  readonly certificatePem: string;
  /** PEM, PKCS#8. */
  readonly keyPem: string;
  /** The renewal it came from; null for the first one. */
  readonly renewal: string | null;
  /** Unix seconds from which the old certificate is no longer needed; null until the broker has said so. */
  readonly retires: number | null;
}

/** A key made for a renewal, and the request made with it: kept, so that a repeated offer gets the same bytes again. */
interface PendingRequest {
  readonly renewal: string;
  readonly keyPem: string;
  /** DER of the PKCS#10 request. */
  readonly csr: Uint8Array;
}

export interface CredentialStore {
  read(slot: Slot): Promise<Credential | null>;
  write(slot: Slot, credential: Credential): Promise<void>;
  /** `next` becomes `current`, and the old `current` is gone. Nothing happens when there is no `next`. */
  promote(): Promise<void>;
  readPending(): Promise<PendingRequest | null>;
  /** Null forgets it. */
  writePending(request: PendingRequest | null): Promise<void>;
  readDownload(): Promise<Download | null>;
  /** Null forgets it. */
  writeDownload(download: Download | null): Promise<void>;
}

/** Keeps credentials in memory, for fleets that live as long as their process. */
export function memoryCredentials(current: Credential | null): CredentialStore {
  const slots: Record<Slot, Credential | null> = { current, next: null };
  let pending: PendingRequest | null = null;
  let kept: Download | null = null;
  return {
    read: async (slot) => slots[slot],
    write: async (slot, credential) => {
      slots[slot] = credential;
    },
    promote: async () => {
      if (!slots.next) return;
      slots.current = slots.next;
      slots.next = null;
    },
    readPending: async () => pending,
    writePending: async (request) => {
      pending = request;
    },
    readDownload: async () => kept,
    writeDownload: async (download) => {
      kept = download;
    },
  };
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

async function readJson<T>(path: string): Promise<T | null> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as T;
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Writes beside the target, then renames over it: a reader finds the old content or the new, never a part. */
async function writeJson(folder: string, name: string, value: unknown): Promise<void> {
  const path = join(folder, name);
  const handle = await open(`${path}.new`, 'w', 0o600);
  try {
    // A file left behind by an earlier write keeps its own mode when it is opened.
    await handle.chmod(0o600);
    await handle.writeFile(JSON.stringify(value));
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(`${path}.new`, path);
  await syncFolder(folder);
}

/** JSON has no bytes. */
type Stored<T, Bytes extends keyof T> = Omit<T, Bytes> & Readonly<Record<Bytes, string>>;

const toText = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
const toBytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'));

/** Keeps credentials as files of mode 0600 in a folder of their own, which is made when it is not there. */
export async function directoryCredentials(folder: string): Promise<CredentialStore> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
  const pathOf = (slot: Slot): string => join(folder, `${slot}.json`);
  const keep = (name: string, value: unknown): Promise<void> =>
    value === null ? rm(join(folder, name), { force: true }) : writeJson(folder, name, value);
  return {
    read: (slot) => readJson<Credential>(pathOf(slot)),
    write: (slot, credential) => writeJson(folder, `${slot}.json`, credential),
    promote: async () => {
      try {
        await rename(pathOf('next'), pathOf('current'));
        await syncFolder(folder);
      } catch (error) {
        if (!isMissing(error)) throw error;
      }
    },
    readPending: async () => {
      const stored = await readJson<Stored<PendingRequest, 'csr'>>(join(folder, 'request.json'));
      return stored && { ...stored, csr: toBytes(stored.csr) };
    },
    writePending: (request) => keep('request.json', request && { ...request, csr: toText(request.csr) }),
    readDownload: async () => {
      const stored = await readJson<Stored<Download, 'bytes'>>(join(folder, 'download.json'));
      return stored && { ...stored, bytes: toBytes(stored.bytes) };
    },
    writeDownload: (download) => keep('download.json', download && { ...download, bytes: toText(download.bytes) }),
  };
}
