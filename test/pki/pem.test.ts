import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { derToPem, pemToDer } from '../../src/pki/pem.ts';

describe('PEM', () => {
  it('carries any bytes there and back, several blocks in order', () => {
    const some = fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(some, (ders) => {
        const text = ders.map((der) => derToPem(der, 'CERTIFICATE')).join('');
        expect(pemToDer(text, 'CERTIFICATE')).toEqual(ders);
        expect(pemToDer(text.replaceAll('\n', '\r\n'), 'CERTIFICATE')).toEqual(ders);
      }),
    );
  });

  it('allows text around the blocks, as openssl writes it', () => {
    expect(pemToDer(`subject=CN = a\n${derToPem(Uint8Array.of(1), 'X509 CRL')}`, 'X509 CRL')).toEqual([
      Uint8Array.of(1),
    ]);
  });

  it.each([
    ['blanks after the labels', '-----BEGIN CERTIFICATE----- \t\nAQID\n-----END CERTIFICATE-----  \n'],
    ['blanks and blank lines within', '-----BEGIN CERTIFICATE-----\n\n AQ\t\n\n  ID \n-----END CERTIFICATE-----\n'],
    ['no newline at the end', '-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----'],
    ['no newline before the end', '-----BEGIN CERTIFICATE-----\nAQID-----END CERTIFICATE-----\n'],
    ['everything in one line', '-----BEGIN CERTIFICATE-----AQID-----END CERTIFICATE-----'],
    ['old line ends', '-----BEGIN CERTIFICATE-----\rAQID\r-----END CERTIFICATE-----\r'],
    ['lines of one character', '-----BEGIN CERTIFICATE-----\nA\nQ\nI\nD\n-----END CERTIFICATE-----\n'],
    [
      'a ruler before it',
      '----------------------------------------\n-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n',
    ],
    [
      'a signed message around it',
      '-----\nhello\n-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n-- \n----- Anna -----\n',
    ],
    [
      'a byte order mark, a preamble and a NUL',
      '\ufeffSubject: a\n-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n\0',
    ],
  ])('reads a block with %s', (_name, text) => {
    expect(pemToDer(text, 'CERTIFICATE')).toEqual([Uint8Array.of(1, 2, 3)]);
  });

  it.each([
    ['no block', 'hello'],
    ['another label', derToPem(Uint8Array.of(1), 'PRIVATE KEY')],
    [
      'a second block of another label',
      derToPem(Uint8Array.of(1), 'CERTIFICATE') + derToPem(Uint8Array.of(1), 'PRIVATE KEY'),
    ],
    ['labels that differ', '-----BEGIN CERTIFICATE-----\nAQ==\n-----END X509 CRL-----\n'],
    ['no end', '-----BEGIN CERTIFICATE-----\nAQ==\n'],
    [
      'an end without a beginning beside a block',
      `${derToPem(Uint8Array.of(1), 'CERTIFICATE')}-----END CERTIFICATE-----\n`,
    ],
    [
      'a beginning without an end beside a block',
      `${derToPem(Uint8Array.of(1), 'CERTIFICATE')}-----BEGIN X509 CRL-----\n`,
    ],
    ['an empty block', '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n'],
    ['base64 with a character missing', '-----BEGIN CERTIFICATE-----\nAQ=\n-----END CERTIFICATE-----\n'],
    ['base64 with stray bits', '-----BEGIN CERTIFICATE-----\nAR==\n-----END CERTIFICATE-----\n'],
    ['something that is not base64', '-----BEGIN CERTIFICATE-----\nA*==\n-----END CERTIFICATE-----\n'],
  ])('refuses %s', (_name, text) => {
    expect(pemToDer(text, 'CERTIFICATE')).toBeNull();
  });

  // Were every beginning searched for an end to the end of the text, this would not return within the test's time.
  it('is read once from beginning to end', () => {
    const text = '-----BEGIN CERTIFICATE-----\n'.repeat(200_000);
    expect(pemToDer(text, 'CERTIFICATE')).toBeNull();
  });
});
