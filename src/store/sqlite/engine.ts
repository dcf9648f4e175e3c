// Which SQLite driver is safe on which Node. Each version of better-sqlite3 ends the process on some line of Node: 12 aborts on
// Node 24 (nodejs/node 65446), 13 crashes on Node 20. What was not tested is refused, never tried.

/** The packages that carry a driver. `better-sqlite3-12` is an alias in node-20/package.json. */
export type DriverPackage = 'better-sqlite3' | 'better-sqlite3-12';

interface TestedLine {
  readonly major: number;
  /** The first minor version that serves. */
  readonly minor: number;
  readonly driver: DriverPackage;
}

/** The lines of Node that test/engines has tested. `engines` in package.json says the same. */
export const testedLines: readonly TestedLine[] = [
  { major: 20, minor: 19, driver: 'better-sqlite3-12' },
  // The prebuilt binaries of better-sqlite3 13 use version 10 of Node-API, which came with 22.14.
  { major: 22, minor: 14, driver: 'better-sqlite3' },
  { major: 24, minor: 0, driver: 'better-sqlite3' },
  { major: 26, minor: 0, driver: 'better-sqlite3' },
];

/** What became of an attempt to load a package. `broken` says why, in the loader's words. */
export type Loaded<Driver> = { readonly driver: Driver } | { readonly missing: true } | { readonly broken: string };

function supported(): string {
  const lines = testedLines.map(({ major, minor }) => (minor === 0 ? `${major}` : `${major} (from ${major}.${minor})`));
  return `${lines.slice(0, -1).join(', ')} or ${lines.at(-1)}`;
}

function refusalOf(version: string): string {
  return `nolapse is not tested on Node ${version}: run it with Node ${supported()}`;
}

/** @returns the line that refuses a Node which lacks what the code itself is written with; null for every other. */
export function tooOld(version: string): string | null {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const oldest = testedLines[0];
  const isOlder = oldest && (major < oldest.major || (major === oldest.major && minor < oldest.minor));
  return isOlder ? refusalOf(version) : null;
}

/**
 * Loads the driver that is safe on this Node, and no other.
 * @param version as in process.versions.node: `24.21.0`.
 * @returns the driver, or one line that says why there is none and what to do.
 */
export function chooseDriver<Driver>(
  version: string,
  load: (name: DriverPackage) => Loaded<Driver>,
): { readonly driver: Driver } | { readonly refusal: string } {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const line = testedLines.find((each) => each.major === major && minor >= each.minor);
  if (!line || version.includes('-')) {
    return { refusal: refusalOf(version) };
  }
  const loaded = load(line.driver);
  if ('driver' in loaded) return loaded;
  const fault =
    'missing' in loaded ? 'is not installed' : `does not load (${loaded.broken.replaceAll(/\s+/g, ' ').trim()})`;
  const compiler = major === 20 ? ', and have a C++ compiler, make and Python 3 ready' : '';
  return { refusal: `the SQLite driver for Node ${version} ${fault}: run "npm ci" again with this Node${compiler}` };
}
