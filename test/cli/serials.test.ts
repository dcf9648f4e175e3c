// What a list shows of serial numbers is enough to name each of its certificates by.
import { expect, test } from 'vitest';
import { digitsShown } from '../../src/cli/certificate.ts';

/** As `openssl x509 -CAcreateserial` gives them out: one long random number, counted up. */
const counted = ['5c443a3b7f24259d179db91d6e8ef89ac2d37f38', '5c443a3b7f24259d179db91d6e8ef89ac2d37f39'];

test('serials that begin alike are shown as far as they differ', () => {
  expect(digitsShown(counted)).toBe(40);
  expect(digitsShown([...counted, '822c74f9abbe1981'])).toBe(40);
});

test('serials that differ soon, one serial and none are shown with 16 digits', () => {
  expect(digitsShown(['822c74f9abbe198135392a775b224d84', '808a6f513f761c774272686832f2f1b8'])).toBe(16);
  expect(digitsShown([counted[0] ?? '', counted[0] ?? ''])).toBe(16);
  expect(digitsShown([])).toBe(16);
});

test('a serial that begins another is not cut', () => {
  expect(digitsShown(['1b@4f0c2f6d8a917e35', '1b@4f0c2f6d8a917e36', '1b'])).toBe(19);
});
