// A key in an envelope: only the holder of the certificate's key opens it, and nothing of it is the same twice.
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { initPki } from '../../src/authority/init.ts';
import { openLocalAuthority } from '../../src/authority/local.ts';
import { DerError } from '../../src/pki/der-reader.ts';
import { canAgree, envelop, newEnvelopedKey } from '../../src/pki/envelope.ts';
import { readKey } from '../../src/pki/public-key.ts';
import { splitReplacement, unwrapKey } from '../../src/simulator/unwrap.ts';
import { approvedFor, ecKey, locations, rsaKey, scratch, serverOptions, spkiOf } from './made.ts';

async function certified(key: KeyObject) {
  const dir = scratch();
  initPki(dir, serverOptions);
  const authority = openLocalAuthority(dir, { locations: () => locations });
  const { certificate: der } = await authority.issue(approvedFor('dev-1', spkiOf(key)));
  return { der, keyPem: key.export({ type: 'pkcs8', format: 'pem' }).toString() };
}

describe('a key made for a device', () => {
  it.each(['P-256', 'P-384'])('is opened with the %s key it was encrypted to', async (curve) => {
    const { der, keyPem } = await certified(ecKey(curve));
    const { spki, envelope } = newEnvelopedKey(der);
    const opened = createPrivateKey(unwrapKey(envelope, keyPem));
    expect(createPublicKey(opened).export({ type: 'spki', format: 'der' })).toEqual(Buffer.from(spki));
    expect(opened.asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
  });

  it('is opened with no other key', async () => {
    const { der } = await certified(ecKey());
    const { envelope } = newEnvelopedKey(der);
    const another = ecKey().export({ type: 'pkcs8', format: 'pem' }).toString();
    expect(() => unwrapKey(envelope, another)).toThrow();
  });

  it('shows nothing of itself in its envelope', async () => {
    const { der, keyPem } = await certified(ecKey());
    const { envelope } = newEnvelopedKey(der);
    const opened = createPrivateKey(unwrapKey(envelope, keyPem));
    const { d = '' } = opened.export({ format: 'jwk' });
    const secret = Buffer.from(d, 'base64url');
    expect(secret).toHaveLength(32);
    expect(Buffer.from(envelope).includes(secret)).toBe(false);
    expect(Buffer.from(envelope).includes(secret.subarray(0, 8))).toBe(false);
  });

  it('is another each time, in an envelope with nothing in common', async () => {
    const { der } = await certified(ecKey());
    const first = newEnvelopedKey(der);
    const second = newEnvelopedKey(der);
    expect(Buffer.from(first.spki).equals(second.spki)).toBe(false);
    // The same content twice: key, vector and ephemeral key are new.
    const one = Buffer.from(envelop(Buffer.alloc(64), der));
    const two = Buffer.from(envelop(Buffer.alloc(64), der));
    expect(one.length).toBe(two.length);
    const same = one.subarray(-80).filter((octet, at) => octet === two.subarray(-80)[at]).length;
    expect(same).toBeLessThan(20);
  });

  it('fits, with its certificate, into what small devices hold', async () => {
    const { der } = await certified(ecKey());
    const { envelope } = newEnvelopedKey(der);
    expect(envelope.length).toBeLessThan(460);
    const { certificate, envelope: rest } = splitReplacement(Buffer.concat([der, envelope]));
    expect(Buffer.from(certificate).equals(der)).toBe(true);
    expect(rest && Buffer.from(rest).equals(envelope)).toBe(true);
    expect(splitReplacement(der).envelope).toBeNull();
  });

  it('cannot be made for a key that agrees on nothing', async () => {
    const key = rsaKey(2_048);
    const { der } = await certified(key);
    expect(canAgree(readKey(spkiOf(key)))).toBe(false);
    expect(canAgree(readKey(spkiOf(ecKey())))).toBe(true);
    expect(() => newEnvelopedKey(der)).toThrow(DerError);
    expect(() => newEnvelopedKey(Buffer.from('nothing'))).toThrow(DerError);
  });

  it('is not opened while a part of its envelope is missing', async () => {
    const { der, keyPem } = await certified(ecKey());
    const { envelope, spki } = newEnvelopedKey(der);
    const whole = createPublicKey(createPrivateKey(unwrapKey(envelope, keyPem)));
    expect(whole.export({ type: 'spki', format: 'der' })).toEqual(Buffer.from(spki));
    for (let length = 0; length < envelope.length; length += 7) {
      expect(() => unwrapKey(envelope.subarray(0, length), keyPem)).toThrow();
    }
  });
});
