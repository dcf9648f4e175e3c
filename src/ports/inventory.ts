// Principals: who they are, and how each of them can be reached.
import type { Contact, Principal, PrincipalId } from '../domain/principal.ts';
import type { Instant } from '../domain/time.ts';
import type { Page } from './page.ts';

export interface PrincipalQuery {
  readonly status?: string;
  readonly kind?: string;
  readonly site?: string;
  readonly owner?: string;
  readonly source?: string;
  readonly class?: string;
  readonly criticality?: string;
  /** The last of its certificates ends, or ended, before this. */
  readonly endsBefore?: Instant;
  /** One of these. */
  readonly owners?: readonly string[];
  readonly sites?: readonly string[];
}

export interface CaseTwins {
  readonly pairs: readonly (readonly [PrincipalId, PrincipalId])[];
  readonly last: PrincipalId | null;
}

export interface InventoryReader {
  principal(id: PrincipalId): Promise<Principal | null>;
  /** Another id in the inventory that differs from this one by case alone; null: none. */
  caseTwin(id: PrincipalId): Promise<PrincipalId | null>;
  /** Pairs of ids that differ by case alone, among the next `looked` principals after one, and the last of these; null: there are no more. */
  caseTwins(after: PrincipalId | null, looked: number): Promise<CaseTwins>;
  /** The client ids under which sessions of this principal are stored, its own id apart; at most 1,000. */
  storedClientIds(id: PrincipalId): Promise<string[]>;
  /** In order of id. */
  principals(query: PrincipalQuery, page: Page): Promise<Principal[]>;
  contact(id: PrincipalId): Promise<Contact | null>;
}

export interface InventoryWriter {
  /** Fails with NolapseError `conflict` for a new id that differs from another by case alone. Pairs from before may stand. */
  putPrincipal(principal: Principal): Promise<void>;
  putContact(contact: Contact): Promise<void>;
}
