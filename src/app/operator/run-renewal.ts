// Has a certificate replaced now because an operator says so: what is not open is opened, and what is open and goes no further is set going
// again, whatever holds it.
import type { LedgerEntry } from '../../domain/certificate.ts';
import { possibleKeyModes } from '../../domain/key-mode.ts';
import type { Principal, PrincipalId } from '../../domain/principal.ts';
import type { Renewal } from '../../domain/renewal.ts';
import { holdsBack, isOver } from '../../domain/rollout.ts';
import type { Reader } from '../../ports/store.ts';
import { type Change, change, step } from '../change.ts';
import { OperationError } from '../operation-error.ts';
import { campaignOf } from '../renewal/campaign-of.ts';
import { isOfDrill } from '../renewal/drill.ts';
import { dropUnused } from '../renewal/drop-unused.ts';
import { heldBy, heldOf } from '../renewal/held.ts';
import { keyHistoryOf } from '../renewal/key-history.ts';
import { owePrompt } from '../renewal/last-chance.ts';
import { type OpenRenewalContext, openUnder, openWithin } from '../renewal/open-renewal.ts';
import { modeUnder } from '../rollout/join-campaign.ts';

/** Rejects with `not_found`, or `conflict` where there is nothing that could be replaced. Twice is once. */
export function runRenewal(app: OpenRenewalContext, id: PrincipalId): Promise<Renewal> {
  return change(app, async (within) => {
    const { tx } = within;
    const principal = await tx.principal(id);
    if (!principal) throw new OperationError('not_found', [`${id} is not in the inventory`]);
    const entry = await replaceable(tx, id);
    const open = entry && (await tx.openRenewalFor(entry.fingerprint));
    const renewal = entry && (await openWithin(within, entry));
    if (!renewal) throw new OperationError('conflict', [whyNone(principal, await heldOf(tx, id))]);
    return renewal.id === open?.id && principal.status === 'active'
      ? setGoing(within, renewal, principal, entry)
      : renewal;
  });
}

function whyNone({ id, status }: Principal, entries: readonly LedgerEntry[]): string {
  const none = `${id} has no certificate in use that could be replaced`;
  if (status === 'decommissioned') return `${none}: it is decommissioned`;
  const isUnseen = entries.some(({ state }) => state === 'issued');
  const unseen =
    'the one that was issued to it has not been seen yet; it is seen when the device connects with it, or says hello with a proof through its site gateway';
  return `${none}: ${isUnseen ? unseen : `nolapse device issue ${id} gives it one`}`;
}

async function replaceable(read: Reader, id: PrincipalId): Promise<LedgerEntry | undefined> {
  let second: LedgerEntry | undefined;
  for await (const each of heldBy(read, id)) {
    if (each.state === 'active' && !(await isOfDrill(read, each))) return each;
    if (each.state === 'active' || each.state === 'expired') second ??= each;
  }
  return second;
}

/** Owes the device what it is owed now, and not after a pause. */
async function setGoing(
  within: Change<OpenRenewalContext>,
  open: Renewal,
  principal: Principal,
  entry: LedgerEntry,
): Promise<Renewal> {
  const { tx } = within;
  await within.record({
    action: 'renewal.run',
    message: `${principal.id}: its renewal, ${open.state}, is to go on at once, by hand`,
    principalId: principal.id,
    renewalId: open.id,
  });
  const anew = await inAnotherMode(within, open, principal, entry);
  if (anew) return anew;
  const detail = 'begins anew by hand: its replacement was installed, and not seen in use';
  const transition = await step(within, open, { type: 'due' }, principal, detail);
  const renewal = await release(within, transition.kind === 'changed' ? transition.renewal : open);
  await owePrompt(tx, renewal);
  return renewal;
}

/** What its campaign holds back goes on, and stays the campaign's: what comes of it counts there. */
async function release(within: Change, renewal: Renewal): Promise<Renewal> {
  const { tx, now, record } = within;
  const campaign = await campaignOf(tx, renewal);
  if (renewal.state !== 'due' || renewal.releasedAt !== null || !campaign || !holdsBack(campaign)) return renewal;
  const released = { ...renewal, releasedAt: now };
  await tx.putRenewal(released);
  await record({
    action: 'campaign.overridden',
    message: `${renewal.principalId}: goes on by hand although campaign ${campaign.id} is ${campaign.state}`,
    principalId: renewal.principalId,
    renewalId: renewal.id,
    fields: { 'nolapse.campaign': campaign.id },
  });
  return released;
}

/**
 * A renewal keeps the key mode it was opened in. Where inventory and policy have come to agree on others since, that one comes to nothing:
 * it is called off, and another opened. @returns null: its mode is as good as any.
 */
async function inAnotherMode(
  within: Change<OpenRenewalContext>,
  open: Renewal,
  principal: Principal,
  entry: LedgerEntry,
): Promise<Renewal | null> {
  const { app, tx, now } = within;
  // What its device says it has may come to something all the same.
  if (open.state === 'installed') return null;
  const history = await keyHistoryOf(app, tx, principal, entry);
  const possible = possibleKeyModes(app.policies.of(principal), principal, history, now);
  if (possible.length === 0 || possible.includes(open.mode)) return null;
  const campaign = await campaignOf(tx, open);
  const goesOn = campaign !== null && !isOver(campaign);
  const mode = goesOn ? await modeUnder(within, campaign, principal, entry) : null;
  if (goesOn && mode === null) return null;
  const detail = `key mode ${open.mode} no longer fits`;
  await step(within, open, { type: 'cancelled', detail }, principal, `cancelled: ${detail}`);
  await dropUnused(within, open);
  if (!goesOn || mode === null) return openWithin(within, entry);
  return release(within, await openUnder(within, campaign, principal, entry, mode));
}
