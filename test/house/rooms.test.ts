// The application's rooms stand in one order: each uses those below it and what lies beside them in src/app itself.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

/** From the top down. */
const rooms = [
  'operator',
  'upkeep',
  'oversight',
  'rollout',
  'inventory',
  'admission',
  'enrollment',
  'renewal',
  'views',
];

const app = 'src/app';

function importsUpwards(room: string): string[] {
  const above = rooms.slice(0, rooms.indexOf(room));
  return readdirSync(join(app, room)).flatMap((file) => {
    const text = readFileSync(join(app, room, file), 'utf8');
    const used = [...text.matchAll(/from '\.\.\/([a-z]+)\//g)].map(([, name = '']) => name);
    return used.filter((name) => above.includes(name)).map((name) => `${room}/${file} -> ${name}`);
  });
}

describe('the rooms of the application', () => {
  it('are those that are listed', () => {
    const found = readdirSync(app, { withFileTypes: true }).filter((each) => each.isDirectory());
    expect(found.map(({ name }) => name).toSorted()).toEqual(rooms.toSorted());
  });

  it.each(rooms)('%s imports nothing from a room above it', (room) => {
    expect(importsUpwards(room)).toEqual([]);
  });
});
