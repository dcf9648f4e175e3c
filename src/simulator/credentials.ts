// Where a device keeps its certificate and key: `current`, what is known to work, and `next`, its replacement until that is
// known to work too. A slot is written whole or not at all, so that power may fail at any moment.
import { chmod, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

export type Slot = 'current' | 'next';

export interface Credential {
  /** PEM: the leaf, then its chain. */
  readonly certificatePem: string;
  /** PEM, PKCS#8. */
  readonly keyPem: string;
  /** The renewal it came from; null for the first one. */
  readonly renewal: string | null;
  /** Unix seconds from which the old certificate is no longer needed; null until the gateway has said so. */
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
}

/** Keeps credentials in memory, for fleets that live as long as their process. */
export function memoryCredentials(current: Credential | null): CredentialStore {
  const slots: Record<Slot, Credential | null> = { current, next: null };
  let pending: PendingRequest | null = null;
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

interface StoredPending {
  readonly renewal: string;
  readonly keyPem: string;
  readonly csr: string;
}

/** Keeps credentials as files of mode 0600 in a folder of their own, which is made when it is not there. */
export async function directoryCredentials(folder: string): Promise<CredentialStore> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
  const pathOf = (slot: Slot): string => join(folder, `${slot}.json`);
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
      const stored = await readJson<StoredPending>(join(folder, 'request.json'));
      return stored && { ...stored, csr: new Uint8Array(Buffer.from(stored.csr, 'base64')) };
    },
    writePending: async (request) => {
      if (!request) return rm(join(folder, 'request.json'), { force: true });
      const stored: StoredPending = { ...request, csr: Buffer.from(request.csr).toString('base64') };
      return writeJson(folder, 'request.json', stored);
    },
  };
}
