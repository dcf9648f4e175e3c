// The slots of roots over a ledger and a PKI of their own.
import { describe, expect, it } from 'vitest';
import { fingerprintOf, readCertificate } from '../../src/pki/x509.ts';
import { assembled } from './assembled.ts';

describe('a home that had no slots of roots', () => {
  it('gets its root as the first and current one, at its first start and not again', async () => {
    const home = await assembled();
    const { store, served } = home.app;
    const { notBefore, notAfter } = readCertificate(served.root);
    const [root, ...others] = await store.read.rootSlots();
    expect(root).toMatchObject({
      number: 1,
      state: 'current',
      fingerprint: fingerprintOf(served.root),
      notBefore,
      notAfter,
    });
    expect(root).toMatchObject({ port: null, sequence: null, distributedAt: null, backupAt: null, endedAt: null });
    expect(others).toEqual([]);
    await home.close();
  });
});
