// The tables of the HTTP API as the query builder sees them.
import type { Permission } from '../../../domain/access-right.ts';
import type { CredentialKind } from '../../../domain/api-credential.ts';
import type { Fingerprint } from '../../../domain/certificate.ts';
import type { Instant } from '../../../domain/time.ts';

export interface ApiCredentialTable {
  id: string;
  kind: CredentialKind;
  name: string;
  person: string;
  digest: Fingerprint;
  permission: Permission;
  owners: string | null;
  sites: string | null;
  parent: string | null;
  created_at: Instant;
  created_by: string;
  ends_at: Instant;
  revoked_at: Instant | null;
  last_used_at: Instant | null;
}

export interface ApprovalTable {
  id: string;
  operation: string;
  input: string;
  summary: string;
  credential: string;
  person: string;
  asked_by: string;
  reason: string | null;
  asked_at: Instant;
  ends_at: Instant;
}
