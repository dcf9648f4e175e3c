// Every message there is to a device, at every length of its id: never larger than what it takes, header and topic included, and
// said all the same where the protocol's page promises that there is room.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sayError, sendDown } from '../../src/app/enrollment/send-down.ts';
import type { App } from '../../src/app/operator/app.ts';
import { canBeTold, type DeliveryProfile } from '../../src/app/renewal/delivery-profile.ts';
import { type EnrollmentCode, enrollmentCodes } from '../../src/domain/errors.ts';
import type { DownMessage } from '../../src/domain/message.ts';
import { payloadRoom, publishBytes } from '../../src/domain/packet.ts';
import { encodings, keyModes, type PrincipalId } from '../../src/domain/principal.ts';
import { enrollmentTopic } from '../../src/domain/topics.ts';
import type { Sessions } from '../../src/ports/sessions.ts';
import { partBytesWithin } from '../../src/wire/index.ts';
import { idOf } from '../domain/samples.ts';
import { nobody } from '../fakes/nobody.ts';
import { type Assembled, assembled } from './assembled.ts';

const sent: { topic: string; bytes: number }[] = [];
const sessions: Sessions = {
  ...nobody,
  send: async (_id, topic, payload) => {
    sent.push({ topic, bytes: publishBytes(topic, payload.length) });
    return 1;
  },
  listens: async () => true,
};

let house: Assembled;
let app: App;
beforeAll(async () => {
  house = await assembled({ sessions });
  ({ app } = house);
});
afterAll(() => house.close());

const renewal = 'x'.repeat(13);
const time = 4_000_000_000;
const sha256 = new Uint8Array(32);
const errors = (Object.keys(enrollmentCodes) as EnrollmentCode[]).flatMap((code): DownMessage[] => [
  { word: 'error', code },
  { word: 'error', code, renewal, detail: 'd'.repeat(200), retryAfter: 86_400 },
]);
const offers = keyModes.flatMap((mode): DownMessage[] => {
  const offer = { word: 'offer', renewal, mode, deadline: time, now: time } as const;
  return [offer, { ...offer, size: 9_999, sha256 }];
});
const done: DownMessage = { word: 'done', renewal, retires: time };
const cert: DownMessage = { word: 'cert', renewal, certificates: [new Uint8Array(600), new Uint8Array(500)] };

const say = (id: PrincipalId, delivery: DeliveryProfile, message: DownMessage): Promise<number> => {
  if (message.word !== 'error') return sendDown(app, id, delivery, message);
  const { word: _, ...error } = message;
  return sayError(app, id, delivery, error, null);
};

describe.each(encodings)('a message in %s', (encoding) => {
  it.each([128, 256, 512, 1_024])('is at most %d bytes on the wire, whatever the id', async (packetBytesMax) => {
    const delivery = { encoding, packetBytesMax };
    for (let length = 8; length <= 64; length += 1) {
      const id = idOf('i'.repeat(length));
      const isSpeakable = encoding === 'cbor' || packetBytesMax >= 256;
      if (isSpeakable) expect(canBeTold(id, delivery)).toBe(true);
      const room = payloadRoom(enrollmentTopic(id, 'part'), packetBytesMax);
      const bytes = new Uint8Array(partBytesWithin(encoding, { renewal, offset: 9_999, total: 9_999 }, room));
      const part = { word: 'part', renewal, offset: 9_999, total: 9_999, bytes } as const;
      for (const message of [...offers, ...errors, part, done, cert]) {
        sent.length = 0;
        await say(id, delivery, message);
        for (const each of sent) expect(each.bytes).toBeLessThanOrEqual(packetBytesMax);
        // A certificate with its chain is what nobody has to take whole.
        if (!isSpeakable || message.word === 'cert') continue;
        expect(sent.map(({ topic }) => topic)).toEqual([enrollmentTopic(id, message.word)]);
      }
      // A part leaves no byte unused.
      if (canBeTold(id, delivery) && encoding === 'cbor') {
        await sendDown(app, id, delivery, part);
        expect(sent.at(-1)?.bytes).toBeGreaterThanOrEqual(packetBytesMax - 2);
      }
    }
  });
});
