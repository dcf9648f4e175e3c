// What each sink is still to be told of alerts.
import type { AlertEvent, ToldAlert } from '../domain/alert.ts';
import type { Instant } from '../domain/time.ts';

export interface WaitingNotification {
  readonly id: number;
  readonly sink: string;
  readonly event: AlertEvent;
  /** The alert as it was when the event happened. */
  readonly alert: ToldAlert;
  readonly dueAt: Instant;
  readonly attempts: number;
}

export interface NotificationReader {
  /** What a sink is still to be told, in the order of what happened, due or not. */
  notifications(sink: string, limit: number): Promise<WaitingNotification[]>;
  waitingNotifications(sink: string): Promise<number>;
  /** Every sink that is still to be told something, also one that there is no more. Reads all that waits. */
  notifiedSinks(): Promise<string[]>;
}

export interface NotificationWriter {
  /** A sink is to be told of an event. */
  notify(sink: string, event: AlertEvent, alert: ToldAlert, dueAt: Instant): Promise<void>;
  dropNotification(id: number): Promise<void>;
  putOffNotification(id: number, dueAt: Instant): Promise<void>;
  /** Forgets what has waited longest for a sink, all but the `kept` newest. Returns how many. */
  trimNotifications(sink: string, kept: number): Promise<number>;
}
