// The roots of a home as files: makes the next one with all that is below it, or takes what was made and signed elsewhere. Each file is
// written whole, and each before the ledger refers to it.
import type { KeyObject } from 'node:crypto';
import { join } from 'node:path';
import type { Fingerprint } from '../domain/certificate.ts';
import { stepText, type TrustStep, withdrawalSequence } from '../domain/trust-step.ts';
import { nameOf, signCa } from '../pki/certificate.ts';
import { derToPem } from '../pki/pem.ts';
import { keyIdentifier } from '../pki/public-key.ts';
import { sealWithPassphrase } from '../pki/sealed.ts';
import { newSerial } from '../pki/serial.ts';
import { signerFor } from '../pki/signature.ts';
import { signStep } from '../pki/trust-step.ts';
import { fingerprintOf, readCertificate } from '../pki/x509.ts';
import type { Entropy } from '../ports/clock.ts';
import type { MadeCa } from '../ports/issuing-cas.ts';
import type { AwaitedRoot, DropStep, GivenWithdrawal, MadeRoot, NextRoot, RootCas } from '../ports/root-cas.ts';
import { has, type PkiFile, removePkiFiles, rootPair, secretMode, writePkiFile } from './files.ts';
import type { Named } from './issuing-ca.ts';
import type { IssuingKeys } from './issuing-keys.ts';
import { makeKeyAside, readCertificates, readPair, spkiOf, writeCertificates, writeKey } from './key-pair.ts';
import { offeredRoot } from './offered-root.ts';
import { offeredStep, offeredWithdrawal } from './offered-step.ts';
import type { Profiles } from './profiles.ts';
import { issueServerCertificate, ownValidity, type ServerOptions, secondPair } from './server-certificate.ts';

export interface RootKeysOptions {
  readonly passphrase: string | undefined;
  readonly profiles: Profiles;
  readonly entropy: Entropy;
  readonly issuing: IssuingKeys;
  /** What the server's pair is made with, under this issuing CA. */
  readonly server: (issuing: Named) => ServerOptions;
}

const withdrawalOf = (number: number): PkiFile => `root-${number}.withdrawal`;

export class RootKeys implements RootCas {
  readonly #dir: string;
  readonly #options: RootKeysOptions;

  constructor(dir: string, options: RootKeysOptions) {
    this.#dir = dir;
    this.#options = options;
  }

  hasKey(number: number): boolean {
    return has(this.#dir, `${rootPair(number)}.key`);
  }

  certificate(number: number): Uint8Array {
    return this.#certificate(number).ders[0];
  }

  async make(next: NextRoot, passphrase: string, now: number): Promise<MadeRoot> {
    const { issuing } = this.#options;
    this.forget(next.number);
    const key = await this.#makeRoot(next, now);
    const ca = await issuing.make({ number: next.issuing, root: next.number }, now);
    this.#certifyServer(next, ca);
    await this.#sealWithdrawal(next.number, key, passphrase);
    return this.#made(next.number, ca);
  }

  async #makeRoot({ number, present }: NextRoot, now: number): Promise<KeyObject> {
    const { profiles, entropy, passphrase } = this.#options;
    const { key: like } = this.#certificate(present).facts;
    const key = await makeKeyAside(profiles.root, like.algorithm === 'rsa' ? like.bits : null);
    const spki = spkiOf(key);
    const keyId = keyIdentifier(spki);
    const commonName = `nolapse root ${Buffer.from(keyId.subarray(0, 4)).toString('hex')}`;
    const body = {
      serial: newSerial(entropy),
      commonName,
      ...ownValidity(now, profiles.root, Number.POSITIVE_INFINITY),
      spki,
      usages: profiles.root,
      pathLength: profiles.root.pathLength,
    };
    const der = signCa(body, { name: nameOf(commonName), keyId, signer: signerFor(key) });
    writeKey(this.#dir, `${rootPair(number)}.key`, key, passphrase);
    writeCertificates(this.#dir, `${rootPair(number)}.crt`, [der]);
    return key;
  }

  #certifyServer({ number, issuing }: NextRoot, { certificate }: MadeCa): void {
    const named = { number: issuing, root: number, fingerprint: certificate.fingerprint };
    issueServerCertificate(this.#dir, { ...this.#options.server(named), pair: secondPair });
  }

  async #sealWithdrawal(number: number, key: KeyObject, passphrase: string): Promise<void> {
    const signer = fingerprintOf(this.certificate(number));
    const step = { kind: 'withdraw', sequence: withdrawalSequence(number), signer } as const;
    const sealed = await sealWithPassphrase(signStep(step, key), passphrase);
    writePkiFile(this.#dir, withdrawalOf(number), sealed, secretMode);
  }

  sign(next: NextRoot): Uint8Array {
    const { key } = readPair(this.#dir, rootPair(next.present), this.#options.passphrase);
    return signStep(this.#stepOf(next), key);
  }

  signDrop(drop: DropStep): Uint8Array {
    const { key } = readPair(this.#dir, rootPair(drop.root), this.#options.passphrase);
    return signStep(this.#dropOf(drop), key);
  }

  dropText(drop: DropStep): string {
    return stepText(this.#dropOf(drop));
  }

  takeDrop(drop: DropStep, files: Parameters<RootCas['takeDrop']>[1]): ReturnType<RootCas['takeDrop']> {
    return offeredStep(files, this.#dropOf(drop), { der: this.certificate(drop.root), is: `root ${drop.root}` });
  }

  openWithdrawal(number: number, given: GivenWithdrawal): ReturnType<RootCas['openWithdrawal']> {
    return offeredWithdrawal(given, { der: this.certificate(number), is: `root ${number}` });
  }

  async makeIssuingKey({ number, issuing, present }: NextRoot): Promise<Fingerprint> {
    this.forget(number);
    // Of the type that the present root has: the one to come is not here.
    const { keyFingerprint } = await this.#options.issuing.makeKey({ number: issuing, root: present });
    return keyFingerprint;
  }

  request(awaited: AwaitedRoot): string {
    if (awaited.made !== null) return stepText(this.#stepOf(awaited));
    const { issuing: number, keyFingerprint } = awaited;
    return derToPem(this.#options.issuing.request({ number, keyFingerprint }), 'CERTIFICATE REQUEST');
  }

  async takeRoot(
    awaited: AwaitedRoot,
    files: Parameters<RootCas['takeRoot']>[1],
    now: number,
  ): ReturnType<RootCas['takeRoot']> {
    const { number, issuing, present, keyFingerprint } = awaited;
    this.#options.issuing.request({ number: issuing, keyFingerprint });
    const wanted = { keyFingerprint, present: this.#certificate(present).facts, now };
    const found = offeredRoot(files, wanted);
    if ('faults' in found) return found;
    writeCertificates(this.#dir, `${rootPair(number)}.crt`, [found.root.der]);
    const certificate = this.#options.issuing.keep(issuing, found.issuing.der);
    const ca = { keyFingerprint, certificate };
    this.#certifyServer(awaited, ca);
    return this.#made(number, ca);
  }

  takeStep(awaited: AwaitedRoot, files: Parameters<RootCas['takeStep']>[1]): ReturnType<RootCas['takeStep']> {
    return offeredStep(files, this.#stepOf(awaited), {
      der: this.certificate(awaited.present),
      is: 'the present root',
    });
  }

  withdrawalFile(number: number): string | null {
    return has(this.#dir, withdrawalOf(number)) ? join(this.#dir, withdrawalOf(number)) : null;
  }

  forget(number: number): void {
    const name = rootPair(number);
    removePkiFiles(this.#dir, [withdrawalOf(number), `${name}.key`, `${name}.crt`]);
  }

  #certificate(number: number): ReturnType<typeof readCertificates> {
    return readCertificates(this.#dir, `${rootPair(number)}.crt`);
  }

  #stepOf({ number, present, sequence }: NextRoot): TrustStep {
    const root = this.certificate(number);
    const signer = fingerprintOf(this.certificate(present));
    return { kind: 'successor', sequence, signer, named: fingerprintOf(root), root };
  }

  #dropOf({ root, sequence }: DropStep): TrustStep {
    return { kind: 'drop', sequence, signer: fingerprintOf(this.certificate(root)) };
  }

  #made(number: number, issuing: MadeCa): MadeRoot {
    const [root] = this.#certificate(number).ders;
    const { notBefore, notAfter } = readCertificate(root);
    return { fingerprint: fingerprintOf(root), notBefore, notAfter, issuing };
  }
}
