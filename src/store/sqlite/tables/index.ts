// All tables together, each group with the statements it has prepared.

import type { Queries } from '../query.ts';
import { alerts, notifications, watches } from './alerts.ts';
import { apiCredentials, approvals } from './api.ts';
import { campaigns } from './campaigns.ts';
import { delegations } from './delegations.ts';
import { carriedDeliveries, deliveries } from './deliveries.ts';
import { dueKinds } from './due-kinds.ts';
import { carriedContacts, inventory } from './inventory.ts';
import { issuingSlots } from './issuing-slots.ts';
import { journal, journalByTime, tally } from './journal.ts';
import { keys } from './keys.ts';
import { ledger } from './ledger.ts';
import { outbox } from './outbox.ts';
import { horizons, outlooks } from './outlooks.ts';
import { findings, presences, settings } from './oversight.ts';
import { refusals } from './refusals.ts';
import { renewals, requests } from './renewals.ts';
import { revocationLists } from './revocation-lists.ts';
import { rootLists } from './root-lists.ts';
import { rootSlots } from './root-slots.ts';
import { standings } from './standings.ts';
import { surveys } from './surveys.ts';
import { trust } from './trust.ts';
import { trustSteps, trustTold } from './trust-steps.ts';

export function tablesOf(queries: Queries) {
  return {
    ...inventory(queries),
    ...carriedContacts(queries),
    ...ledger(queries),
    ...keys(queries),
    ...renewals(queries),
    ...requests(queries),
    ...refusals(queries),
    ...deliveries(queries),
    ...carriedDeliveries(queries),
    ...delegations(queries),
    ...watches(queries),
    ...alerts(queries),
    ...notifications(queries),
    ...presences(queries),
    ...outlooks(queries),
    ...campaigns(queries),
    ...findings(queries),
    ...dueKinds(queries),
    ...surveys(queries),
    ...settings(queries),
    ...outbox(queries),
    ...journal(queries),
    ...journalByTime(queries),
    ...revocationLists(queries),
    ...issuingSlots(queries),
    ...rootSlots(queries),
    ...rootLists(queries),
    ...tally(queries),
    ...standings(queries),
    ...horizons(queries),
    ...trust(queries),
    ...trustSteps(queries),
    ...trustTold(queries),
    ...apiCredentials(queries),
    ...approvals(queries),
  };
}

export type Tables = ReturnType<typeof tablesOf>;
