// Alerts where the certificates in use need more renewals a day than the rate limits allow: a fleet that has grown, or limits that were
// lowered, let certificates lapse one after another, and each of them would be told of late.
import { type Policy, renewalsPerDay } from '../../domain/policy.ts';
import type { Principal } from '../../domain/principal.ts';
import type { SurveyedCertificate } from '../../ports/ledger.ts';
import { type Changing, change } from '../change.ts';
import type { WithRates } from '../renewal/token-bucket.ts';
import { pacesOf } from '../renewal/toll.ts';

/** Renewals a day that the fleet needs, added up while it is looked over. */
export class FleetNeeds {
  perDay = 0;

  /** One principal is renewed once at a time, however many certificates it has. */
  add({ status }: Principal, certificates: readonly SurveyedCertificate[], policy: Policy): void {
    if (status !== 'active' || certificates.every(({ state }) => state === 'expired')) return;
    this.perDay += renewalsPerDay(policy);
  }
}

/** Has an alert stand as long as it is so. */
export function alertRates(app: Changing & WithRates, { perDay }: FleetNeeds): Promise<void> {
  const { mostPerDay } = pacesOf(app.rates);
  const name = { kind: 'too_little_time', subject: 'rates' } as const;
  const needed = `certificates in use need about ${Math.ceil(perDay)} renewals a day`;
  const detail = `${needed}, and limits.offersPerSecond and limits.issuancesPerSecond allow ${mostPerDay}`;
  return change(app, ({ alert, clearAlert }) =>
    perDay > mostPerDay ? alert({ ...name, severity: 'critical', detail, owner: null }) : clearAlert(name),
  );
}
