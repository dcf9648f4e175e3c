// What bounds the HTTP API: how often anybody may ask, and how often somebody nobody knows.
import { afterEach, describe, expect, it } from 'vitest';
import { Rates } from '../../src/http/api/rates.ts';
import { Sessions } from '../../src/http/api/sessions.ts';
import { type ApiHouse, openApiHouse } from './api.ts';

let house: ApiHouse | undefined;
afterEach(async () => {
  await house?.close();
  house = undefined;
});

it('lets a credential ask so often, and no other wait for it', async () => {
  house = await openApiHouse('api: { port: 0, tls: none, requestsPerSecond: 2 }');
  const [busy, calm] = [await house.token(), await house.token()];
  const statuses: number[] = [];
  for (let count = 0; count < 6; count += 1) statuses.push((await house.ask('/session', { token: busy })).status);
  expect(statuses.slice(0, 4)).toEqual([200, 200, 200, 200]);
  expect(statuses).toContain(429);
  const { status, headers, body } = await house.ask('/session', { token: busy });
  expect([status, body.code, Number(headers['retry-after']) >= 1]).toEqual([429, 'too_many_requests', true]);
  expect((await house.ask('/session', { token: calm })).status).toBe(200);
});

it('lets an address that is not recognized try so often, and tells of it in few lines', async () => {
  house = await openApiHouse();
  const statuses: number[] = [];
  for (let count = 0; count < 60; count += 1) {
    statuses.push((await house.ask('/devices', { token: `guess-${count}` })).status);
  }
  expect(statuses.slice(0, 20)).toEqual(Array(20).fill(401));
  expect(statuses.filter((status) => status === 429).length).toBeGreaterThan(30);
  expect(house.log.count('api.refused')).toBeLessThan(30);
  expect(JSON.stringify(house.log.lines)).not.toContain('guess-');
});

describe('a rate', () => {
  it('fills again with time, up to its burst, for each by itself', () => {
    let now = 0;
    const rates = new Rates(2, 3, () => now);
    expect([1, 2, 3, 4].map(() => rates.take('a'))).toEqual([true, true, true, false]);
    expect(rates.take('b')).toBe(true);
    expect(rates.waitSeconds('a')).toBe(1);
    now += 500;
    expect([rates.take('a'), rates.take('a')]).toEqual([true, false]);
    now += 60_000;
    expect([1, 2, 3, 4].map(() => rates.take('a'))).toEqual([true, true, true, false]);
  });
});

describe('sessions', () => {
  const caller = (id: string) => ({ credential: { id } }) as never;

  it('end after their time, and after an hour without use', () => {
    let now = 0;
    const sessions = new Sessions(3 * 3_600_000, () => now);
    const [used, idle] = [sessions.begin(caller('a')), sessions.begin(caller('a'))];
    for (let minutes = 0; minutes < 175; minutes += 35) {
      now = minutes * 60_000;
      expect(sessions.callerOf(used)).not.toBeNull();
    }
    expect(sessions.callerOf(idle)).toBeNull();
    now = 3 * 3_600_000;
    expect([sessions.callerOf(used), sessions.size]).toEqual([null, 0]);
  });

  it('are so many of one credential and in all, of which the oldest goes', () => {
    const sessions = new Sessions(3_600_000, () => 0);
    const own = Array.from({ length: 21 }, () => sessions.begin(caller('a')));
    expect(own.map((secret) => sessions.callerOf(secret) !== null)).toEqual([false, ...Array(20).fill(true)]);
    for (let count = 0; count < 2_000; count += 1) sessions.begin(caller(`c-${count}`));
    expect(sessions.size).toBe(1_000);
  });
});
