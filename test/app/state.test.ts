// What has state is there once: what one part of the application takes of it is gone for every other.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { App } from '../../src/app/operator/app.ts';
import { sweep } from '../../src/app/upkeep/sweep.ts';
import type { Sessions } from '../../src/ports/sessions.ts';
import { certificate, principal } from '../contract/store/rows.ts';
import { idOf } from '../domain/samples.ts';
import { nobody } from '../fakes/nobody.ts';
import { operationsIn } from '../fakes/tester.ts';
import { type Assembled, assembled } from './assembled.ts';

const gateway = idOf('gw-1');
const perSecond = 5;
const day = 86_400_000;
let heard: (() => void) | null = null;
const onlyTheGatewayListens: Sessions = {
  ...nobody,
  send: async () => {
    heard?.();
    return 1;
  },
  listens: async (id) => heard !== null && id === gateway,
};

let house: Assembled;
let app: App;

beforeEach(async () => {
  heard = null;
  house = await assembled({
    yaml: `limits: { offersPerSecond: ${perSecond} }\n`,
    clock: { now: () => Date.now(), steady: () => 0 },
    sessions: onlyTheGatewayListens,
  });
  ({ app } = house);
});
afterEach(() => house.close());

describe('what has state', () => {
  it('is the same rate of offers for a round to a gateway as for everybody', async () => {
    const operations = operationsIn(app);
    await operations.addDevice({ id: gateway, owner: 'tests', kind: 'gateway' });
    const now = Date.now();
    await app.store.transact(async (tx) => {
      await tx.putPrincipal(principal('dev-1'));
      const due = { state: 'active', notAfter: now + 30 * day, renewAt: now - 1 } as const;
      await tx.putCertificate(certificate('dev-1', 'dev-1', due));
    });
    await operations.addDelegation({ gateway, devices: ['dev-1'], modes: ['csr'], until: '100d', daily: 10 });
    await sweep(app);
    await house.outbox.idle();
    expect(app.rates.offers.left).toBe(perSecond);
    const sent = new Promise<void>((resolve) => {
      heard = resolve;
    });
    app.rounds.begin(gateway);
    await sent;
    expect(app.rates.offers.left).toBe(perSecond - 1);
  });

  it('is the same long work for the look ahead as for everything that is stopped', async () => {
    await app.chores.stop();
    expect((await app.foresight.view(10_000, { fresh: true })).ahead).toBeNull();
  });

  it('is the same order of turns for visits and revocation lists as for messages', async () => {
    const take = vi.spyOn(app.turns, 'take');
    app.presences.came(gateway);
    expect(take).toHaveBeenCalledOnce();
    await app.crls.begin();
    await app.crls.idle();
    expect(take.mock.calls.length).toBeGreaterThan(1);
  });
});
