// A device with a connection of its own and two site gateways, in any order of words: on each way no packet is larger than what was said
// there, and what is said on one changes nothing on another.
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { receive } from '../../src/app/enrollment/receive.ts';
import type { App } from '../../src/app/operator/app.ts';
import { deliveryProfileOf } from '../../src/app/renewal/delivery-profile.ts';
import type { Session } from '../../src/app/session.ts';
import type { Access } from '../../src/domain/acl.ts';
import { publishBytes } from '../../src/domain/packet.ts';
import { type Encoding, encodings } from '../../src/domain/principal.ts';
import type { Sessions } from '../../src/ports/sessions.ts';
import { decodeDown, encodeUp } from '../../src/wire/index.ts';
import { fingerprintA, idOf } from '../domain/samples.ts';
import { nobody } from '../fakes/nobody.ts';
import { operationsIn } from '../fakes/tester.ts';
import { type Assembled, assembled } from './assembled.ts';

const heard: { way: string; topic: string; payload: Uint8Array }[] = [];
const sessions: Sessions = {
  ...nobody,
  send: async (id, topic, payload) => {
    heard.push({ way: id, topic, payload });
    return 1;
  },
  listens: async () => true,
};
const ways = ['dev-1', 'gw-1', 'gw-2'] as const;
type Way = (typeof ways)[number];

let house: Assembled;
let app: App;
let now = Date.now();
const open = new Map<Way, Session>();

beforeAll(async () => {
  house = await assembled({ sessions, clock: { now: () => now } });
  ({ app } = house);
  const operations = operationsIn(app);
  await operations.addDevice({ id: 'dev-1', owner: 'tests' });
  for (const id of ['gw-1', 'gw-2']) {
    await operations.addDevice({ id, owner: 'tests', kind: 'gateway' });
    await operations.addDelegation({ gateway: id, devices: ['dev-1'], modes: ['csr'], until: '100d', daily: 1_000 });
  }
  await operations.issueDevice({ id: 'dev-1' });
  const delegated = { publish: [], receive: [] };
  const access: Access = { publish: ['$enroll/1/+/+'], subscribe: [], receive: [], delegated };
  for (const way of ways) {
    const principal = await app.store.read.principal(idOf(way));
    if (!principal) throw new Error(way);
    const rest = {
      lane: 'full',
      fingerprint: fingerprintA,
      introduced: false,
      endsAt: now * 2,
      clientId: way,
      root: 1,
    } as const;
    open.set(way, { principal, access, ...rest });
  }
});
afterAll(() => house.close());

const pathOf = (way: Way) => (way === 'dev-1' ? null : idOf(way));

const word = fc.record({
  way: fc.constantFrom(...ways),
  encoding: fc.constantFrom<Encoding>(...encodings),
  maxPacket: fc.constantFrom(undefined, 16, 128, 200, 256, 1_024, 4_096),
});

it('speaks on each way as was said there', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(word, { minLength: 1, maxLength: 12 }), async (words) => {
      const said = new Map<Way, { encoding: Encoding; packet: number | null }>();
      for (const { way } of words) said.set(way, { encoding: 'json', packet: null });
      for (const way of ways) {
        const blank = { encoding: null, packetBytesMax: null, slots: null, clockSkewMs: null, lastSeenAt: null };
        const path = pathOf(way);
        await app.store.transact((tx) =>
          path === null
            ? tx.putContact({ ...blank, principalId: idOf('dev-1') })
            : tx.putCarriedContact({ ...blank, principalId: idOf('dev-1'), gatewayId: path }),
        );
      }
      for (const { way, encoding, maxPacket } of words) {
        now += 60_000;
        heard.length = 0;
        const session = open.get(way);
        if (!session) throw new Error(way);
        const hello = { word: 'hello', ...(maxPacket !== undefined && { maxPacket }) } as const;
        await receive(app, session, '$enroll/1/dev-1/hello', encodeUp(encoding, hello));
        const before = said.get(way);
        said.set(way, { encoding, packet: maxPacket ?? before?.packet ?? null });
        // An answer is heard where it was asked for.
        expect(new Set(heard.map((each) => each.way))).toEqual(heard.length > 0 ? new Set([way]) : new Set());
        for (const each of heard) {
          expect(decodeDown(each.topic.split('/')[3] ?? '', each.payload)).toMatchObject({ ok: true, encoding });
        }
        for (const other of ways) {
          const delivery = await deliveryProfileOf(app, idOf('dev-1'), pathOf(other));
          const known = said.get(other);
          const own = said.get('dev-1')?.packet ?? null;
          const unsaid = other === 'dev-1' ? 256 : Math.min(own ?? 256, 256);
          expect(delivery.packetBytesMax).toBe(known?.packet ?? unsaid);
        }
        const most = said.get(way)?.packet ?? 256;
        for (const { topic, payload } of heard) expect(publishBytes(topic, payload.length)).toBeLessThanOrEqual(most);
      }
    }),
    { numRuns: 25 },
  );
});
