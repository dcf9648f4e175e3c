// Homes as `nolapse init` makes them. A worker makes each kind once and copies it afterwards: keys, certificates and the steps of
// the schema cost more than most tests.
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Config } from '../../src/config/index.ts';
import { initHome } from '../../src/home/home.ts';
import type { HomeOptions } from '../../src/home/options.ts';
import { createLog } from '../../src/telemetry/log.ts';

const folders = new Map<string, Promise<string>>();

async function make(config: Config): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'nolapse-made-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  await initHome({ home: folder, config, log: createLog({ level: 'silent' }) });
  return folder;
}

/** How far a test's clock may be from the system's where it begins with a home that was made before. */
const apartMsMax = 60_000;

/** What a home is to be made with, when not everything is as it is for most. */
export type Made = Pick<HomeOptions, 'clock' | 'throughAuthority' | 'rsaBits' | 'profiles'>;

/** Fills an empty folder with such a home. @returns false where a copy would not be the same: the home is then empty. */
export async function fillHome(
  home: string,
  config: Config,
  { clock, throughAuthority, rsaBits, profiles }: Made,
): Promise<boolean> {
  const apartMs = clock ? Math.abs(clock.now() - Date.now()) : 0;
  if (throughAuthority || rsaBits || profiles || config.issued.file !== null || apartMs > apartMsMax) return false;
  // What ends up in the certificates and in the first revocation list.
  const kind = JSON.stringify([config.server.names, config.http.publicUrl, config.crl]);
  const folder = folders.get(kind) ?? make(config);
  folders.set(kind, folder);
  cpSync(await folder, home, { recursive: true });
  return true;
}
