// Writes of what opens the HTTP API and of what waits for a second operator, within a unit of work.
import type { ApiCredential } from '../../domain/api-credential.ts';
import type { Instant } from '../../domain/time.ts';
import type { ApiCredentialWriter } from '../../ports/api-credentials.ts';
import type { Approval, ApprovalWriter } from '../../ports/approvals.ts';
import type { KnownTables } from './known-tables.ts';
import { TableReader } from './reader.ts';

export abstract class ApiTableWriter extends TableReader implements ApiCredentialWriter, ApprovalWriter {
  /** The tables, as long as the unit is open. */
  protected abstract open(): KnownTables;

  async putApiCredential(credential: ApiCredential): Promise<void> {
    this.open().putApiCredential(credential);
  }

  async forgetApiCredentials(before: Instant): Promise<void> {
    this.open().forgetApiCredentials(before);
  }

  async putApproval(approval: Approval): Promise<void> {
    this.open().putApproval(approval);
  }

  async dropApproval(id: string): Promise<boolean> {
    return this.open().dropApproval(id);
  }

  async forgetApprovals(endedBefore: Instant): Promise<void> {
    this.open().forgetApprovals(endedBefore);
  }
}
