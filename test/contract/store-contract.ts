// What every store must do, whatever holds its rows. An adapter's test calls this with a way to open an empty store.
import { afterEach, beforeEach, describe } from 'vitest';
import { alerts, forgotten, notifications, watches } from './store-alerts.ts';
import { campaigns } from './store-campaigns.ts';
import { delegations, deliveries } from './store-delegations.ts';
import { effects } from './store-effects.ts';
import { findings } from './store-findings.ts';
import { history } from './store-history.ts';
import { outlooks } from './store-outlooks.ts';
import { period } from './store-period.ts';
import { lists, sweeps } from './store-queries.ts';
import { revocationLists } from './store-revocation-lists.ts';
import { standings } from './store-standings.ts';
import { telemetry } from './store-telemetry.ts';
import { limitsOfTransactions, transactions } from './store-transactions.ts';
import { begin, end, type OpenedStore } from './store-under-test.ts';
import { conflicts, inventoryValues, ledgerValues } from './store-values.ts';

/** Runs the suite on the stores that `open` makes. */
export function storeContract(name: string, open: () => Promise<OpenedStore>): void {
  describe(name, () => {
    beforeEach(() => begin(open));
    afterEach(end);
    describe('the inventory', inventoryValues);
    describe('the ledger', ledgerValues);
    describe('conflicts', conflicts);
    describe('transactions', transactions);
    describe('the limits of transactions', limitsOfTransactions);
    describe('lists', lists);
    describe('sweeps', sweeps);
    describe('a long history', history);
    describe('what a forecast reads', outlooks);
    describe('standings', standings);
    describe('findings', findings);
    describe('what an export for a period reads', period);
    describe('campaigns', campaigns);
    describe('effects', effects);
    describe('revocation lists', revocationLists);
    describe('delegations', delegations);
    describe('telemetry', telemetry);
    describe('what is under way', deliveries);
    describe('whom to look at', watches);
    describe('alerts', alerts);
    describe('alerts that are over', forgotten);
    describe('notifications', notifications);
  });
}
