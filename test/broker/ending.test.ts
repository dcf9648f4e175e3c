// Ending sessions: at their time, on revocation, and in the middle of a connect.
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Deadlined, DeadlineHeap } from '../../src/broker/deadline-heap.ts';
import { compileTopicGate } from '../../src/broker/topic-gate.ts';
import { mayReceive } from '../../src/domain/acl.ts';
import type { PrincipalId } from '../../src/domain/principal.ts';
import { closed, connectPacket, House, packetsOf, until, withResolvers } from './harness.ts';

describe('a session', () => {
  let house: House;
  beforeAll(async () => {
    house = await House.open({ sweepMs: 500 });
  });
  afterAll(() => house.close());
  const reasons = () => house.told('session.ended').map(({ reason }) => reason);

  it('ends when its certificate does, with keepalive 0 and a peer that says nothing', async () => {
    const endsAt = Math.floor(Date.now() / 1_000) * 1_000 + 2_000;
    const credential = await house.authority.issue('d1', { notAfter: new Date(endsAt) });
    house.entrance.know(credential, 'd1', { endsAt });
    const socket = await house.raw(credential);
    const packets = packetsOf(socket);
    socket.write(connectPacket('d1', { keepalive: 0 }));
    await until(() => packets.length === 1);
    await closed(socket);
    expect(Date.now()).toBeGreaterThanOrEqual(endsAt);
    expect(reasons().at(-1)).toBe('certificate_expired');
    await until(() => house.broker.sessionCount === 0);
  });

  it('tells the end of an overlap from the end of a certificate', async () => {
    const credential = await house.device('d2');
    // Reckoned at its admission: however long the handshake takes, there is a session.
    house.entrance.before = async () => house.entrance.know(credential, 'd2', { endsAt: Date.now() + 1_000 });
    const client = await house.connected(credential, 'd2');
    house.entrance.before = async () => undefined;
    await closed(client);
    expect(reasons().at(-1)).toBe('overlap_ended');
  });

  it('is not opened when its end has come already', async () => {
    expect(await house.refusal(await house.device('d3', { endsAt: Date.now() - 1 }), 'd3')).toBe(5);
  });

  it('ends at once when its certificate is revoked, and the principal’s other sessions stay', async () => {
    const [old, next] = [await house.device('d4'), await house.device('d4')];
    const [one, other] = [await house.connected(old, 'd4'), await house.connected(next, 'd4:2')];
    const gone = closed(one);
    expect(await house.broker.sessions.closeByCertificate(old.fingerprint, 'revoked')).toBe(1);
    // No sweep has run since: the session is ended within the call.
    expect(reasons().at(-1)).toBe('revoked');
    await gone;
    expect(other.connected).toBe(true);
    expect(await house.broker.sessions.closeByPrincipal('d4' as PrincipalId, 'decommissioned')).toBe(1);
    await closed(other);
    expect(await house.broker.sessions.closeByPrincipal('d4' as PrincipalId, 'decommissioned')).toBe(0);
  });

  it('that has lasted longest ends when its principal opens one too many, and nobody else’s does', async () => {
    const few = await House.open({ sessionsPerPrincipalMax: 3 });
    try {
      const credential = await few.device('d1');
      const first = await few.connected(credential, 'd1:1');
      const displaced = closed(first);
      const bystander = await few.connected(await few.device('d2'), 'd2');
      const kept = [await few.connected(credential, 'd1:2'), await few.connected(credential, 'd1:3')];
      expect(few.told('session.ended')).toEqual([]);
      kept.push(await few.connected(credential, 'd1:4'));
      await displaced;
      expect(few.told('session.ended')).toMatchObject([
        { reason: 'sessions_max', fields: { 'nolapse.client_id': 'd1:1' } },
      ]);
      // A client that comes back under its own id takes its own place.
      const replaced = closed(kept[0]);
      await few.connected(credential, 'd1:2');
      await replaced;
      expect(few.told('session.ended')).toHaveLength(1);
      expect([bystander, ...kept.slice(1)].every(({ connected }) => connected)).toBe(true);
    } finally {
      await few.close();
    }
  });

  it('that was only introduced ends none that is known', async () => {
    const few = await House.open({ sessionsPerPrincipalMax: 1 });
    try {
      const known = await few.connected(await few.device('d1'), 'd1');
      const stranger = await few.device('d1', { introduced: true, lane: 'renew-only' });
      const one = await few.connected(stranger, 'd1:1');
      const gone = closed(one);
      await few.connected(stranger, 'd1:2');
      await gone;
      expect(known.connected).toBe(true);
    } finally {
      await few.close();
    }
  });

  it('is cut though its peer reads nothing', async () => {
    const credential = await house.device('d5');
    const socket = await house.raw(credential);
    const packets = packetsOf(socket);
    socket.write(connectPacket('d5'));
    await until(() => packets.length === 1);
    socket.pause();
    await house.broker.sessions.closeByCertificate(credential.fingerprint, 'revoked');
    await until(() => house.broker.sessionCount === 0);
  });

  it('is not admitted under a client id that became another principal’s meanwhile, and under its own it is', async () => {
    const credential = await house.device('d10');
    const { promise, resolve } = withResolvers();
    house.entrance.before = () => promise;
    const asked = house.entrance.admitted.length;
    const refusals = ['d10:a', 'd10:a:x'].map((clientId) => house.refusal(credential, clientId));
    const own = ['d10', 'd10:ab'].map((clientId) => house.connected(credential, clientId));
    await until(() => house.entrance.admitted.length === asked + 4);
    await house.broker.sessions.closeClaimed('d10:a' as PrincipalId, 'client_id_taken');
    resolve();
    house.entrance.before = async () => undefined;
    expect(await Promise.all(refusals)).toEqual([5, 5]);
    for (const client of await Promise.all(own)) await client.endAsync();
  });

  it('does not survive a revocation that comes while it is being admitted', async () => {
    const credential = await house.device('d6');
    const { promise, resolve } = withResolvers();
    house.entrance.before = () => promise;
    const asked = house.entrance.admitted.length;
    const refusal = house.refusal(credential, 'd6');
    await until(() => house.entrance.admitted.length > asked);
    await house.broker.sessions.closeByPrincipal('d6' as PrincipalId, 'quarantined');
    resolve();
    expect(await refusal).toBe(5);
    house.entrance.before = async () => undefined;
    expect(reasons().at(-1)).toBe('quarantined');
    const client = await house.connected(credential, 'd6');
    await client.endAsync();
  });

  it('ends when it was introduced and its principal has enrolled, also while it is being admitted', async () => {
    const stranger = await house.device('d8', { lane: 'renew-only', introduced: true });
    const enrolled = await house.device('d8');
    const [lane, full] = [await house.connected(stranger, 'd8'), await house.connected(enrolled, 'd8:2')];
    const ended = closed(lane);
    expect(await house.broker.sessions.closeIntroduced('d8' as PrincipalId, 'enrolled')).toBe(1);
    await ended;
    const { promise, resolve } = withResolvers();
    house.entrance.before = () => promise;
    const asked = house.entrance.admitted.length;
    const [refusal, other] = [house.refusal(stranger, 'd8'), house.connected(enrolled, 'd8:3')];
    await until(() => house.entrance.admitted.length > asked + 1);
    expect(await house.broker.sessions.closeIntroduced('d8' as PrincipalId, 'enrolled')).toBe(0);
    resolve();
    expect(await refusal).toBe(5);
    expect(reasons().at(-1)).toBe('enrolled');
    house.entrance.before = async () => undefined;
    expect((await other).connected).toBe(true);
    expect(full.connected).toBe(true);
    for (const client of [full, await other]) await client.endAsync();
  });

  it('does not survive a revocation between its admission and its CONNACK', async () => {
    const credential = await house.device('d7');
    const put = house.persistence.putWill;
    const { promise, resolve } = withResolvers();
    let reached = false;
    house.persistence.putWill = async (identity, will) => {
      // What is asked of the store later comes later, however long this takes.
      const stored = put.call(house.persistence, identity, will);
      reached = true;
      await promise;
      await stored;
    };
    const client = house.client(credential, 'd7', {
      clean: false,
      will: { topic: 'devices/d7/gone', payload: Buffer.from('x'), qos: 1, retain: false },
    });
    const gone = closed(client);
    await until(() => reached);
    expect(await house.broker.sessions.closeByCertificate(credential.fingerprint, 'revoked')).toBe(1);
    resolve();
    await gone;
    house.persistence.putWill = put;
    await until(() => house.broker.sessionCount === 0);
    await expect.poll(() => house.persistence.getWill({ id: 'd7' })).toBeUndefined();
    const again = await house.connected(credential, 'd7');
    await again.endAsync();
  });
});

describe('the deadline heap', () => {
  it('gives out what is due in order, whatever was removed before', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 50 }), fc.boolean())), (entries) => {
        const heap = new DeadlineHeap<Deadlined>();
        const items = entries.map(([deadline, leaves]) => ({ deadline, leaves, heapIndex: -1 }));
        for (const item of items) heap.add(item);
        for (const item of items) if (item.leaves) heap.remove(item);
        const due: number[] = [];
        for (let item = heap.takeDue(25); item; item = heap.takeDue(25)) due.push(item.deadline);
        const stay = items.filter(({ leaves }) => !leaves).map(({ deadline }) => deadline);
        expect(due).toEqual(stay.filter((deadline) => deadline <= 25).sort((a, b) => a - b));
        expect(heap.size).toBe(stay.length - due.length);
      }),
    );
  });
});

describe('the topic gate', () => {
  const level = fc.constantFrom('a', 'b', '', '+', '#', '$x');
  const text = fc.array(level, { minLength: 1, maxLength: 4 }).map((levels) => levels.join('/'));

  it('answers as the domain does', () => {
    fc.assert(
      fc.property(fc.array(text, { maxLength: 4 }), text, (patterns, topic) => {
        const access = { publish: [], subscribe: [], receive: patterns, delegated: { publish: [], receive: [] } };
        expect(compileTopicGate(patterns)(topic)).toBe(mayReceive(access, topic));
      }),
      { numRuns: 5_000 },
    );
  });
});
