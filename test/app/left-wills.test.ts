// Wills that are found at a start, left behind by sessions of a broker that was killed: published where whoever left them still may, and
// deleted with nothing said where not.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { entranceOf } from '../../src/app/admission/entrance.ts';
import { Seen } from '../../src/app/admission/seen.ts';
import type { Entrance } from '../../src/app/session.ts';
import { authorizePublishHook } from '../../src/broker/publish-hooks.ts';
import { sinkTopic } from '../../src/broker/set-aside.ts';
import { sessionName } from '../../src/domain/client-id.ts';
import type { PrincipalStatus } from '../../src/domain/principal.ts';
import { idOf, principal } from '../domain/samples.ts';
import { type Assembled, assembled } from './assembled.ts';

let house: Assembled;
let entrance: Entrance;
beforeEach(async () => {
  house = await assembled();
  entrance = entranceOf(house.app, new Seen(house.app));
});
afterEach(() => house.close());

const enter = (id: string, status: PrincipalStatus = 'active') =>
  house.app.store.transact((tx) => tx.putPrincipal(principal({ id: idOf(id), status })));

/** The topic on which the will is published. */
function publishedOn(session: string, topic: string): string {
  const packet = { cmd: 'publish', topic, payload: Buffer.from('gone'), qos: 1, retain: true, dup: false } as const;
  const will = { ...packet, clientId: session };
  let answered: unknown = 'not yet';
  const hook = authorizePublishHook({
    entrance,
    registry: {},
    persistence: {},
    decisions: house.app.decisions,
  } as never);
  hook(null as never, will as never, (error) => {
    answered = error;
  });
  expect(answered).toBe(null);
  return will.topic;
}

describe('a will that was left behind', () => {
  it.each(['active', 'quarantined'] as const)(
    'is published for a device that is %s, on its own topics',
    async (status) => {
      await enter('pump-1', status);
      for (const clientId of ['pump-1', 'pump-1:main']) {
        expect(publishedOn(sessionName(idOf('pump-1'), clientId), 'devices/pump-1/state')).toBe('devices/pump-1/state');
      }
    },
  );

  it.each([
    ['a device that is decommissioned', 'pump-2', 'devices/pump-2/state'],
    ['a device that nobody knows any more', 'pump-9', 'devices/pump-9/state'],
    ['a topic that is not its any more', 'pump-1', 'devices/pump-2/state'],
    ['an enrollment topic', 'pump-1', '$enroll/1/pump-1/hello'],
    ['no session at all', '', 'devices/pump-1/state'],
  ])('is not published for %s', async (_, id, topic) => {
    await enter('pump-1');
    await enter('pump-2', 'decommissioned');
    expect(publishedOn(id === '' ? '' : sessionName(idOf(id), id), topic)).toBe(sinkTopic);
  });
});
