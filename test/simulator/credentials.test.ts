import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CredentialStore, directoryCredentials, memoryCredentials } from '../../src/simulator/credentials.ts';

const credential = (name: string) => ({ certificatePem: name, keyPem: `${name} key`, renewal: name, retires: null });

let folder: string;
beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'nolapse-credentials-')), 'device');
});
afterEach(() => rm(join(folder, '..'), { recursive: true }));

const kinds: [string, () => Promise<CredentialStore>][] = [
  ['in memory', async () => memoryCredentials(null)],
  ['in a directory', () => directoryCredentials(folder)],
];

for (const [where, open] of kinds) {
  describe(`credentials ${where}`, () => {
    it('are empty at first, and hold what was written', async () => {
      const store = await open();
      expect(await store.read('current')).toBeNull();
      expect(await store.readPending()).toBeNull();
      await store.write('current', credential('old'));
      await store.write('next', { ...credential('new'), retires: 5 });
      expect(await store.read('current')).toEqual(credential('old'));
      expect(await store.read('next')).toEqual({ ...credential('new'), retires: 5 });
    });

    it('promote the replacement once, and nothing when there is none', async () => {
      const store = await open();
      await store.write('current', credential('old'));
      await store.promote();
      expect(await store.read('current')).toEqual(credential('old'));
      await store.write('next', credential('new'));
      await store.promote();
      await store.promote();
      expect(await store.read('current')).toEqual(credential('new'));
      expect(await store.read('next')).toBeNull();
    });

    it('keep a pending request until it is forgotten', async () => {
      const store = await open();
      const pending = { renewal: 'r', keyPem: 'key', csr: new Uint8Array([0x30, 0, 255]) };
      await store.writePending(pending);
      expect(await store.readPending()).toEqual(pending);
      await store.writePending(null);
      await store.writePending(null);
      expect(await store.readPending()).toBeNull();
    });

    it('keep what has been fetched until it is forgotten', async () => {
      const store = await open();
      const download = { renewal: 'r', total: 9, sha256: null, bytes: new Uint8Array([0x30, 0, 255]) };
      expect(await store.readDownload()).toBeNull();
      await store.writeDownload(download);
      expect(await store.readDownload()).toEqual(download);
      await store.writeDownload(null);
      await store.writeDownload(null);
      expect(await store.readDownload()).toBeNull();
    });
  });
}

describe('credentials in a directory', () => {
  it('are read by their owner alone', async () => {
    const store = await directoryCredentials(folder);
    await store.write('current', credential('old'));
    await store.writePending({ renewal: 'r', keyPem: 'key', csr: new Uint8Array(1) });
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    for (const name of await readdir(folder)) expect((await stat(join(folder, name))).mode & 0o777).toBe(0o600);
  });

  it('survive a write that power cut short', async () => {
    const store = await directoryCredentials(folder);
    await store.write('next', credential('new'));
    await writeFile(join(folder, 'next.json.new'), '{"certificateP', { mode: 0o644 });
    const again = await directoryCredentials(folder);
    expect(await again.read('next')).toEqual(credential('new'));
    await again.write('next', credential('newer'));
    expect(await again.read('next')).toEqual(credential('newer'));
    expect((await stat(join(folder, 'next.json'))).mode & 0o777).toBe(0o600);
  });
});
