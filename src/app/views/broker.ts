// What is told of the broker's own health.

export interface Check {
  /** `error`: broken or over; `critical`: an alert of that severity stands for it, or would. */
  readonly level: 'ok' | 'warning' | 'error' | 'critical';
  readonly subject: string;
  readonly detail: string;
}
