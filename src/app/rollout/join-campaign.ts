// What a campaign does about one certificate in use: a renewal is opened for it, or one that is under way becomes the campaign's; or
// it is left out, and somebody is told why.
import { isForeign, type LedgerEntry } from '../../domain/certificate.ts';
import { chooseKeyMode } from '../../domain/key-mode.ts';
import type { KeyMode } from '../../domain/policy.ts';
import type { Principal } from '../../domain/principal.ts';
import type { Renewal } from '../../domain/renewal.ts';
import { needsNewKey } from '../../domain/rollout.ts';
import { isSignedBy } from '../../pki/chain.ts';
import { DerError } from '../../pki/der-reader.ts';
import type { StoredCampaign } from '../../ports/campaigns.ts';
import { type Change, step } from '../change.ts';
import { cohortIn, policyOf } from '../context.ts';
import { isOfDrill } from '../renewal/drill.ts';
import { keyHistoryOf } from '../renewal/key-history.ts';
import { openUnder } from '../renewal/open-renewal.ts';

/** Is this principal one whose certificates the campaign replaces, when it is its cohort's turn? */
export function isCovered({ app }: Change, campaign: StoredCampaign, principal: Principal): boolean {
  if (principal.status !== 'active') return false;
  if (campaign.class !== null && principal.class !== campaign.class) return false;
  if (campaign.site !== null && principal.site !== campaign.site) return false;
  return cohortIn(app, principal) === campaign.cohort;
}

/** Does the campaign replace this certificate? A key that is not to be trusted is as old as its first certificate. */
async function isMember(within: Change, campaign: StoredCampaign, entry: LedgerEntry): Promise<boolean> {
  const { app, tx } = within;
  if (entry.state !== 'active' || (await isOfDrill(tx, entry))) return false;
  if (campaign.otherIssuer && !isOtherIssuer(entry, app.authority.chain[0])) return false;
  if (entry.issuedAt < campaign.issuedBefore) return true;
  if (!needsNewKey(campaign)) return false;
  const certified = await tx.certificatesByKey(entry.keyFingerprint);
  return certified.some(({ issuedAt }) => issuedAt < campaign.issuedBefore);
}

function isOtherIssuer(entry: LedgerEntry, issuer: Uint8Array | undefined): boolean {
  if (isForeign(entry) || !issuer) return true;
  try {
    return !isSignedBy(entry.der, issuer);
  } catch (error) {
    if (error instanceof DerError) return true;
    throw error;
  }
}

/** Replaces under the campaign what it covers of one principal. @returns certificates left out. */
export async function joinPrincipal(within: Change, campaign: StoredCampaign, principal: Principal): Promise<number> {
  let leftOut = 0;
  for (const entry of await within.tx.certificatesOf(principal.id)) {
    if (!(await isMember(within, campaign, entry))) continue;
    const why = await join(within, campaign, principal, entry);
    if (why === null) continue;
    leftOut += 1;
    await within.record({
      action: 'campaign.left_out',
      message: `${principal.id}: left out of campaign ${campaign.id}: ${why}`,
      principalId: principal.id,
      fields: { 'nolapse.campaign': campaign.id },
    });
  }
  return leftOut;
}

/** @returns why it is left out; null when it is in, or will be later. */
async function join(
  within: Change,
  campaign: StoredCampaign,
  principal: Principal,
  entry: LedgerEntry,
): Promise<string | null> {
  const { tx } = within;
  const existing = await tx.openRenewalFor(entry.fingerprint);
  if (existing && !(await mayTakeOver(within, campaign, existing))) return null;
  if (campaign.drill) {
    const contact = await tx.contact(principal.id);
    if ((contact?.slots ?? principal.slots) === 1) return 'it has one slot, a drill would replace what is in it';
  }
  if (existing && !(needsNewKey(campaign) && existing.mode === 'recertify')) {
    await tx.putRenewal({ ...existing, campaign: campaign.id, cohort: campaign.cohort });
    return null;
  }
  const mode = await modeUnder(within, campaign, principal, entry);
  if (mode === null) return 'no key mode makes a new key for it';
  if (existing) {
    const detail = `campaign ${campaign.id} asks for a new key`;
    await step(within, existing, { type: 'cancelled', detail }, principal, `cancelled: ${detail}`);
  }
  await openUnder(within, campaign, principal, entry, mode);
  return null;
}

/** What another campaign brought, or has a certificate already that this one would replace, goes to its end first. */
async function mayTakeOver(within: Change, campaign: StoredCampaign, existing: Renewal): Promise<boolean> {
  if (campaign.drill || existing.campaign === campaign.id || existing.newFingerprint !== null) return false;
  const other = existing.campaign === null ? null : await within.tx.campaign(existing.campaign);
  return other === null || other.state === 'done' || other.state === 'aborted';
}

async function modeUnder(
  { app, tx, now }: Change,
  campaign: StoredCampaign,
  principal: Principal,
  entry: LedgerEntry,
): Promise<KeyMode | null> {
  const policy = policyOf(app, principal);
  // A key made here is encrypted to the one that is not to be trusted: only where the device can make none.
  const newKeys = (['csr', 'keygen'] as const).filter((mode) => policy.keyModes.includes(mode));
  const keyModes = needsNewKey(campaign) ? newKeys : policy.keyModes;
  const history = await keyHistoryOf(app, tx, principal, entry);
  return chooseKeyMode({ ...policy, keyModes }, principal, history, now);
}
