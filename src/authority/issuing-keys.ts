// The issuing CAs of a home as files: makes their keys, has the root certify them or takes what was signed elsewhere, and takes away what
// is over. Each file is written whole, and each before the ledger refers to it.
import { join } from 'node:path';
import { operatorUri } from '../domain/api-credential.ts';
import { NolapseError } from '../domain/errors.ts';
import type { IssuingSlot } from '../domain/issuing-slots.ts';
import { signCa, signOperator } from '../pki/certificate.ts';
import { isIssuerOf, isSignedBy } from '../pki/chain.ts';
import { makeCsr } from '../pki/own-request.ts';
import { keyIdentifier, readKey } from '../pki/public-key.ts';
import { newSerial } from '../pki/serial.ts';
import { fingerprintOf, readCertificate } from '../pki/x509.ts';
import type { Entropy } from '../ports/clock.ts';
import type { CaPlace, IssuingCas, MadeCa, OperatorBody } from '../ports/issuing-cas.ts';
import { has, issuingPair, removePkiFiles, rootPair } from './files.ts';
import { issuerOf, openIssuingCa, readIssuingCa } from './issuing-ca.ts';
import {
  makeKeyAside,
  readCertificates,
  readKeyFile,
  readPair,
  spkiOf,
  writeCertificates,
  writeKey,
} from './key-pair.ts';
import { faultsOfIssuing } from './local.ts';
import { offeredCa } from './offered-ca.ts';
import type { Profiles } from './profiles.ts';
import { ownValidity } from './server-certificate.ts';

export interface IssuingKeysOptions {
  readonly passphrase: string | undefined;
  readonly profiles: Profiles;
  readonly entropy: Entropy;
  readonly use: IssuingCas['use'];
}

/** Ends with the key's, so that no two are confused. */
function commonNameOf(spki: Uint8Array): string {
  return `nolapse issuing ${Buffer.from(keyIdentifier(spki).subarray(0, 4)).toString('hex')}`;
}

export class IssuingKeys implements IssuingCas {
  readonly #dir: string;
  readonly #options: IssuingKeysOptions;

  constructor(dir: string, options: IssuingKeysOptions) {
    this.#dir = dir;
    this.#options = options;
  }

  get lifetimeMs(): number {
    return this.#options.profiles.issuing.lifetimeMs;
  }

  root(number: number): ReturnType<IssuingCas['root']> {
    const name = rootPair(number);
    const { facts } = readCertificates(this.#dir, `${name}.crt`);
    return { notAfter: facts.notAfter, hasKey: has(this.#dir, `${name}.key`) };
  }

  async make(place: CaPlace, now: number): Promise<MadeCa> {
    const { entropy, passphrase, profiles } = this.#options;
    const root = readPair(this.#dir, rootPair(place.root), passphrase);
    const issuer = issuerOf(root);
    const { keyFingerprint } = await this.makeKey(place);
    const spki = spkiOf(readKeyFile(this.#dir, `${issuingPair(place.number)}.key`, passphrase));
    const der = signCa(
      {
        serial: newSerial(entropy),
        commonName: commonNameOf(spki),
        ...ownValidity(now, profiles.issuing, root.facts.notAfter),
        spki,
        usages: profiles.issuing,
        pathLength: profiles.issuing.pathLength,
      },
      issuer,
    );
    return { keyFingerprint, certificate: this.keep(place.number, der) };
  }

  async makeKey({ number, root }: CaPlace): Promise<Pick<MadeCa, 'keyFingerprint'>> {
    const name = issuingPair(number);
    const { facts } = readCertificates(this.#dir, `${rootPair(root)}.crt`);
    const rsaBits = facts.key.algorithm === 'rsa' ? facts.key.bits : null;
    const key = await makeKeyAside(this.#options.profiles.issuing, rsaBits);
    removePkiFiles(this.#dir, [`${name}.crt`]);
    writeKey(this.#dir, `${name}.key`, key, this.#options.passphrase);
    return { keyFingerprint: readKey(spkiOf(key)).fingerprint };
  }

  request(slot: Pick<IssuingSlot, 'number' | 'keyFingerprint'>): Uint8Array {
    const key = this.#keyOf(slot);
    return makeCsr(commonNameOf(spkiOf(key)), key);
  }

  async take(
    slot: IssuingSlot,
    files: Parameters<IssuingCas['take']>[1],
    others: readonly IssuingSlot[],
    now: number,
  ): ReturnType<IssuingCas['take']> {
    this.#keyOf(slot);
    const root = readCertificates(this.#dir, `${rootPair(slot.root)}.crt`);
    const names = others
      .filter(({ certificate }) => certificate !== null)
      .map(({ number, root: above }) => ({
        name: readIssuingCa(this.#dir, { number, root: above, fingerprint: null }).facts.subject,
        of: `issuing CA ${number}`,
      }));
    const found = offeredCa(files, {
      keyFingerprint: slot.keyFingerprint,
      root: root.facts,
      rootDer: root.ders[0],
      names: [...names, { name: root.facts.subject, of: 'its root' }],
      now,
    });
    return 'faults' in found ? found : this.keep(slot.number, found.der);
  }

  async certifyOperator(slot: IssuingSlot, { name, ...body }: OperatorBody): Promise<[Uint8Array, ...Uint8Array[]]> {
    const { number, root, certificate } = slot;
    const named = { number, root, fingerprint: certificate?.fingerprint ?? null };
    const { issuer, facts, chain } = openIssuingCa(this.#dir, this.#options.passphrase, named);
    const der = signOperator(
      {
        ...body,
        serial: newSerial(this.#options.entropy),
        // No principal has an id with a space in it.
        commonName: `operator ${name}`.slice(0, 64),
        notAfter: Math.min(body.notAfter, facts.notAfter),
        usages: { keyUsage: ['digitalSignature'], extendedKeyUsage: ['clientAuth'] },
        uri: operatorUri(name),
      },
      issuer,
    );
    return [der, ...chain];
  }

  forget(number: number): void {
    const name = issuingPair(number);
    removePkiFiles(this.#dir, [`${name}.key`, `${name}.crt`]);
  }

  check(slots: readonly IssuingSlot[]): void {
    faultsOfIssuing(this.#dir, this.#options.passphrase, slots);
  }

  use(slots: readonly IssuingSlot[]): void {
    this.#options.use(slots);
  }

  signerOf(certificate: Uint8Array, slots: readonly IssuingSlot[]): number | null {
    for (const { number, root, certificate: known } of slots) {
      if (known === null) continue;
      const { chain } = readIssuingCa(this.#dir, { number, root, fingerprint: known.fingerprint });
      if (isIssuerOf(chain[0], certificate) && isSignedBy(certificate, chain[0])) return number;
    }
    return null;
  }

  /** The key that the ledger knows under this number. Fails with NolapseError `key_mismatch` where the file holds another. */
  #keyOf({ number, keyFingerprint }: Pick<IssuingSlot, 'number' | 'keyFingerprint'>) {
    const name = issuingPair(number);
    const key = readKeyFile(this.#dir, `${name}.key`, this.#options.passphrase);
    if (readKey(spkiOf(key)).fingerprint === keyFingerprint) return key;
    throw new NolapseError(
      'key_mismatch',
      `${join(this.#dir, name)}.key is another key than the one that was asked for`,
    );
  }

  /** Keeps its certificate. */
  keep(number: number, der: Uint8Array): MadeCa['certificate'] {
    const { notBefore, notAfter } = readCertificate(der);
    writeCertificates(this.#dir, `${issuingPair(number)}.crt`, [der]);
    return { fingerprint: fingerprintOf(der), notBefore, notAfter };
  }
}
