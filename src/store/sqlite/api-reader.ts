// Reads of what opens the HTTP API and of what waits for a second operator. The methods are asynchronous because the port is.
import type { CredentialKind } from '../../domain/api-credential.ts';
import type { Fingerprint } from '../../domain/certificate.ts';
import type { Instant } from '../../domain/time.ts';
import type { ApiCredentialReader } from '../../ports/api-credentials.ts';
import type { ApprovalReader } from '../../ports/approvals.ts';
import type { Page } from '../../ports/page.ts';
import { CaTableReader } from './ca-reader.ts';

export class ApiTableReader extends CaTableReader implements ApiCredentialReader, ApprovalReader {
  async apiCredential(id: string) {
    return this.tables.apiCredential(id);
  }

  async apiCredentialBy(digest: Fingerprint) {
    return this.tables.apiCredentialBy(digest);
  }

  async apiCredentials(kind: CredentialKind, page: Page) {
    return this.tables.apiCredentials(kind, page);
  }

  async apiCredentialsNamed(kind: CredentialKind, name: string, now: Instant) {
    return this.tables.apiCredentialsNamed(kind, name, now);
  }

  async approval(id: string) {
    return this.tables.approval(id);
  }

  async approvals() {
    return this.tables.approvals();
  }
}
