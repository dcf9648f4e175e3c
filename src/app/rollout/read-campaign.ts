// Reads what an operator asks of a new campaign or drill, and names every fault in it. It begins nothing.
import { type RevocationReason, revocationReasons } from '../../domain/certificate.ts';
import { type Cohort, cohorts } from '../../domain/principal.ts';
import { parseDate } from '../../domain/time.ts';
import type { StoredCampaign } from '../../ports/campaigns.ts';
import { OperationError } from '../operation-error.ts';
import { shortId } from '../short-id.ts';
import type { NewCampaign } from '../views/campaigns.ts';
import type { Look } from './join-campaign.ts';

const reasonMax = 256;

/** A class or a site that nobody is in: a campaign over it would be done at once, and prove nothing. */
async function strangersIn({ app, tx }: Look, { class: name, site }: NewCampaign): Promise<string[]> {
  const faults: string[] = [];
  if (name !== undefined && !app.policies.set.has(name)) faults.push(`class: ${name} is not configured`);
  if (site !== undefined && (await tx.principals({ site }, { limit: 1 })).length === 0) {
    faults.push(`site: no device in the inventory is at the site "${site}"`);
  }
  return faults;
}

/** Rejects with `invalid`, every fault named. */
export async function readCampaign(look: Look, input: NewCampaign): Promise<StoredCampaign> {
  const { app, now } = look;
  const faults: string[] = await strangersIn(look, input);
  const reason = input.reason.trim();
  if (reason === '' || reason.length > reasonMax) faults.push(`reason: expected 1 to ${reasonMax} characters`);
  const issuedBefore = input.issuedBefore === undefined ? now : parseDate(input.issuedBefore);
  if (issuedBefore === null) faults.push('issued-before: not a date such as 2030-01-31, or a time');
  else if (issuedBefore > now) faults.push('issued-before: in the future, it would replace its own replacements');
  const cohort = input.cohort === undefined ? 'canary' : cohortNamed(input.cohort);
  if (cohort === null) faults.push(`cohort: not one of ${cohorts.join(', ')}`);
  if (input.cohort !== undefined && input.drill !== true) faults.push('cohort: a campaign begins with the canaries');
  const { reasonCode } = input;
  if (reasonCode !== undefined && !Object.hasOwn(revocationReasons, reasonCode)) {
    faults.push(`reason-code: not one of ${Object.keys(revocationReasons).join(', ')}`);
  }
  if (reasonCode !== undefined && input.drill === true) faults.push('reason-code: a drill revokes nothing');
  if (input.all === true && hasFilter(input)) faults.push('all: it goes without a class, a site or another filter');
  if (faults.length > 0 || issuedBefore === null || cohort === null) throw new OperationError('invalid', faults);
  return {
    id: shortId(app.entropy),
    reason,
    drill: input.drill ?? false,
    state: 'running',
    cohort,
    issuedBefore,
    class: input.class ?? null,
    site: input.site ?? null,
    otherIssuer: input.otherIssuer ?? false,
    reasonCode: (reasonCode as RevocationReason | undefined) ?? null,
    startedAt: now,
    cohortAt: now,
    reachedAt: null,
    forgiven: 0,
    detail: null,
    heldUntil: null,
    walkedTo: '',
    walked: false,
    leftOut: 0,
    task: null,
    taskAt: '',
  };
}

function cohortNamed(text: string): Cohort | null {
  return cohorts.find((cohort) => cohort === text) ?? null;
}

/** Does anything narrow down which certificates it means? */
export function hasFilter({ class: name, site, issuedBefore, otherIssuer }: NewCampaign): boolean {
  return name !== undefined || site !== undefined || issuedBefore !== undefined || otherIssuer === true;
}
