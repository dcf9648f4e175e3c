// What is told of the revocation lists of roots.
import type { RootList } from '../../domain/root-list.ts';

export interface RootListView extends RootList {
  /** Its DER. */
  readonly base64: string;
}

export interface RootListRequestView extends RootList {
  /** Of the signature, as `openssl dgst` names it. */
  readonly digest: 'sha256' | 'sha384';
  /** The bytes to be signed: the DER of a TBSCertList. */
  readonly base64: string;
}
