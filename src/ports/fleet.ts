// The fleet in figures, as the ledger's store keeps them: their cost follows what is wrong, not how large the fleet is.

export interface FleetReader {
  /**
   * Counts for summaries and metrics: certificates by state, renewals by the state that is shown, alerts not cleared as `kind/severity`;
   * `late`: renewals that missed their deadline and are settled now.
   */
  counts(): Promise<{
    certificates: Record<string, number>;
    renewals: Record<string, number>;
    alerts: Record<string, number>;
    late: number;
  }>;
}
