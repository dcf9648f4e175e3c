// Strangers' chains over real TLS, which verifies none of them: what introduces a stranger is found by the broker's own code, whether
// the CAs between it and an anchor were sent along or are the broker's own.
import { join } from 'node:path';
import type { IClientOptions } from 'mqtt';
import { afterEach, describe, expect, it } from 'vitest';
import { readCertificates, readKeyFile } from '../../src/authority/key-pair.ts';
import { keyIdentifier } from '../../src/pki/public-key.ts';
import { signerFor } from '../../src/pki/signature.ts';
import { readCertificate } from '../../src/pki/x509.ts';
import { spkiOf } from '../pki/made.ts';
import { makeCa, makeLeaf, sentWith } from './ca.ts';
import { connackOf, type House, openHouse } from './harness.ts';

let house: House;
afterEach(() => house.close());

const admitted = 0;
const refused = 5;

/** A house that expects pump-1. */
async function expecting(anchor: string, files: Record<string, string>): Promise<void> {
  house = await openHouse({ yaml: `bootstrap: { anchors: [${anchor}] }`, files });
  await house.gateway.operations.addDevice({ id: 'pump-1', owner: 'tests' });
}

describe.each(['TLSv1.2', 'TLSv1.3'] as const)('a stranger over %s', (version) => {
  const versions = { minVersion: version, maxVersion: version };
  const connack = (credentials: Parameters<typeof connackOf>[1]) =>
    connackOf(house, credentials, 'pump-1', versions as IClientOptions);

  it('is introduced by the chain it sends, and by nothing less', async () => {
    const root = makeCa('Maker root', null);
    const line = makeCa('Line 1', root);
    await expecting('maker.crt', { 'maker.crt': root.pem });
    const leaf = makeLeaf('pump-1', line.issuer);
    expect(await connack(leaf)).toBe(refused);
    // The forger's CAs have the same names and other keys.
    const forgedRoot = makeCa('Maker root', null);
    const forgedLine = makeCa('Line 1', forgedRoot);
    expect(await connack(sentWith(makeLeaf('pump-1', forgedLine.issuer), forgedLine, forgedRoot))).toBe(refused);
    expect(await connack(sentWith(makeLeaf('pump-1', forgedLine.issuer), line, root))).toBe(refused);
    expect(await connack(makeLeaf('pump-1', forgedRoot.issuer))).toBe(refused);
    expect(await connack(sentWith(leaf, line))).toBe(admitted);
  });

  it('is introduced by its certificate alone, where the anchor itself signed it', async () => {
    const root = makeCa('Maker root', null);
    await expecting('maker.crt', { 'maker.crt': root.pem });
    expect(await connack(makeLeaf('pump-1', root.issuer))).toBe(admitted);
  });

  it('is introduced by its certificate alone, where our issuing CA signed it and our root is an anchor', async () => {
    await expecting('pki/root.crt', {});
    const pki = join(house.home, 'pki');
    const key = readKeyFile(pki, 'issuing.key', undefined);
    const [issuing = new Uint8Array()] = readCertificates(pki, 'issuing.crt').ders;
    const name = readCertificate(issuing).subject;
    const issuer = { name, keyId: keyIdentifier(spkiOf(key)), signer: signerFor(key) };
    const forged = { ...issuer, signer: makeCa('nobody', null).issuer.signer };
    expect(await connack(makeLeaf('pump-1', forged))).toBe(refused);
    expect(await connack(makeLeaf('pump-1', issuer))).toBe(admitted);
  });
});
