// Alerts to people: what they must act on.

export interface Alert {
  /** A closed list, in docs/operations. */
  readonly kind:
    | 'retired_credential_in_use'
    | 'renewal_failed'
    | 'lapsed'
    | 'source_failed'
    | 'issuer_near_end'
    | 'server_certificate';
  readonly subject: string;
  readonly detail: string;
}

export interface Notifier {
  alert(alert: Alert): void;
}
