// Requests that come in parts: cut anywhere, repeated, overlapping, out of order, begun anew.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addPart, isWhole, type Upload, type UploadPart } from '../../src/domain/upload.ts';

const totalMax = 8_192;
const request = Uint8Array.from({ length: 250 }, (_, index) => (index * 7) & 0xff);

function part(offset: number, end: number, of = request): UploadPart {
  return { offset, total: of.length, bytes: of.subarray(offset, end) };
}

function put(upload: Upload | null, each: UploadPart): Upload {
  const added = addPart(upload, each, totalMax);
  if (added.kind === 'refused') throw new Error(added.code);
  return added.upload;
}

function codeOf(upload: Upload | null, each: UploadPart): string {
  const added = addPart(upload, each, totalMax);
  return added.kind === 'refused' ? added.code : 'added';
}

describe('a request in parts', () => {
  it('is whole once its last byte has come', () => {
    const first = put(null, part(0, 100));
    expect(isWhole(first)).toBe(false);
    const whole = put(first, part(100, 250));
    expect(isWhole(whole)).toBe(true);
    expect(whole.bytes).toEqual(request);
  });

  it('is refused where a part does not fit onto what is there', () => {
    const begun = put(null, part(0, 100));
    const other = Uint8Array.from(request, (byte) => byte ^ 1);
    expect(codeOf(null, part(100, 250))).toBe('part_missing');
    expect(addPart(begun, part(101, 250), totalMax)).toMatchObject({ code: 'part_missing', detail: 'from 100' });
    expect(codeOf(begun, part(99, 250, other))).toBe('part_mismatch');
    expect(codeOf(begun, { ...part(100, 200), total: 251 })).toBe('part_mismatch');
    expect(codeOf(begun, { offset: 100, total: 250, bytes: new Uint8Array() })).toBe('part_out_of_range');
    expect(codeOf(begun, { offset: 249, total: 250, bytes: new Uint8Array(2) })).toBe('part_out_of_range');
    expect(codeOf(begun, { offset: Number.MAX_SAFE_INTEGER, total: 250, bytes: new Uint8Array(1) })).toBe(
      'part_out_of_range',
    );
    expect(codeOf(null, { offset: 0, total: 0, bytes: new Uint8Array() })).toBe('part_out_of_range');
    expect(codeOf(null, { offset: 0, total: totalMax + 1, bytes: new Uint8Array(1) })).toBe('csr_too_large');
  });

  it('begins anew at 0 with other bytes or another length, and goes on at 0 with the same', () => {
    const other = Uint8Array.from(request, (byte) => byte ^ 1);
    const begun = put(null, part(0, 100));
    expect(put(begun, part(0, 10, other))).toEqual({ total: 250, bytes: other.subarray(0, 10) });
    expect(put(begun, { offset: 0, total: 11, bytes: request.subarray(0, 10) }).total).toBe(11);
    expect(put(begun, part(0, 10))).toEqual(begun);
  });

  const bytes = fc.uint8Array({ minLength: 1, maxLength: 400 });
  const cuts = fc.array(fc.nat(), { maxLength: 20 });

  it('comes together however it is cut and whatever comes again', () => {
    fc.assert(
      fc.property(bytes, cuts, fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 10 }), (whole, at, again) => {
        const ends = [...new Set([...at.map((cut) => cut % whole.length), whole.length])].filter((end) => end > 0);
        let upload: Upload | null = null;
        let from = 0;
        for (const end of ends.sort((a, b) => a - b)) {
          // A stretch that came again may have reached this far already.
          if (end <= from) continue;
          upload = put(upload, part(from, end, whole));
          from = end;
          for (const [offset, length] of again) {
            // Any stretch that begins where something has arrived, also one that reaches beyond it.
            const start = offset % (upload.bytes.length + 1);
            if (start === whole.length) continue;
            upload = put(upload, part(start, Math.min(whole.length, start + 1 + (length % 50)), whole));
          }
          from = upload.bytes.length;
          if (from === whole.length) break;
        }
        expect(upload && isWhole(upload)).toBe(true);
        expect(upload?.bytes).toEqual(whole);
      }),
    );
  });

  it('never holds what was not sent, loses nothing to a refusal and never grows past its end', () => {
    const parts = fc.array(
      fc.record({ offset: fc.nat(60), total: fc.constantFrom(40, 50), bytes: fc.uint8Array({ maxLength: 20 }) }),
      { maxLength: 30 },
    );
    fc.assert(
      fc.property(parts, (sequence) => {
        let upload: Upload | null = null;
        for (const each of sequence) {
          const before: Upload | null = upload && { total: upload.total, bytes: Uint8Array.from(upload.bytes) };
          const added = addPart(upload, each, 45);
          if (added.kind === 'refused') {
            expect(upload).toEqual(before);
            continue;
          }
          expect(added.upload.total).toBe(each.total);
          expect(added.upload.bytes.length).toBeLessThanOrEqual(added.upload.total);
          const there = added.upload.bytes.subarray(each.offset, each.offset + each.bytes.length);
          expect(there).toEqual(each.bytes);
          upload = added.upload;
        }
      }),
    );
  });
});
