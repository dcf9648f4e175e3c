// Range delivery on the real broker, over real TLS: no packet to a device is ever larger than it said, and a replacement is had
// in as many pieces and over as many connections as the device likes.
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Encoding } from '../../src/domain/principal.ts';
import { splitReplacement, unwrapKey } from '../../src/simulator/unwrap.ts';
import { connectCounted, publishType } from './counted.ts';
import { connect, type House, newRequest, openHouse, pemOf, Speaker } from './harness.ts';
import { fetchStretch, nextIssued, replacementOf, sendInParts, totalOf } from './piecemeal.ts';

const hours =
  'classes: { default: { lifetime: 1h, renewAt: 66%, overlap: 10m, grace: 1h, keyModes: [csr, recertify, keygen] } }';

describe('no packet is larger than the device said', () => {
  let house: House;
  beforeAll(async () => {
    house = await openHouse({ yaml: hours });
  });
  afterAll(() => house.close());

  const encodings: readonly Encoding[] = ['cbor', 'json'];
  const cases = [128, 256, 512, 1_024].flatMap((limit) =>
    [8, 16, 32, 64].flatMap((length) => encodings.map((encoding) => ({ limit, length, encoding }))),
  );
  const nameOf = ({ limit, length, encoding }: (typeof cases)[number]) => `${encoding}${limit}`.padEnd(length, '-x');
  /** Beside a longer topic, 128 bytes do not hold what JSON spends on names and base64. */
  const speakable = cases.filter(({ limit, length, encoding }) => encoding === 'cbor' || limit > 128 || length === 8);

  it.each(speakable)('at $limit bytes with an id of $length in $encoding, through a whole renewal', async (each) => {
    const { limit, length, encoding } = each;
    const id = nameOf(each);
    expect(id).toHaveLength(length);
    const first = await house.device(id);
    const before = await connectCounted(house, first, id);
    const device = new Speaker(before.client, id, encoding);
    await device.say({ word: 'hello', maxPacket: limit });
    await device.listen();
    await house.gateway.operations.runRenewal({ device: id });
    const { renewal } = await device.next('offer');
    const { keyPem, csr } = await newRequest(id);
    await sendInParts(device, renewal, csr, limit);
    const offer = await nextIssued(device);
    await device.say({ word: 'get', renewal, offset: totalOf(offer), length: 1 });
    expect((await device.next('error')).code).toBe('part_out_of_range');
    const leaf = replacementOf(offer, await fetchStretch(device, offer, 0, totalOf(offer)));
    await device.say({ word: 'ack', renewal, status: 'installed' });
    await before.client.endAsync();

    const second = { certificatePem: pemOf([leaf]), keyPem, rootPem: first.rootPem };
    const after = await connectCounted(house, second, id);
    const renewed = new Speaker(after.client, id, encoding);
    await renewed.say({ word: 'hello', maxPacket: limit });
    await renewed.listen();
    expect((await renewed.next('done')).renewal).toBe(renewal);
    await after.client.endAsync();
    for (const { down } of [before, after]) {
      expect(down.frames.some(({ type }) => type === publishType)).toBe(true);
      expect(down.largest).toBeLessThanOrEqual(limit);
    }
  });

  const without = speakable
    .filter(({ length }) => length === 8 || length === 64)
    .flatMap((each) => (['recertify', 'keygen'] as const).map((mode) => ({ ...each, mode })));

  it.each(without)('at $limit bytes with an id of $length in $encoding, in key mode $mode', async (each) => {
    const { limit, length, encoding, mode } = each;
    const id = `${mode[0]}${nameOf(each)}`.slice(0, length);
    await house.gateway.operations.addDevice({ id, owner: 'tests', modes: [mode] });
    const first = await house.gateway.operations.issueDevice({ id });
    await (await connect(house, first, id)).endAsync();
    await house.gateway.operations.runRenewal({ device: id });
    const before = await connectCounted(house, first, id);
    const device = new Speaker(before.client, id, encoding);
    await device.say({ word: 'hello', maxPacket: limit });
    await device.listen();
    const offer = await nextIssued(device);
    expect(offer.mode).toBe(mode);
    const bytes = replacementOf(offer, await fetchStretch(device, offer, 0, totalOf(offer)));
    const { certificate, envelope } = splitReplacement(bytes);
    await device.say({ word: 'ack', renewal: offer.renewal, status: 'installed' });
    await before.client.endAsync();

    const keyPem = envelope ? unwrapKey(envelope, first.keyPem) : first.keyPem;
    const second = { certificatePem: pemOf([certificate]), keyPem, rootPem: first.rootPem };
    const after = await connectCounted(house, second, id);
    const renewed = new Speaker(after.client, id, encoding);
    await renewed.say({ word: 'hello', maxPacket: limit });
    await renewed.listen();
    expect((await renewed.next('done')).renewal).toBe(offer.renewal);
    await renewed.say({ word: 'get', renewal: offer.renewal, offset: 0, length: 1 });
    expect((await renewed.next('error')).code).toBe('renewal_closed');
    await after.client.endAsync();
    for (const { down } of [before, after]) expect(down.largest).toBeLessThanOrEqual(limit);
    expect(before.down.largest).toBeGreaterThan(limit / 2);
  });

  it.each(cases.filter((each) => !speakable.includes(each)))(
    'at $limit bytes with an id of $length in $encoding, where nothing fits but to say so',
    async (each) => {
      const id = nameOf(each);
      const { client, down } = await connectCounted(house, await house.device(id), id);
      const device = new Speaker(client, id, each.encoding);
      await device.say({ word: 'hello', maxPacket: each.limit });
      await device.listen();
      const since = house.log.lines.length;
      await device.say({ word: 'hello' });
      expect((await device.next('error')).code).toBe('packet_too_small');
      await house.log.until('enrollment.refused', { 'event.reason': 'packet_too_small' }, since);
      // Whoever asks on all the same gets the same answer, and no packet that is larger.
      const { id: renewal } = await house.gateway.operations.runRenewal({ device: id });
      expect((await device.next('error')).code).toBe('packet_too_small');
      await house.log.until('message.too_large', { 'event.reason': 'offer' }, since);
      await device.say({ word: 'csr', renewal, csr: (await newRequest(id)).csr });
      await house.log.until('renewal.issued', {}, since);
      expect((await device.next('error')).code).toBe('packet_too_small');
      await device.say({ word: 'get', renewal, offset: 0, length: 1 });
      expect((await device.next('error')).code).toBe('packet_too_small');
      expect(down.largest).toBeLessThanOrEqual(each.limit);
      await client.endAsync();
    },
  );

  it('at less than 128 bytes, where it is told to take more', async () => {
    const id = 'tiny';
    const { client, down } = await connectCounted(house, await house.device(id), id);
    const device = await new Speaker(client, id, 'cbor').listen();
    await device.say({ word: 'hello', maxPacket: 127 });
    expect((await device.next('error')).code).toBe('packet_too_small');
    await device.say({ word: 'hello', maxPacket: 40 });
    await house.gateway.operations.runRenewal({ device: id });
    await house.log.until('message.too_large', { 'nolapse.principal': id });
    expect(down.largest).toBeLessThanOrEqual(127);
    await client.endAsync();
  });

  it('at the 256 bytes of a device that never said, and at what the inventory says of it', async () => {
    for (const [id, more, limit] of [
      ['silent', {}, 256],
      ['listed', { maxPacket: 128, encoding: 'cbor' as const }, 128],
    ] as const) {
      await house.gateway.operations.addDevice({ id, owner: 'tests', ...more });
      const first = await house.gateway.operations.issueDevice({ id });
      const { client, down } = await connectCounted(house, first, id);
      const device = await new Speaker(client, id, 'cbor').listen();
      await house.gateway.operations.runRenewal({ device: id });
      const { renewal } = await device.next('offer');
      await device.say({ word: 'csr', renewal, csr: (await newRequest(id)).csr });
      const offer = await nextIssued(device);
      replacementOf(offer, await fetchStretch(device, offer, 0, totalOf(offer)));
      expect(down.largest).toBeLessThanOrEqual(limit);
      expect(down.largest).toBeGreaterThan(limit / 2);
      await client.endAsync();
    }
  });

  it('also to a persistent session, which is offered anew instead of sent what it did not acknowledge', async () => {
    const id = 'sleeper';
    const first = await house.device(id);
    const one = await connectCounted(house, first, id, { clean: false });
    const device = new Speaker(one.client, id, 'cbor');
    await device.say({ word: 'hello', maxPacket: 200 });
    await device.listen();
    await house.gateway.operations.runRenewal({ device: id });
    const { renewal } = await device.next('offer');
    await device.say({ word: 'csr', renewal, csr: (await newRequest(id)).csr });
    const offer = await nextIssued(device);
    // Nothing of this is acknowledged before the power goes.
    const cut = new Promise<void>((resolve) => one.client.once('packetreceive', () => resolve(one.cut())));
    void device.say({ word: 'get', renewal, offset: 0, length: totalOf(offer) });
    await cut;
    const two = await connectCounted(house, first, id, { clean: false });
    const back = new Speaker(two.client, id, 'cbor');
    await back.say({ word: 'hello', maxPacket: 150 });
    const again = await nextIssued(back);
    await nextIssued(back);
    expect(back.heard).toEqual([]);
    replacementOf(again, await fetchStretch(back, again, 0, totalOf(again)));
    expect(one.down.largest).toBeLessThanOrEqual(200);
    expect(two.down.largest).toBeLessThanOrEqual(150);
    await two.client.endAsync();
  });
});

/** A device with its request accepted and its replacement ready to be fetched, in a house whose clock a test turns. */
async function openIssued(maxPacket: number) {
  let ahead = 0;
  const house = await openHouse({ yaml: hours, clock: { now: () => Date.now() + ahead } });
  const first = await house.device('pump-1');
  const { keyPem, csr } = await newRequest('pump-1');
  const arrive = async () => {
    const { client, cut } = await connectCounted(house, first, 'pump-1');
    const device = new Speaker(client, 'pump-1', 'cbor');
    await device.say({ word: 'hello', maxPacket });
    await device.listen();
    return { device, cut };
  };
  const { device, cut } = await arrive();
  await house.gateway.operations.runRenewal({ device: 'pump-1' });
  const { renewal } = await device.next('offer');
  await device.say({ word: 'csr', renewal, csr });
  const offer = await nextIssued(device);
  // Nobody speaks as often as these tests do: their clock runs ahead by what each message costs the throttle.
  const spend = () => {
    ahead += 400;
  };
  return { house, first, keyPem, device, cut, offer, arrive, spend };
}

describe('a replacement', () => {
  let opened: Awaited<ReturnType<typeof openIssued>>;
  afterEach(async () => {
    opened.cut();
    await opened.house.close();
  });

  it('is fetched from any offset to its end', async () => {
    opened = await openIssued(256);
    const { device, offer, spend } = opened;
    const whole = replacementOf(offer, await fetchStretch(device, offer, 0, totalOf(offer)));
    for (let offset = 0; offset < totalOf(offer); offset += 1) {
      spend();
      const rest = await fetchStretch(device, offer, offset, totalOf(offer));
      expect(Buffer.compare(rest, whole.subarray(offset))).toBe(0);
    }
  });

  it('is fetched over any number of connections, cut after any number of bytes', async () => {
    opened = await openIssued(128);
    const { offer, arrive, spend } = opened;
    let line = { device: opened.device, cut: opened.cut };
    const steps = fc.array(fc.record({ length: fc.integer({ min: 1, max: 200 }), cut: fc.boolean() }), {
      minLength: 1,
      maxLength: 8,
    });
    await fc.assert(
      fc.asyncProperty(steps, async (stretches) => {
        let fetched = new Uint8Array();
        for (const { length, cut } of [...stretches, { length: totalOf(offer), cut: true }]) {
          if (fetched.length === totalOf(offer)) break;
          spend();
          const more = await fetchStretch(line.device, offer, fetched.length, length);
          fetched = Buffer.concat([fetched, more]);
          if (!cut) continue;
          line.cut();
          line = await arrive();
        }
        expect(replacementOf(offer, fetched)).toHaveLength(offer.size ?? 0);
      }),
      { numRuns: 12 },
    );
    line.cut();
  });

  it('is delivered once its last byte was sent, and no sooner', async () => {
    opened = await openIssued(256);
    const { house, device, offer } = opened;
    const state = async () => (await house.gateway.operations.showDevice({ id: 'pump-1' })).renewals[0]?.state;
    await fetchStretch(device, offer, 0, totalOf(offer) - 1);
    expect(await state()).toBe('issued');
    await fetchStretch(device, offer, totalOf(offer) - 1, 1);
    await house.log.until('renewal.delivered');
    expect(await state()).toBe('delivered');
    await fetchStretch(device, offer, 0, totalOf(offer));
    expect(house.log.count('renewal.delivered')).toBe(1);
  });

  it('is the same in both encodings, and after a restart', async () => {
    opened = await openIssued(256);
    const { house, first, device, offer } = opened;
    const before = await fetchStretch(device, offer, 0, totalOf(offer));
    opened.cut();
    await house.restart();
    const client = await connect(house, first, 'pump-1');
    const other = await new Speaker(client, 'pump-1', 'json').listen();
    const again = await nextIssued(other);
    expect(Buffer.compare(await fetchStretch(other, again, 0, totalOf(again)), before)).toBe(0);
    await client.endAsync();
  });
});
