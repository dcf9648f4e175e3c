// Reads of how principals are on their way to the next roots.
import type { PrincipalId } from '../../domain/principal.ts';
import type { TrustPart, TrustPlace, TrustReader } from '../../ports/trust.ts';
import { FleetTableReader } from './fleet-reader.ts';

export class TrustTableReader extends FleetTableReader implements TrustReader {
  async trustGlance(id: PrincipalId) {
    return this.tables.trustGlance(id);
  }

  async trustRecord(id: PrincipalId) {
    return this.tables.trustRecord(id);
  }

  async trustCounts(part: TrustPart, after: string | null, names: number) {
    return this.tables.trustCounts(part, after, names);
  }

  async unproved(root: number, after: TrustPlace | null, limit: number) {
    return this.tables.unproved(root, after, limit);
  }

  async lastUnder(root: number, after: PrincipalId | null, limit: number) {
    return this.tables.lastUnder(root, after, limit);
  }
}
