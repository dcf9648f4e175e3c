// No files of src import each other in a circle, and its folders stand in one order, as the application's rooms do: each uses those
// below it. What lies beside the rooms in src/app itself uses none of them but the lowest.
import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { circlesIn, importsIn, importsOf } from './import-graph.ts';

/** What lies in src, from the top down: what composes, adapters, the application, what turns bytes into values, decisions. */
const folders = [
  'main.ts',
  'cli',
  'nolapse.ts',
  'wiring',
  'home',
  'config',
  'broker',
  'http',
  'notify',
  'source',
  'authority',
  'check-driver.ts',
  'store',
  'simulator',
  'archive',
  'issued',
  'telemetry',
  'app',
  'machine',
  'pacing',
  'remote',
  'wire',
  'pki',
  'ports',
  'domain',
  'version.ts',
];

/** From the top down. */
const rooms = [
  'operator',
  'access',
  'upkeep',
  'oversight',
  'rollout',
  'inventory',
  'trust',
  'admission',
  'enrollment',
  'renewal',
  'views',
];

const app = 'src/app';
const graph = importsIn('src');

function folderOf(file: string): string {
  return file.split('/')[1] ?? '';
}

/** The room that a file is in; null: it lies beside them, or outside the application. */
function roomOf(file: string): string | null {
  const [, room] = /^src\/app\/([^/]+)\//.exec(file) ?? [];
  return room ?? null;
}

function importsWhere(isAmiss: (from: string, to: string) => boolean): string[] {
  return [...graph].flatMap(([from, all]) => all.filter((to) => isAmiss(from, to)).map((to) => `${from} -> ${to}`));
}

describe('the imports of src', () => {
  it('are read, every file of it and every way to import', () => {
    expect(graph.size).toBeGreaterThan(400);
    expect(graph.get('src/home/home.ts')).toContain('src/app/context.ts');
    const text = [
      "import { a } from './a.ts';",
      "import type { B } from '../b.ts';",
      "import {\n  e,\n  type F,\n} from './e.ts';",
      "export { g } from './g.ts';",
      "import './h.ts';",
      "const late = await import('./i.ts');",
    ].join('\n');
    expect(importsOf('src/x/y.ts', text)).toEqual(
      ['x/a', 'b', 'x/e', 'x/g', 'x/h', 'x/i'].map((name) => `src/${name}.ts`),
    );
  });

  it('lead in no circle', () => {
    expect(circlesIn(graph)).toEqual([]);
  });
});

describe('the folders of src', () => {
  it('are those that are listed, and few files lie beside them', () => {
    expect(readdirSync('src').toSorted()).toEqual(folders.toSorted());
    expect(folders.filter((name) => name.endsWith('.ts')).length).toBeLessThanOrEqual(6);
  });

  it.each(folders)('%s imports nothing that stands above it', (folder) => {
    const above = folders.slice(0, folders.indexOf(folder));
    expect(importsWhere((from, to) => folderOf(from) === folder && above.includes(folderOf(to)))).toEqual([]);
  });
});

describe('the search for circles', () => {
  it.each([
    ['finds two files that import each other', { a: ['b'], b: ['a'] }, [['a', 'b']]],
    ['finds a file that imports itself', { a: ['a'] }, [['a']]],
    [
      'leaves out what only leads to a circle or from it',
      { x: ['a'], a: ['b'], b: ['c', 'y'], c: ['a'], y: [] },
      [['a', 'b', 'c']],
    ],
    [
      'finds each of two circles',
      { a: ['b'], b: ['a', 'c'], c: ['d'], d: ['c'] },
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
    ],
    ['takes two ways to one file for no circle', { a: ['b', 'c'], b: ['d'], c: ['d'], d: [] }, []],
  ])('%s', (_, imports, circles) => {
    expect(circlesIn(new Map(Object.entries(imports)))).toEqual(circles);
  });
});

describe('the rooms of the application', () => {
  it('are those that are listed', () => {
    const found = readdirSync(app, { withFileTypes: true }).filter((each) => each.isDirectory());
    expect(found.map(({ name }) => name).toSorted()).toEqual(rooms.toSorted());
  });

  it.each(rooms)('%s imports nothing from a room above it', (room) => {
    const above = rooms.slice(0, rooms.indexOf(room));
    expect(importsWhere((from, to) => roomOf(from) === room && above.includes(roomOf(to) ?? ''))).toEqual([]);
  });

  it('are used by nothing that lies beside them, but for the answers in views', () => {
    const isBeside = (file: string): boolean => /^src\/app\/[^/]+$/.test(file);
    expect(importsWhere((from, to) => isBeside(from) && roomOf(to) !== null && roomOf(to) !== 'views')).toEqual([]);
    expect(importsWhere((from) => isBeside(from)).length).toBeGreaterThan(20);
  });

  it('are given what they take: only the ground of operations, and what puts the application together, have all of it', () => {
    const whole = `${app}/operator/app.ts`;
    const isMeant = (from: string): boolean =>
      /^src\/(app\/operator\/operation|home\/home|home\/state|nolapse)\.ts$/.test(from);
    expect(importsWhere((from, to) => to === whole && !isMeant(from))).toEqual([]);
    expect(importsWhere((from, to) => to === whole && isMeant(from)).length).toBeGreaterThan(2);
  });
});
