// A CA that is not ours, as those elsewhere behave: it reads nothing but the CSR, numbers its certificates 1, 2, 3, makes them shorter
// than they were wanted and writes extensions nobody asked for; it is slow, it has requests pending, it is down, and it is wrong. It may
// be told of revocations, and publishes its own lists.
import { generateKeyPairSync } from 'node:crypto';
import { NolapseError } from '../../src/domain/errors.ts';
import type { ApprovedRequest } from '../../src/domain/request.ts';
import { nameOf, signCa } from '../../src/pki/certificate.ts';
import { readCsr } from '../../src/pki/csr.ts';
import {
  asciiString,
  contextTag,
  derNull,
  derTrue,
  encode,
  octetString,
  oid,
  sequence,
  smallInteger,
  time,
} from '../../src/pki/der.ts';
import {
  authorityKeyIdentifier,
  caConstraints,
  extendedKeyUsage,
  keyUsage,
  leafConstraints,
  subjectKeyIdentifier,
  uriName,
} from '../../src/pki/extensions.ts';
import { keyIdentifier } from '../../src/pki/public-key.ts';
import { newSerial } from '../../src/pki/serial.ts';
import { type Signer, seal, signerFor } from '../../src/pki/signature.ts';
import type { Authority, Chain, Issuance, Revocation } from '../../src/ports/authority.ts';
import { entropy, spkiOf } from '../pki/made.ts';

const day = 86_400_000;
const second = 1_000;

interface Ca {
  readonly name: Uint8Array;
  readonly keyId: Uint8Array;
  readonly signer: Signer;
  readonly der: Uint8Array;
}

const caUsages = { keyUsage: ['keyCertSign', 'cRLSign'], extendedKeyUsage: [] } as const;

function makeCa(commonName: string, above: Ca | null): Ca {
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const spki = spkiOf(key);
  const self = { name: nameOf(commonName), keyId: keyIdentifier(spki), signer: signerFor(key) };
  const now = Math.floor(Date.now() / second) * second;
  const validity = { notBefore: now - day, notAfter: now + 3_650 * day };
  const body = {
    serial: newSerial(entropy),
    commonName,
    ...validity,
    spki,
    usages: caUsages,
    pathLength: above ? 0 : 1,
  };
  return { ...self, der: signCa(body, above ?? self) };
}

const dnsName = (name: string) =>
  sequence(oid('2.5.29.17'), octetString(sequence(asciiString(name, contextTag(2, false)))));
const anyCritical = sequence(oid('1.3.6.1.4.1.99999.1'), derTrue, octetString(derNull));
const anyHarmless = sequence(oid('1.3.6.1.4.1.99999.2'), octetString(derNull));

/** What a certificate is made of; each fault changes one thing. */
interface Parts {
  commonName: string;
  spki: Uint8Array;
  notBefore: number;
  notAfter: number;
  constraints: Uint8Array;
  usage: Uint8Array;
  purposes: Uint8Array | null;
  names: Uint8Array | null;
  more: Uint8Array[];
  issuer: Ca;
}

const anotherKey = (): Uint8Array => spkiOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);

/** Wrong answers, by what is wrong with them. */
export const faults = {
  'another key': (parts) => ({ ...parts, spki: anotherKey() }),
  'another common name': (parts) => ({ ...parts, commonName: 'somebody-else' }),
  'a name of somebody else beside it': (parts) => ({ ...parts, names: dnsName('broker.example.org') }),
  'the URI of somebody else': (parts) => ({ ...parts, names: uriName('urn:nolapse:device:somebody-else') }),
  'CA:TRUE': (parts) => ({ ...parts, constraints: caConstraints(0) }),
  keyCertSign: (parts) => ({ ...parts, usage: keyUsage(['digitalSignature', 'keyCertSign']) }),
  cRLSign: (parts) => ({ ...parts, usage: keyUsage(['digitalSignature', 'cRLSign']) }),
  serverAuth: (parts) => ({ ...parts, purposes: extendedKeyUsage(['serverAuth']) }),
  'serverAuth beside clientAuth': (parts) => ({ ...parts, purposes: extendedKeyUsage(['clientAuth', 'serverAuth']) }),
  'any purpose': (parts) => ({ ...parts, purposes: null }),
  'an unknown critical extension': (parts) => ({ ...parts, more: [anyCritical] }),
  'a longer life': (parts) => ({ ...parts, notAfter: parts.notAfter + 900 * day }),
  'an end in the past': (parts) => ({ ...parts, notBefore: parts.notBefore - 2 * day, notAfter: Date.now() - day }),
  'an end before its beginning': (parts) => ({ ...parts, notBefore: parts.notAfter + day }),
  'an issuer that is not its own': (parts) => ({ ...parts, issuer: makeCa('Somebody Else CA', null) }),
} satisfies Record<string, (parts: Parts) => Parts>;
export type Fault = keyof typeof faults | 'no certificate';

export class OutsideCa {
  isDown = false;
  /** Times that a request is answered `pending` before it is decided. */
  pendingTimes = 0;
  fault: Fault | null = null;
  /** Makes the certificate, and then the answer is lost. */
  losesAnswers = 0;
  /** Fails what tells it of revocations, and only that. */
  hearsNothing = false;
  /** The serial number of the one certificate that it refuses to revoke. */
  refuses: string | null = null;
  /** Revocations it was told of, in order, also those that it failed. */
  readonly told: Revocation[] = [];
  /** What it has revoked, by serial number, as it was told first. */
  readonly revoked = new Map<string, Revocation>();
  readonly #takesWord: boolean;
  /** Ids of the requests it was asked for, in order. */
  readonly asked: string[] = [];
  /** Certificates it has made. */
  made = 0;
  readonly #root = makeCa('Outside Root CA', null);
  #issuing = makeCa('Outside Issuing CA 1', this.#root);
  readonly #former: Ca[] = [];
  readonly #pending = new Map<string, number>();

  /** @param options.takesWord can it be told of revocations? */
  constructor({ takesWord = false } = {}) {
    this.#takesWord = takesWord;
  }

  get authority(): Authority {
    return {
      trust: () => {
        const all = [this.#issuing, ...this.#former].map(({ der }) => ({
          chain: [der] as const,
          notAfter: Date.now() + 3_000 * day,
        }));
        const [first, ...rest] = all;
        if (!first) throw new Error('there is an issuing CA');
        return { issuers: [first, ...rest], roots: [this.#root.der] };
      },
      issue: (request) => this.#answer(request),
      ...(this.#takesWord && { revoke: (revocation: Revocation) => this.#hear(revocation) }),
    };
  }

  /** From now on another CA below the same root signs. */
  rollOver(): void {
    this.#former.push(this.#issuing);
    this.#issuing = makeCa('Outside Issuing CA 2', this.#root);
  }

  async #hear(revocation: Revocation): Promise<void> {
    this.told.push(revocation);
    if (this.isDown || this.hearsNothing) throw new NolapseError('authority_unavailable', 'connection refused');
    const { serial } = revocation;
    if (serial === this.refuses || Number.parseInt(serial, 16) > this.made) throw new Error(`404: no serial ${serial}`);
    if (!this.revoked.has(serial)) this.revoked.set(serial, revocation);
  }

  async #answer(request: ApprovedRequest): Promise<Issuance> {
    this.asked.push(request.serial);
    if (this.isDown) throw new NolapseError('authority_unavailable', 'connection refused');
    const seen = (this.#pending.get(request.serial) ?? 0) + 1;
    this.#pending.set(request.serial, seen);
    if (seen <= this.pendingTimes) return { kind: 'pending', askAgainMs: 10 };
    const certificate = this.#make(request);
    if (this.losesAnswers > 0) {
      this.losesAnswers -= 1;
      throw new NolapseError('authority_unavailable', 'connection reset');
    }
    const chain: Chain = [this.#issuing.der];
    return { kind: 'issued', certificate, chain };
  }

  #make({ csr, notBefore, notAfter }: ApprovedRequest): Uint8Array {
    this.made += 1;
    if (this.fault === 'no certificate') return Uint8Array.of(1, 2, 3);
    const facts = readCsr(csr ?? new Uint8Array());
    if ('code' in facts) throw new NolapseError('authority_unavailable', `400 Bad Request: ${facts.detail}`);
    const [commonName = ''] = facts.commonNames;
    const parts: Parts = {
      commonName,
      spki: facts.key.spki,
      notBefore,
      // Shorter than wanted, by a tenth.
      notAfter: Math.floor((notAfter - (notAfter - notBefore) / 10) / second) * second,
      constraints: leafConstraints,
      usage: keyUsage(['digitalSignature', 'keyEncipherment']),
      purposes: extendedKeyUsage(['clientAuth']),
      names: dnsName(commonName),
      more: [anyHarmless],
      issuer: this.#issuing,
    };
    return this.#sign(this.fault ? faults[this.fault](parts) : parts);
  }

  #sign({
    commonName,
    spki,
    notBefore,
    notAfter,
    constraints,
    usage,
    purposes,
    names,
    more,
    issuer,
  }: Parts): Uint8Array {
    const extensions = [constraints, usage, purposes, names, subjectKeyIdentifier(keyIdentifier(spki)), ...more];
    const body = sequence(
      encode(contextTag(0, true), smallInteger(2)),
      smallInteger(this.made),
      issuer.signer.algorithm,
      issuer.name,
      sequence(time(notBefore), time(notAfter)),
      nameOf(commonName),
      spki,
      encode(
        contextTag(3, true),
        sequence(...extensions.filter((each) => each !== null), authorityKeyIdentifier(issuer.keyId)),
      ),
    );
    return seal(body, issuer.signer);
  }
}
