// What is refused to become a home: a backup that is not whole, not ours, or whose parts do not belong together. Nothing is left in the
// home then.
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { encodeManifest, lastLineBytes, type Manifest } from '../../src/archive/manifest.ts';
import { loadConfig } from '../../src/config/index.ts';
import { backUp } from '../../src/home/backup.ts';
import { initHome, openHome } from '../../src/home/home.ts';
import { restoreHome } from '../../src/home/restore.ts';
import { operated } from '../fakes/tester.ts';
import { recordingLog } from '../telemetry/recording-log.ts';

let folder: string;
let made: string;
let file: string;
let other: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'nolapse-backup-'));
  made = join(folder, 'made');
  const home = join(folder, 'home');
  const options = { home, config: loadConfig({ env: {} }), log: recordingLog().log };
  await initHome(options);
  const { operations, close } = operated(await openHome(options));
  await backUp({ home, file: made, replace: false, copyLedger: operations.copyLedger }).finally(close);
});
beforeEach(() => {
  file = join(folder, 'backup');
  other = join(folder, 'other');
  copyFileSync(made, file);
});
afterEach(() => rmSync(other, { recursive: true, force: true }));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const restore = (home = other) =>
  restoreHome({ home, file, crlShardBase: 'http://localhost/crl/', isElsewhere: false });

async function expectRefusal(words: RegExp): Promise<void> {
  await expect(restore()).rejects.toThrow(words);
  expect(existsSync(other) ? readdirSync(other) : []).toEqual([]);
}

/** Takes a backup apart and puts it together with digests that fit. */
function rewrite(change: (manifest: Manifest, ledger: Buffer) => Buffer | undefined): void {
  const bytes = readFileSync(file);
  const [, length = ''] = /^nolapse-backup 1 (\d+)/.exec(bytes.subarray(-lastLineBytes).toString()) ?? [];
  const beginsAt = bytes.length - lastLineBytes - Number(length);
  const manifest = JSON.parse(bytes.subarray(beginsAt, -lastLineBytes).toString()) as Manifest;
  const ledger = change(manifest, bytes.subarray(0, beginsAt)) ?? bytes.subarray(0, beginsAt);
  Object.assign(manifest.ledger, { bytes: ledger.length, sha256: sha256(ledger) });
  writeFileSync(file, Buffer.concat([ledger, encodeManifest(manifest)]));
}

describe('a restore', () => {
  const flip = (bytes: Buffer, at: number) => {
    bytes.writeUInt8((bytes.at(at) ?? 0) ^ 1, at < 0 ? bytes.length + at : at);
    return bytes;
  };
  it.each<[string, (bytes: Buffer) => Uint8Array, RegExp]>([
    ['is empty', () => Buffer.alloc(0), /no backup of nolapse/],
    ['was cut off', (bytes) => bytes.subarray(0, -1), /no backup of nolapse, or its end is missing/],
    ['was cut off in the ledger', (bytes) => bytes.subarray(0, 5_000), /no backup of nolapse, or its end is missing/],
    ['lacks its beginning', (bytes) => bytes.subarray(4_096), /the ledger in it has \d+ bytes instead of/],
    ['lacks all but its end', (bytes) => bytes.subarray(-500), /its beginning is missing/],
    ['has a wrong bit in the ledger', (bytes) => flip(bytes, 9_000), /the ledger in it is damaged/],
    ['has a wrong bit in the manifest', (bytes) => flip(bytes, -lastLineBytes - 300), /its manifest is damaged/],
    ['has a wrong bit in its last line', (bytes) => flip(bytes, -10), /its manifest is damaged|its end is missing/],
    ['is something else', () => Buffer.alloc(100_000, 'x'), /no backup of nolapse/],
  ])('refuses a file that %s, and says so', async (_what, change, words) => {
    writeFileSync(file, change(readFileSync(file)));
    await expectRefusal(words);
  });

  it.each<[string, (manifest: Manifest, ledger: Buffer) => Buffer | undefined, RegExp]>([
    [
      'a key that is not that of the certificate',
      ({ files }) => {
        const named = (name: string) => files.find((each) => each.name === name);
        const [issuing, root] = [named('pki/issuing.key'), named('pki/root.key')];
        if (issuing && root) Object.assign(issuing, { content: root.content, sha256: root.sha256 });
        return undefined;
      },
      /issuing\.key does not belong to issuing\.crt/,
    ],
    [
      'a name that leads out of the home',
      ({ files }) => void Object.assign(files[0] ?? {}, { name: 'pki/../../../evil.crt' }),
      /its manifest is not one this nolapse reads: files\.0\.name/,
    ],
    [
      'no issuing CA',
      ({ files }) => void files.splice(0, files.length),
      /issuing\.crt is missing|root\.crt is missing/,
    ],
    [
      'a newer schema',
      ({ ledger }) => void Object.assign(ledger, { schema: 9_999 }),
      /schema 9999, this nolapse knows/,
    ],
    ['a newer format', (manifest) => void Object.assign(manifest, { format: 2 }), /not one this nolapse reads: format/],
    ['a damaged ledger', (_manifest, ledger) => Buffer.from(ledger).fill(7, 4_096, 60_000), /it is damaged|malformed/],
    ['something else for a ledger', () => Buffer.alloc(8_192, 1), /not a database/],
  ])('refuses what has %s, though every digest fits', async (_what, change, words) => {
    rewrite(change);
    await expectRefusal(words);
    expect(existsSync(join(folder, 'evil.crt'))).toBe(false);
  });

  it('goes into an empty home alone, and leaves a configuration that is there', async () => {
    await expect(restore(join(folder, 'home'))).rejects.toThrow(/is not empty/);
    mkdirSync(other);
    writeFileSync(join(other, 'nolapse.yaml'), '{}\n');
    expect(await restore()).toMatchObject({ keptConfiguration: false });
    expect(readFileSync(join(other, 'nolapse.yaml'), 'utf8')).toBe('{}\n');
  });
});
