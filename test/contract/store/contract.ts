// What every store must do, whatever holds its rows. An adapter's test calls this with a way to open an empty store.
import { afterEach, beforeEach, describe } from 'vitest';
import { alerts, forgotten, notifications, watches } from './alerts.ts';
import { apiCredentials, approvals } from './api.ts';
import { campaigns } from './campaigns.ts';
import { claims } from './claims.ts';
import { delegations, deliveries } from './delegations.ts';
import { effects } from './effects.ts';
import { findings } from './findings.ts';
import { history } from './history.ts';
import { issuingSlots } from './issuing-slots.ts';
import { outlooks } from './outlooks.ts';
import { period } from './period.ts';
import { lists, sweeps } from './queries.ts';
import { countRaces, keyRaces } from './races.ts';
import { revocationLists } from './revocation-lists.ts';
import { rootLists } from './root-lists.ts';
import { rootSlots } from './root-slots.ts';
import { standings } from './standings.ts';
import { telemetry } from './telemetry.ts';
import { limitsOfTransactions, transactions } from './transactions.ts';
import { trustRecords } from './trust.ts';
import { trustSteps } from './trust-steps.ts';
import { begin, end, type OpenedStore } from './under-test.ts';
import { conflicts, inventoryValues, ledgerValues } from './values.ts';

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
    describe('a key that several want', keyRaces);
    describe('counts and limits that several come to', countRaces);
    describe('lists', lists);
    describe('sweeps', sweeps);
    describe('a long history', history);
    describe('what a forecast reads', outlooks);
    describe('standings', standings);
    describe('findings', findings);
    describe('the way to the next roots', trustRecords);
    describe('what an export for a period reads', period);
    describe('campaigns', campaigns);
    describe('effects', effects);
    describe('effects that several workers share', claims);
    describe('revocation lists', revocationLists);
    describe('slots of issuing CAs', issuingSlots);
    describe('slots of roots', rootSlots);
    describe('revocation lists of roots', rootLists);
    describe('steps of roots', trustSteps);
    describe('what opens the API', apiCredentials);
    describe('what waits for a second operator', approvals);
    describe('delegations', delegations);
    describe('telemetry', telemetry);
    describe('what is under way', deliveries);
    describe('whom to look at', watches);
    describe('alerts', alerts);
    describe('alerts that are over', forgotten);
    describe('notifications', notifications);
  });
}
