// Gets and parts that do not fit what there is: each has its code and its count, changes nothing, and the delivery goes on.
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EnrollmentCode } from '../../src/domain/errors.ts';
import type { UpMessage } from '../../src/domain/message.ts';
import { connect, type House, newRequest, openHouse, pemOf, Speaker } from './harness.ts';
import { fetchStretch, nextIssued, replacementOf, sendInParts, totalOf } from './piecemeal.ts';

describe('a message that does not fit', () => {
  let house: House;
  let device: Speaker;
  let renewal: string;

  beforeEach(async () => {
    house = await openHouse({ yaml: 'classes: { default: { lifetime: 1h, renewAt: 66%, overlap: 10m, grace: 1h } }' });
    const first = await house.device('pump-1');
    device = await new Speaker(await connect(house, first, 'pump-1'), 'pump-1', 'cbor').listen();
    await house.gateway.operations.runRenewal({ device: 'pump-1' });
    ({ renewal } = await device.next('offer'));
    await house.log.until('renewal.offered');
  });
  afterEach(async () => {
    await device.client.endAsync(true);
    await house.close();
  });

  async function stateNow(): Promise<unknown> {
    const { renewals, certificates } = await house.gateway.operations.showDevice({ id: 'pump-1' });
    return { state: renewals[0]?.state, requests: renewals[0]?.requests, certificates: certificates.length };
  }

  /** It is answered with its code, counted once, and changes nothing. */
  async function expectRefused(code: EnrollmentCode, message: UpMessage, detail?: string): Promise<void> {
    const before = await stateNow();
    const counted = await house.metrics.value('nolapse_enrollment_errors_total', { code });
    await device.say(message);
    const error = await device.next('error');
    expect(error).toMatchObject({ code, ...(detail !== undefined && { detail }) });
    expect(await house.metrics.value('nolapse_enrollment_errors_total', { code })).toBe(counted + 1);
    expect(await stateNow()).toEqual(before);
  }

  it('is refused where a part of a request does not fit, and what was sent before stays', async () => {
    const { csr } = await newRequest('pump-1');
    const total = csr.length;
    const part = (offset: number, end: number) =>
      ({ word: 'csr', renewal, offset, total, bytes: csr.subarray(offset, end) }) as const;
    const wrong = Uint8Array.from(csr, (byte) => byte ^ 1);
    await expectRefused('part_missing', part(50, 60), 'from 0');
    await device.say(part(0, 50));
    await expectRefused('part_missing', part(60, 70), 'from 50');
    await expectRefused('part_mismatch', { ...part(49, 60), bytes: wrong.subarray(49, 60) });
    await expectRefused('part_mismatch', { ...part(50, 60), total: total + 1 });
    await expectRefused('part_out_of_range', { ...part(50, 60), offset: total - 9 });
    await expectRefused('part_out_of_range', { ...part(50, 60), offset: Number.MAX_SAFE_INTEGER });
    await expectRefused('part_out_of_range', { ...part(50, 60), bytes: new Uint8Array() });
    await expectRefused('csr_too_large', { ...part(50, 60), total: 8_193 });
    await expectRefused('unknown_renewal', { ...part(50, 60), renewal: 'somebody' });
    await expectRefused('missing_field', { word: 'csr', renewal, offset: 0, total });
    // After all that the request goes on from where it was.
    await device.say(part(40, total));
    await nextIssued(device);
    expect(await stateNow()).toMatchObject({ requests: 1, certificates: 2 });
  });

  it('is refused when the parts make no request, and another one can be sent', async () => {
    const garbage = new Uint8Array(100).fill(0x30);
    const half = { word: 'csr', renewal, offset: 0, total: 100, bytes: garbage.subarray(0, 50) } as const;
    await device.say(half);
    await expectRefused('malformed_csr', { ...half, offset: 50, bytes: garbage.subarray(50) });
    await expectRefused('part_missing', { ...half, offset: 50, bytes: garbage.subarray(50) }, 'from 0');
    await device.say(half);
    await sendInParts(device, renewal, (await newRequest('pump-1')).csr, 256);
    await nextIssued(device);
  });

  it("is refused where there is nothing to fetch, or nothing of one's own", async () => {
    const get = { word: 'get', renewal, offset: 0, length: 100 } as const;
    await expectRefused('wrong_state', get);
    await expectRefused('unknown_renewal', { ...get, renewal: 'somebody' });
    const second = await house.device('pump-2');
    const other = await new Speaker(await connect(house, second, 'pump-2'), 'pump-2', 'cbor').listen();
    await house.gateway.operations.runRenewal({ device: 'pump-2' });
    const theirs = await other.next('offer');
    await other.say({ word: 'csr', renewal: theirs.renewal, csr: (await newRequest('pump-2')).csr });
    await nextIssued(other);
    await expectRefused('unknown_renewal', { ...get, renewal: theirs.renewal });
    await expectRefused('unknown_renewal', {
      ...{ word: 'csr', renewal: theirs.renewal, offset: 0, total: 2, bytes: new Uint8Array(1) },
    });
    await other.client.endAsync(true);
  });

  it('is refused where it calls a replacement stored, or a step that was never announced', async () => {
    const stored = { word: 'ack', renewal, status: 'stored' } as const;
    await expectRefused('wrong_state', stored);
    await device.say({ word: 'csr', renewal, csr: (await newRequest('pump-1')).csr });
    await nextIssued(device);
    await expectRefused('wrong_state', stored);
    await expectRefused('unknown_renewal', { ...stored, renewal: 't1796083200' });
    await expectRefused('unknown_renewal', { ...stored, renewal: 't1796083200', status: 'failed' });
  });

  it('is refused outside of what there is to fetch, and the rest is fetched all the same', async () => {
    const { keyPem, csr } = await newRequest('pump-1');
    await device.say({ word: 'csr', renewal, csr });
    const offer = await nextIssued(device);
    const get = { word: 'get', renewal, offset: 0, length: 100 } as const;
    const total = totalOf(offer);
    await expectRefused('part_out_of_range', { ...get, offset: total });
    await expectRefused('part_out_of_range', { ...get, offset: Number.MAX_SAFE_INTEGER });
    await expectRefused('part_out_of_range', { ...get, length: 0 });
    const beyond = { ...get, offset: total - 1, length: Number.MAX_SAFE_INTEGER };
    await device.say(beyond);
    expect((await device.next('part')).bytes).toHaveLength(1);
    const leaf = replacementOf(offer, await fetchStretch(device, offer, 0, total));
    const renewed = await connect(house, { certificatePem: pemOf([leaf]), keyPem }, 'pump-1:new');
    await house.log.until('renewal.activated');
    await expectRefused('renewal_closed', get);
    await renewed.endAsync();
  });

  it('changes nothing, whatever its numbers are', async () => {
    const { csr } = await newRequest('pump-1');
    await device.say({ word: 'csr', renewal, offset: 0, total: csr.length, bytes: csr.subarray(0, 100) });
    const before = await stateNow();
    const number = fc.oneof(fc.nat(400), fc.maxSafeNat());
    const bytes = fc.uint8Array({ minLength: 1, maxLength: 40 });
    const message: fc.Arbitrary<UpMessage> = fc.oneof(
      fc.record({ word: fc.constant('get' as const), renewal: fc.constant(renewal), offset: number, length: number }),
      fc.record({
        word: fc.constant('csr' as const),
        renewal: fc.constant(renewal),
        // A part at 0 would rightly begin anew.
        offset: number.map((each) => Math.max(1, each)),
        total: fc.oneof(fc.constant(csr.length), number),
        bytes,
      }),
    );
    await fc.assert(
      fc.asyncProperty(message, async (each) => {
        if (each.word === 'csr' && each.offset === 100 && each.total === csr.length) return;
        await device.say(each);
      }),
      { numRuns: 20 },
    );
    expect(device.client.connected).toBe(true);
    expect(await stateNow()).toEqual(before);
    await device.say({ word: 'csr', renewal, offset: 100, total: csr.length, bytes: csr.subarray(100) });
    await nextIssued(device);
  });
});
