// Until when which gateway may carry which device's telemetry: asked for each message, so what was committed is remembered until a
// principal or a delegation is written.
import { telemetryUntil } from '../domain/delegation.ts';
import type { PrincipalId } from '../domain/principal.ts';
import type { Instant } from '../domain/time.ts';
import { Remembered } from './remembered.ts';
import type { SpeakerReader } from './speakers.ts';

/** Answers remembered at a time, some 10 MB. */
export const grantsKeptMax = 65_536;

export interface TelemetryGrants {
  /** As {@link telemetryUntil} has it, by what the tables hold now. */
  until(gateway: PrincipalId, device: PrincipalId): Instant | null;
  /** A principal or a delegation is about to be written, in a transaction. */
  changed(): void;
  /** Answers that are remembered now. */
  readonly size: number;
}

/** @param isUncommitted is a transaction open? */
export function telemetryGrants(tables: SpeakerReader, isUncommitted: () => boolean): TelemetryGrants {
  const known = new Remembered<Instant | null>(grantsKeptMax, isUncommitted);
  return {
    until: (gatewayId, deviceId) => {
      // No id holds a slash.
      const pair = `${gatewayId}/${deviceId}`;
      const before = known.get(pair);
      if (before !== undefined) return before;
      const device = tables.principal(deviceId);
      // Ids that nobody has are not remembered: a gateway could make up as many as it likes.
      if (!device) return null;
      const gateway = tables.principal(gatewayId);
      const until = telemetryUntil({ gateway, device, delegations: tables.delegationsFor(deviceId, device.site) });
      known.keep(pair, until);
      return until;
    },
    changed: () => known.forget(),
    get size() {
      return known.size;
    },
  };
}
