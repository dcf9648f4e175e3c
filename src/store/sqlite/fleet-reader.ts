// Reads of the fleet in figures, and of who ends when.
import type { PrincipalId } from '../../domain/principal.ts';
import type { Instant } from '../../domain/time.ts';
import type { FleetReader, HorizonPlace } from '../../ports/fleet.ts';
import type { KnownTables } from './known-tables.ts';

export class FleetTableReader implements FleetReader {
  protected readonly tables: KnownTables;

  constructor(tables: KnownTables) {
    this.tables = tables;
  }

  async dueKinds(now: Instant) {
    return this.tables.dueKinds(now);
  }

  async darkPage(now: Instant, after: HorizonPlace | null, limit: number) {
    return this.tables.darkPage(now, after, limit);
  }

  async withoutPage(after: PrincipalId | null, limit: number) {
    return this.tables.withoutPage(after, limit);
  }

  async nearestEnd(now: Instant) {
    return this.tables.nearestEnd(now);
  }

  async horizons(until: Instant, after: HorizonPlace | null, limit: number) {
    return this.tables.horizons(until, after, limit);
  }

  async horizonOf(id: PrincipalId) {
    return this.tables.horizonOf(id);
  }

  async litUntil(first: PrincipalId, last: PrincipalId) {
    return this.tables.litUntil(first, last);
  }

  async unissued(after: PrincipalId | null, limit: number) {
    return this.tables.unissued(after, limit);
  }

  async counts() {
    return this.tables.counts();
  }
}
