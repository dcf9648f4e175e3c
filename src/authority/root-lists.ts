// The revocation lists of the home's roots: signed with a root's key where that is here, or put together from what was signed elsewhere.

import { NolapseError } from '../domain/errors.ts';
import { rootName } from '../domain/root-list.ts';
import { crlBody, type ListIssuer, readCrl } from '../pki/crl.ts';
import { importKey, keyIdentifier } from '../pki/public-key.ts';
import { seal, signerFor, signingOf } from '../pki/signature.ts';
import type { GivenFile } from '../ports/issuing-cas.ts';
import type { ListBody, ListedRoot, ListRequest, RootLists, TakenList } from '../ports/root-lists.ts';
import { rootPair } from './files.ts';
import { readIssuingCa } from './issuing-ca.ts';
import { readCertificates, readPair } from './key-pair.ts';
import { offeredLists } from './offered-list.ts';

export class RootListKeys implements RootLists {
  readonly #dir: string;
  readonly #passphrase: string | undefined;

  constructor(dir: string, passphrase: string | undefined) {
    this.#dir = dir;
    this.#passphrase = passphrase;
  }

  certificateOf({ number, root, certificate }: Parameters<RootLists['certificateOf']>[0]) {
    const { facts } = readIssuingCa(this.#dir, { number, root, fingerprint: certificate?.fingerprint ?? null });
    return { serial: facts.serial, notAfter: facts.notAfter };
  }

  sign(root: number, list: ListBody): Uint8Array {
    const { key } = readPair(this.#dir, rootPair(root), this.#passphrase);
    return seal(this.#body(root, list), signerFor(key));
  }

  request(root: number, list: ListBody): ListRequest {
    return { body: this.#body(root, list), digest: this.#issuer(root).digest };
  }

  read(root: number, der: Uint8Array): ListBody {
    const { number, thisUpdate, nextUpdate, revoked } = readCrl(der, this.#certificate(root).ders[0]);
    return { number, thisUpdate, nextUpdate, entries: revoked };
  }

  take(
    files: readonly GivenFile[],
    roots: readonly ListedRoot[],
    now: number,
  ): readonly TakenList[] | { readonly faults: readonly string[] } {
    const wanted = roots.map(({ inUse, ...root }) => {
      const { facts, ders } = this.#certificate(root.root);
      const used = inUse.map((slot) => ({ number: slot.number, ...this.certificateOf(slot) }));
      return { ...root, facts, der: ders[0], inUse: used };
    });
    return offeredLists(files, wanted, now);
  }

  #certificate(root: number): ReturnType<typeof readCertificates> {
    return readCertificates(this.#dir, `${rootPair(root)}.crt`);
  }

  #body(root: number, { entries, ...list }: ListBody): Uint8Array {
    return crlBody({ ...list, revoked: entries, distributionPoint: null }, this.#issuer(root));
  }

  #issuer(root: number): ListIssuer & { readonly digest: ListRequest['digest'] } {
    const { subject, subjectKeyId, key: facts } = this.#certificate(root).facts;
    const key = importKey(facts);
    if (!key) throw new NolapseError('unsupported_key', `the key of ${rootName(root)}.crt cannot be used`);
    // RFC 5280, 5.2.1: as the root's certificate has it.
    return { name: subject, keyId: subjectKeyId ?? keyIdentifier(facts.spki), ...signingOf(key) };
  }
}
