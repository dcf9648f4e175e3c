// What opens the HTTP API, as the ledger keeps it: digests alone, from which no token can be had.
import type { ApiCredential, CredentialKind } from '../domain/api-credential.ts';
import type { Fingerprint } from '../domain/certificate.ts';
import type { Instant } from '../domain/time.ts';
import type { Page } from './page.ts';

export interface ApiCredentialReader {
  apiCredential(id: string): Promise<ApiCredential | null>;
  /** By the SHA-256 of a token or of a certificate's DER. */
  apiCredentialBy(digest: Fingerprint): Promise<ApiCredential | null>;
  /** In order of id; ended and revoked ones too. */
  apiCredentials(kind: CredentialKind, page: Page): Promise<ApiCredential[]>;
  /** Those of this kind and name that are not revoked and end later than `now`; at most 100. */
  apiCredentialsNamed(kind: CredentialKind, name: string, now: Instant): Promise<ApiCredential[]>;
}

export interface ApiCredentialWriter {
  /**
   * Enters one, or changes when it was revoked and last used: nothing else of one that is there. Fails with NolapseError `conflict` where
   * its digest is taken, and where a new one would be one too many ({@link credentialsMax}) of those not revoked that end later than its
   * creation.
   */
  putApiCredential(credential: ApiCredential): Promise<void>;
  /** Forgets those that ended or were revoked before this instant. */
  forgetApiCredentials(before: Instant): Promise<void>;
}
