// What a campaign does about one certificate in use: a renewal is opened for it, or one that is under way becomes the campaign's; or
// it is left out, and somebody is told why.
import type { LedgerEntry } from '../../domain/certificate.ts';
import { chooseKeyMode } from '../../domain/key-mode.ts';
import { cohorts, type KeyMode, type Principal } from '../../domain/principal.ts';
import { isOpen, type Renewal } from '../../domain/renewal.ts';
import { isOver, needsNewKey } from '../../domain/rollout.ts';
import type { StoredCampaign } from '../../ports/campaigns.ts';
import type { Reader } from '../../ports/store.ts';
import { type Change, step } from '../change.ts';
import { type Context, cohortIn } from '../context.ts';
import { callOff } from '../renewal/call-off.ts';
import { campaignOf } from '../renewal/campaign-of.ts';
import { distrusted, isDistrusted } from '../renewal/compromise.ts';
import { isOfDrill } from '../renewal/drill.ts';
import { heldBy } from '../renewal/held.ts';
import { keyHistoryOf } from '../renewal/key-history.ts';
import { cohortCounted, openUnder } from '../renewal/open-renewal.ts';
import type { Revoking } from '../renewal/owe-revocation.ts';
import { revokeWithin } from '../renewal/revoke.ts';
import type { WithIssuers } from './other-issuer.ts';

export type JoinCampaignContext = Pick<Context, 'authority' | 'profiles' | 'entropy' | 'policies' | 'settings'>;

/** What a campaign is judged with: the ledger inside a transaction, or as it reads outside of one. */
export interface Look extends Pick<Change, 'now'> {
  readonly app: JoinCampaignContext;
  readonly tx: Reader;
}

type Joining = Change<JoinCampaignContext> & WithIssuers;

/** What a campaign does about one certificate: nothing, leave it out for a reason, or have it replaced. */
type Share =
  | { readonly kind: 'none' }
  | { readonly kind: 'left_out'; readonly why: string }
  | { readonly kind: 'in'; readonly existing: Renewal | null; readonly mode: KeyMode | null };

const none: Share = { kind: 'none' };
const leftOut = (why: string): Share => ({ kind: 'left_out', why });

/**
 * Is this principal one whose certificates the campaign replaces in the present cohort: of it, or moved meanwhile into one that is
 * through already? `late`: the latter.
 */
export function coverage(
  { app }: Pick<Look, 'app'>,
  campaign: StoredCampaign,
  principal: Principal,
): 'turn' | 'late' | null {
  // Who is quarantined comes back with the certificate it has: it is to be replaced then, and proves nothing in a drill.
  if (principal.status === 'decommissioned' || (campaign.drill && principal.status !== 'active')) return null;
  if (campaign.class !== null && principal.class !== campaign.class) return null;
  if (campaign.site !== null && principal.site !== campaign.site) return null;
  const cohort = cohortIn(app, principal);
  if (cohort === campaign.cohort) return 'turn';
  return !campaign.drill && cohorts.indexOf(cohort) < cohorts.indexOf(campaign.cohort) ? 'late' : null;
}

/** Does the campaign replace this certificate? A key that is not to be trusted is as old as its first certificate. */
async function isMember(
  { tx, isOtherIssuer }: Look & WithIssuers,
  campaign: StoredCampaign,
  entry: LedgerEntry,
): Promise<boolean> {
  // One that has ended is being replaced: that must not be over a key that is not to be trusted.
  const mayEndSo = entry.state === 'expired' && needsNewKey(campaign) && (await tx.openRenewalFor(entry.fingerprint));
  if ((entry.state !== 'active' && !mayEndSo) || (await isOfDrill(tx, entry))) return false;
  if (campaign.otherIssuer && !isOtherIssuer(entry)) return false;
  if (entry.issuedAt < campaign.issuedBefore) return true;
  if (!needsNewKey(campaign)) return false;
  const { since } = await tx.keyRecord(entry.keyFingerprint);
  return since !== null && since < campaign.issuedBefore;
}

/** Replaces under the campaign what it covers of one principal. @returns certificates left out. */
export async function joinPrincipal(within: Joining, campaign: StoredCampaign, principal: Principal): Promise<number> {
  const covered = coverage(within, campaign, principal);
  if (covered === null) return 0;
  if (needsNewKey(campaign)) await callOffDistrusted(within, principal);
  let leftOut = 0;
  for await (const entry of heldBy(within.tx, principal.id)) {
    const why = await joinOne(within, campaign, principal, entry);
    // Who was left out when it was its turn has been told of.
    if (why === null || covered === 'late') continue;
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

/** What was opened once more for a superseded certificate is nothing that the campaign would replace: it ends here. */
async function callOffDistrusted(
  within: Change<Pick<Context, 'policies'> & Revoking>,
  principal: Principal,
): Promise<void> {
  for (const each of await within.tx.unendedRenewals(principal.id)) {
    if (isOpen(each) && (await isDistrusted(within, each, principal))) {
      await callOff(within, each, principal, distrusted);
    }
  }
}

/** @returns why it is left out; null when it is in, or not meant. */
async function joinOne(
  within: Joining,
  campaign: StoredCampaign,
  principal: Principal,
  entry: LedgerEntry,
): Promise<string | null> {
  const share = await shareOf(within, campaign, principal, entry);
  if (share.kind !== 'in') return share.kind === 'left_out' ? share.why : null;
  const { existing, mode } = share;
  if (mode !== null) await openFor(within, campaign, principal, entry, { existing, mode });
  else if (existing) {
    await within.tx.putRenewal({ ...existing, campaign: campaign.id, cohort: cohortCounted(campaign, principal) });
  }
  return null;
}

/**
 * What the campaign does about this certificate of a principal that it covers. `mode`: the key mode of the renewal that it opens; null:
 * it takes `existing` over.
 */
export async function shareOf(
  look: Look & WithIssuers,
  campaign: StoredCampaign,
  principal: Principal,
  entry: LedgerEntry,
): Promise<Share> {
  if (!(await isMember(look, campaign, entry))) {
    const isInDrawer = entry.state === 'issued' && entry.renewalId === null && entry.issuedAt < campaign.issuedBefore;
    if (!isInDrawer || !needsNewKey(campaign)) return none;
    return leftOut(`its certificate ${entry.serial} was never used: revoke it, and issue another by hand`);
  }
  const existing = await look.tx.openRenewalFor(entry.fingerprint);
  if (existing && (campaign.drill || existing.campaign === campaign.id)) return none;
  if (campaign.drill && (await hasOneSlot(look.tx, principal))) {
    return leftOut('it has one slot, and a drill would overwrite it');
  }
  if (existing && (await isAnothers(look, existing))) return leftOut('another campaign is replacing it');
  if (!existing || needsNewKey(campaign)) {
    const mode = await modeUnder(look, campaign, principal, entry);
    return mode === null ? leftOut('no key mode makes a new key for it') : { kind: 'in', existing, mode };
  }
  // Its device may be installing what this one would replace.
  if (existing.newFingerprint !== null) {
    return leftOut(`its renewal ${existing.id} is under way and has its certificate`);
  }
  return { kind: 'in', existing, mode: null };
}

/** As the device says itself, else as the inventory says; where neither does, what was said through a site gateway has it left out. */
async function hasOneSlot(tx: Reader, { id, slots }: Principal): Promise<boolean> {
  const known = (await tx.contact(id))?.slots ?? slots;
  if (known !== null) return known === 1;
  return (await tx.carriedContacts(id)).some((each) => each.slots === 1);
}

async function isAnothers({ tx }: Look, existing: Renewal): Promise<boolean> {
  const other = await campaignOf(tx, existing);
  return other !== null && !isOver(other);
}

/**
 * Opens a renewal of the campaign's own. What is open is called off, and what it has had issued revoked: asked for by whoever has
 * a key that is not to be trusted, it would outlast the campaign.
 */
async function openFor(
  within: Change<Pick<Context, 'entropy' | 'policies'> & Revoking>,
  campaign: StoredCampaign,
  principal: Principal,
  entry: LedgerEntry,
  { existing, mode }: { readonly existing: Renewal | null; readonly mode: KeyMode },
): Promise<void> {
  if (existing) {
    const detail = `campaign ${campaign.id} asks for a new key`;
    await step(within, existing, { type: 'cancelled', detail }, principal, `cancelled: ${detail}`);
    const unused = existing.newFingerprint && (await within.tx.certificate(existing.newFingerprint));
    if (unused) await revokeWithin(within, unused, campaign.reasonCode ?? 'superseded');
  }
  await openUnder(within, campaign, principal, entry, mode);
}

/** The key mode in which a campaign has this certificate replaced; null: there is none. */
export async function modeUnder(
  { app, tx, now }: Omit<Look, 'app'> & { readonly app: Pick<Context, 'authority' | 'policies' | 'profiles'> },
  campaign: StoredCampaign,
  principal: Principal,
  entry: LedgerEntry,
): Promise<KeyMode | null> {
  const policy = app.policies.of(principal);
  // A key made here is encrypted to the one that is not to be trusted: only where the device can make none.
  const newKeys = (['csr', 'keygen'] as const).filter((mode) => policy.keyModes.includes(mode));
  const keyModes = needsNewKey(campaign) ? newKeys : policy.keyModes;
  const history = await keyHistoryOf(app, tx, principal, entry);
  return chooseKeyMode({ ...policy, keyModes }, principal, history, now);
}
