// Reads of the tables that CAs have: the slots of roots and issuing CAs, and revocation lists. The methods are asynchronous because the port is.
import type { Instant } from '../../domain/time.ts';
import type { IssuingSlotReader } from '../../ports/issuing-slots.ts';
import type { ListPlace, RevocationListReader } from '../../ports/revocation-lists.ts';
import type { RootListReader } from '../../ports/root-lists.ts';
import type { RootSlotReader } from '../../ports/root-slots.ts';
import { TrustTableReader } from './trust-reader.ts';

export class CaTableReader
  extends TrustTableReader
  implements IssuingSlotReader, RevocationListReader, RootListReader, RootSlotReader
{
  async issuingSlots() {
    return this.tables.issuingSlots();
  }

  async endedIssuingSlots(limit: number) {
    return this.tables.endedIssuingSlots(limit);
  }

  async lastIssuingNumber() {
    return this.tables.lastIssuingNumber();
  }

  async rootSlots() {
    return this.tables.rootSlots();
  }

  async rootStep(number: number) {
    return this.tables.rootStep(number);
  }

  async rootList(root: number) {
    return this.tables.rootList(root);
  }

  async rootListBytes(root: number) {
    return this.tables.rootListBytes(root);
  }

  async revokedIssuing() {
    return this.tables.revokedIssuing();
  }

  async revocationList(shard: number) {
    return this.tables.revocationList(shard);
  }

  async revocationListAt(url: string) {
    return this.tables.revocationListAt(url);
  }

  async newestRevocationList() {
    return this.tables.newestRevocationList();
  }

  async newestShard(issuer: number) {
    return this.tables.newestShard(issuer);
  }

  async firstRevocationListToEnd() {
    return this.tables.firstRevocationListToEnd();
  }

  async revocationLists(after: number, limit: number) {
    return this.tables.revocationLists(after, limit);
  }

  async revocationListsToSign(now: Instant, waitMs: number, limit: number) {
    return this.tables.revocationListsToSign(now, waitMs, limit);
  }

  async listEntries(shard: number, after: ListPlace, limit: number) {
    return this.tables.listEntries(shard, after, limit);
  }
}
