// Alerts, one under each name.
import type { Alert, AlertKind, AlertName } from '../domain/alert.ts';
import type { PrincipalId } from '../domain/principal.ts';
import type { Instant } from '../domain/time.ts';

export interface AlertReader {
  alert(kind: AlertKind, subject: string): Promise<Alert | null>;
  /** Alerts that are not cleared, in the order of their names; `after` null: from the first. */
  openAlerts(after: AlertName | null, limit: number): Promise<Alert[]>;
  /** Those about one principal, in the order of their kinds. */
  openAlertsOf(id: PrincipalId): Promise<Alert[]>;
  /** Alerts of this kind that are not cleared and were seen last at `before` or earlier, or later than `now`: the clock was set back. */
  quietAlerts(kind: AlertKind, before: Instant, now: Instant, limit: number): Promise<Alert[]>;
  /** The newest first. For operators: it may read many rows. */
  alerts(query: { readonly open?: boolean; readonly kind?: AlertKind }, limit: number): Promise<Alert[]>;
}

export interface AlertWriter {
  putAlert(alert: Alert): Promise<void>;
  /** Forgets `limit` alerts cleared before this instant, at most. Returns how many. */
  forgetAlerts(before: Instant, limit: number): Promise<number>;
}
