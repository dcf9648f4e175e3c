// Certificates of CAs that an import passes over. Those that issued others of the same import belong there; the rest may be
// certificates of devices whom the inventory does not know, and are named.
import { subjectForms } from '../../pki/subject-text.ts';
import { type CertificateFacts, fingerprintOf } from '../../pki/x509.ts';
import { Faults } from '../faults.ts';
import { OperationError } from '../operation-error.ts';
import type { PassedOverView } from '../views/certificates.ts';

/** Different ones of one import, all of which wait for its end. */
const authoritiesMax = 10_000;

/** Those that are named. */
const namedMax = 200;

/** Characters of a subject that are quoted. */
const quotedMax = 80;

interface Authority {
  /** SHA-256 of its subject's DER. */
  readonly subject: string;
  readonly line: number;
  readonly words: string;
}

function wordsFor({ name, issuer, subject }: CertificateFacts, place: string, fingerprint: string): string {
  const [said = 'no subject'] = subjectForms(name);
  const isOwnIssuer = Buffer.compare(issuer, subject) === 0;
  return `${place}: ${JSON.stringify(said.slice(0, quotedMax))}, ${isOwnIssuer ? 'a self-signed CA' : 'a CA'}, SHA-256 ${fingerprint}`;
}

export class PassedOver {
  /** SHA-256 of the issuers' names in DER, of all but the self-signed. */
  readonly #issuers = new Set<string>();
  /** By fingerprint. */
  readonly #authorities = new Map<string, Authority>();
  /** Our own CA's, by fingerprint. */
  readonly #own = new Set<string>();

  /** To be called with every certificate of the import, whatever becomes of it. */
  note({ issuer, subject }: CertificateFacts): void {
    if (Buffer.compare(issuer, subject) !== 0) this.#issuers.add(fingerprintOf(issuer));
  }

  /** One that is passed over. Fails with `invalid` when there are too many. */
  add(
    facts: CertificateFacts,
    der: Uint8Array,
    { place, line }: { place: string; line: number },
    isOwn: boolean,
  ): void {
    const fingerprint = fingerprintOf(der);
    if (isOwn) this.#own.add(fingerprint);
    else if (!this.#authorities.has(fingerprint)) {
      const words = wordsFor(facts, place, fingerprint);
      this.#authorities.set(fingerprint, { subject: fingerprintOf(facts.subject), line, words });
    }
    if (this.#authorities.size > authoritiesMax) {
      throw new OperationError('invalid', [`more than ${authoritiesMax} certificates of CAs: import in parts`]);
    }
  }

  /** Null: there was none. */
  view(): PassedOverView | null {
    const count = this.#own.size + this.#authorities.size;
    if (count === 0) return null;
    const unrelated = new Faults(namedMax, 'certificates');
    let unrelatedCount = 0;
    for (const { subject, line, words } of this.#authorities.values()) {
      if (this.#issuers.has(subject)) continue;
      unrelatedCount += 1;
      unrelated.add(line, words);
    }
    return { count, unrelatedCount, unrelated: unrelated.named(() => '') };
  }
}
