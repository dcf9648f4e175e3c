// Makes the package of a release: `node tools/pack.mjs [FOLDER]`, after `npm run build`. It stages what runs with a package.json
// of its own, writes the list of licences, and has npm pack that. It publishes nothing.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const shipped = ['dist', 'certs', 'docs', 'README.md', 'CHANGELOG.md', 'SECURITY.md', 'LICENSE'];
const licences = 'LICENSES.md';
/** Licences under which a dependency may be shipped. */
const allowed = new Set(['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'BlueOak-1.0.0', 'ISC', 'MIT']);

function readJson(path) {
  return JSON.parse(readFileSync(path, 'utf8'));
}

/** Every package that may be installed with this one, from the lock file, in the order of their names. */
function dependencies() {
  const entries = Object.entries(readJson('package-lock.json').packages);
  return entries
    .filter(([path, entry]) => path.startsWith('node_modules/') && !entry.dev && !entry.devOptional)
    .map(([path, entry]) => ({
      path,
      name: entry.name ?? path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length),
      version: entry.version,
      licence: entry.license,
    }))
    .filter(({ name }) => !name.startsWith('nolapse'))
    .sort((one, other) => one.name.localeCompare(other.name) || one.version.localeCompare(other.version));
}

function isFree(licence) {
  if (!licence) return false;
  const alternatives = licence.replace(/[()]/g, '').split(' OR ');
  return alternatives.some((each) => each.split(' AND ').every((part) => allowed.has(part)));
}

function textOf({ path }) {
  if (!existsSync(path)) return null;
  const file = readdirSync(path).find((name) => /^(licen[cs]e|copying)(\.(md|txt|apache.*|mit))?$/i.test(name));
  return file ? readFileSync(join(path, file), 'utf8').trim() : null;
}

function licencePage(all) {
  const rows = all.map(({ name, version, licence }) => `| ${name} | ${version} | ${licence} |`);
  const texts = all.flatMap((each) => {
    const text = textOf(each);
    return text ? [`## ${each.name} ${each.version}`, '', '````text', text, '````', ''] : [];
  });
  const head = [
    '# Licences',
    '',
    'Of the packages that are installed with nolapse. nolapse itself: Apache-2.0, see LICENSE.',
    '',
  ];
  return [...head, '| package | version | licence |', '|---|---|---|', ...rows, '', ...texts].join('\n');
}

/** What an installed package needs to know: no scripts, no tools, and both drivers, of which each Node loads its own. */
function packageOf(source) {
  const { name, version, description, license, type, engines, bin } = source;
  const { 'nolapse-node-20': _, ...drivers } = source.optionalDependencies;
  const forNode20 = readJson('src/store/sqlite/node-20/package.json').dependencies;
  const optional = { ...drivers, ...forNode20 };
  const files = [...shipped.filter((each) => each !== 'dist'), 'dist', licences];
  return {
    name,
    version,
    description,
    license,
    type,
    engines,
    bin,
    files,
    dependencies: source.dependencies,
    optionalDependencies: optional,
  };
}

function pack(target) {
  const all = dependencies();
  const refused = all.filter(({ licence }) => !isFree(licence));
  if (refused.length > 0) {
    throw new Error(`may not be shipped: ${refused.map(({ name, licence }) => `${name} (${licence})`).join(', ')}`);
  }
  if (!existsSync('dist/main.js')) throw new Error('there is no dist/main.js: npm run build');
  mkdirSync(target, { recursive: true });
  const stage = mkdtempSync(join(tmpdir(), 'nolapse-pack-'));
  try {
    for (const each of shipped) cpSync(each, join(stage, each), { recursive: true });
    chmodSync(join(stage, 'dist/main.js'), 0o755);
    writeFileSync(join(stage, 'package.json'), `${JSON.stringify(packageOf(readJson('package.json')), null, 2)}\n`);
    writeFileSync(join(stage, licences), licencePage(all));
    const run = spawnSync('npm', ['pack', '--json', '--pack-destination', target], { cwd: stage, encoding: 'utf8' });
    if (run.status !== 0) throw new Error(run.stderr);
    const packed = JSON.parse(run.stdout);
    const [{ filename, integrity }] = Array.isArray(packed) ? packed : Object.values(packed);
    return { file: join(target, filename), integrity };
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
}

try {
  const { file, integrity } = pack(resolve(process.argv[2] ?? '.'));
  process.stdout.write(`${file}\n${integrity}\n`);
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
