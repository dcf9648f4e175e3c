// Who else can reach into a home: folders that another user can write, and links that lead out of it. It reads what folders and links
// say, and opens nothing.
import { lstatSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { dirname, join, resolve, sep } from 'node:path';
import type { Exposure } from '../domain/machine.ts';

const othersWrite = 0o022;
const sticky = 0o1000;
/** Whom a user namespace does not know, the root of the machine for one. */
const unmapped = 65_534;

/** Of a home that is there. Where the system has no users: nothing. */
export function exposuresOf(home: string): Exposure[] {
  const folder = resolve(home);
  if (process.getuid === undefined || !lstatSync(folder, { throwIfNoEntry: false })) return [];
  const folders = [folder, join(folder, 'pki')].filter(isFolder);
  const written = folders.flatMap((each) => objectToFolder(each) ?? []);
  return [
    ...written.map((each): Exposure => ({ kind: 'written', ...each })),
    ...linksOf(folder).map((fault): Exposure => ({ kind: 'linked', fault })),
    ...folders.flatMap((each) => objectToAbove(each, folders)).map((fault): Exposure => ({ kind: 'above', fault })),
  ].filter(({ fault }, place, all) => all.findIndex((each) => each.fault === fault) === place);
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function isTrusted(uid: number): boolean {
  return uid === 0 || uid === process.geteuid?.();
}

function objectToFolder(path: string): Pick<Exposure, 'fault' | 'healed'> | null {
  const { uid, mode } = statSync(path);
  if (!isTrusted(uid)) return { fault: `${path} belongs to another user (${uid}): chown it, or run as that user` };
  if ((mode & othersWrite) === 0) return null;
  return {
    fault: `${path} can be written by others than its owner: see what is in it, then chmod 700 it`,
    healed: `${path} could be written by others than its owner until this start ended that: see what is in it`,
  };
}

/**
 * Whoever can write a folder above can rename what is in it, unless that is kept by the sticky bit.
 * @param own folders that are judged by themselves.
 */
function objectToAbove(path: string, own: readonly string[]): string[] {
  const faults: string[] = [];
  const judged = new Set(own.map((each) => realpathSync(each)));
  for (let above = dirname(realpathSync(path)); ; above = dirname(above)) {
    const { uid, mode } = statSync(above);
    const isWritten = (mode & othersWrite) !== 0 && (mode & sticky) === 0;
    if (!judged.has(above) && ((!isTrusted(uid) && uid !== unmapped) || isWritten)) {
      faults.push(`${above}, above the home, can be written by another user, who can put another folder in its place`);
    }
    if (above === dirname(above)) return faults;
  }
}

/** What is to be looked at in a home; what else somebody keeps there is none of ours. */
function placesIn(folder: string): string[] {
  const pki = join(folder, 'pki');
  const own = ['nolapse.db', 'nolapse.db-wal', 'control.sock'].map((name) => join(folder, name));
  return [folder, pki, ...own, ...(isFolder(pki) ? readdirSync(pki).map((name) => join(pki, name)) : [])];
}

function linksOf(folder: string): string[] {
  const links = placesIn(folder).filter((path) => lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink());
  return links.flatMap((path) => {
    const target = targetOf(path);
    // The home itself has no inside to stay in.
    const isInside = path !== folder && target?.startsWith(realpathSync(folder) + sep);
    return isInside ? [] : [`${path} is a link ${target === null ? 'to nowhere' : `to ${target}`}`];
  });
}

function targetOf(path: string): string | null {
  try {
    return realpathSync(path);
  } catch {
    return null;
  }
}
