import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { completed, type Download, downloadOf, resume, withPart } from '../../src/simulator/download.ts';

const digest = (bytes: Uint8Array) => new Uint8Array(createHash('sha256').update(bytes).digest());
const offer = { word: 'offer', renewal: 'r', mode: 'csr', deadline: 0, now: 0 } as const;

function begin(replacement: Uint8Array, inOffer: boolean): Download {
  const size = replacement.length;
  const download = downloadOf(inOffer ? { ...offer, size, sha256: digest(replacement) } : { ...offer, size });
  if (!download) throw new Error('nothing is offered');
  return download;
}

describe('a download', () => {
  it('begins with an offer that has a size, and with no other', () => {
    expect(downloadOf(offer)).toBeNull();
    expect(downloadOf({ ...offer, size: 10 })).toMatchObject({ total: 42, sha256: null });
    expect(downloadOf({ ...offer, size: 10, sha256: digest(new Uint8Array(10)) })).toMatchObject({ total: 10 });
  });

  it('goes on only with the same replacement', () => {
    const one = begin(Uint8Array.of(1, 2, 3), true);
    const kept = withPart(one, { word: 'part', renewal: 'r', offset: 0, total: 3, bytes: Uint8Array.of(1) });
    expect(resume(kept, one)).toBe(kept);
    expect(resume(kept, begin(Uint8Array.of(1, 2, 4), true)).bytes).toHaveLength(0);
    expect(resume(kept, { ...one, renewal: 's' }).bytes).toHaveLength(0);
    expect(resume(null, one)).toBe(one);
  });

  it('is complete however it is cut, whatever is repeated, late or astray', () => {
    const replacement = fc.uint8Array({ minLength: 1, maxLength: 300 });
    const tries = fc.array(fc.tuple(fc.nat(400), fc.integer({ min: 1, max: 60 })), { maxLength: 40 });
    fc.assert(
      fc.property(replacement, fc.boolean(), tries, (bytes, inOffer, stray) => {
        let download = begin(bytes, inOffer);
        const whole = inOffer ? bytes : Buffer.concat([bytes, digest(bytes)]);
        const part = (offset: number, length: number) =>
          ({
            word: 'part',
            renewal: 'r',
            offset,
            total: whole.length,
            bytes: whole.subarray(offset, offset + length),
          }) as const;
        for (const [offset, length] of stray) {
          download = withPart(download, part(offset, length)) ?? download;
          expect(Buffer.from(whole.subarray(0, download.bytes.length)).equals(download.bytes)).toBe(true);
        }
        while (completed(download) === null) {
          const next = withPart(download, part(download.bytes.length, 40));
          if (!next) throw new Error('the next part was not taken');
          download = next;
        }
        expect(Buffer.from(bytes).equals(completed(download) as Uint8Array)).toBe(true);
      }),
    );
  });

  it('is corrupt when any bit of it is another', () => {
    const replacement = fc.uint8Array({ minLength: 1, maxLength: 100 });
    fc.assert(
      fc.property(replacement, fc.boolean(), fc.nat(), fc.nat(7), (bytes, inOffer, at, bit) => {
        const whole = Uint8Array.from(inOffer ? bytes : Buffer.concat([bytes, digest(bytes)]));
        const place = at % whole.length;
        whole[place] = (whole[place] ?? 0) ^ (1 << bit);
        expect(completed({ ...begin(bytes, inOffer), bytes: whole })).toBe('corrupt');
      }),
    );
  });

  it('takes no part that reaches beyond its end, or of another total', () => {
    const download = begin(Uint8Array.of(1, 2, 3), true);
    const part = { word: 'part', renewal: 'r', offset: 0, total: 3, bytes: new Uint8Array(4) } as const;
    expect(withPart(download, part)).toBeNull();
    expect(withPart(download, { ...part, total: 4 })).toBeNull();
  });
});
