// A preparation of a root that is killed at each of its files: afterwards it was not done, and can be, or it was done whole.
import { once } from 'node:events';
import { existsSync, readdirSync, statSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { TrustView } from '../../src/app/views/trust.ts';
import { Workplace } from './harness.ts';

const made = [
  'root-2.key',
  'root-2.crt',
  'issuing-2.key',
  'issuing-2.crt',
  'server-2.key',
  'server-2.crt',
  'root-2.withdrawal',
];

async function killedAfter(place: Workplace, name: string): Promise<void> {
  const folder = join(place.home, 'pki');
  const child = place.spawn(['trust', 'prepare', 'root', '--home', place.home]);
  const gone = once(child, 'exit');
  // A file has its name only once it is whole.
  const watching = watch(folder, () => {
    if (existsSync(join(folder, name))) child.kill('SIGKILL');
  });
  await gone;
  watching.close();
}

it.each(made)('is as it was, or done, when it is killed once %s is there', async (name) => {
  const place = new Workplace();
  await place.ask('init');
  writeFileSync(join(place.home, 'nolapse.yaml'), 'mqtt: { nextPort: 8893 }\ntrust: { approval: { root: none } }\n');
  await killedAfter(place, name);
  const status = async () => {
    const { stdout } = await place.run(['trust', 'status', '-o', 'json', '--home', place.home]);
    return (JSON.parse(stdout) as TrustView).roots;
  };
  const before = await status();
  expect(existsSync(join(place.home, 'pki', name))).toBe(true);
  if (before.slots.length === 1) await place.ask('trust', 'prepare', 'root');
  const after = await status();
  expect(after.slots.map(({ number, state }) => [number, state])).toEqual([
    [1, 'current'],
    [2, 'next'],
  ]);
  expect(after.asked).toBeNull();
  const files = readdirSync(join(place.home, 'pki'));
  expect(files).toEqual(expect.arrayContaining(made));
  expect(statSync(join(place.home, 'pki', 'root-2.withdrawal')).mode & 0o777).toBe(0o600);
  place.remove();
});
