// Has a second operator approve what one has asked for over the HTTP API: revocations, decommissions, and campaigns above a size. Both are held
// against their rights when it is carried out.

import { allows, isWithin, type Right } from '../../domain/access-right.ts';
import { type Actor, actorTextMax } from '../../domain/actor.ts';
import { actorNameOf } from '../../domain/api-credential.ts';
import type { Approval } from '../../ports/approvals.ts';
import { callerAgain } from '../access/authenticate.ts';
import { actingAs } from '../acting.ts';
import { type Changing, change } from '../change.ts';
import type { Context } from '../context.ts';
import { OperationError } from '../operation-error.ts';
import { shortId } from '../short-id.ts';
import type { ApprovalView, Caller } from '../views/access.ts';
import type { NewCampaign } from '../views/campaigns.ts';
import type { OperationName } from './catalog.ts';
import { type Operations, type OperationsFor, readInput } from './operate.ts';
import { permissionOf } from './permissions.ts';

type ApprovalContext = Changing & Pick<Context, 'entropy'>;

export interface ApprovalRules {
  /** Campaigns of more devices than this take a second operator. */
  readonly campaignAbove: number;
}

/** How long a request waits for a second operator. */
const waitMs = 7 * 86_400_000;

/** Approvals of one home. */
export class Approvals {
  readonly #app: ApprovalContext;
  readonly #operationsFor: OperationsFor;
  readonly #rules: ApprovalRules;

  constructor(app: ApprovalContext, operationsFor: OperationsFor, rules: ApprovalRules) {
    this.#app = app;
    this.#operationsFor = operationsFor;
    this.#rules = rules;
  }

  /**
   * Asks for a second operator where that is needed: it is tried first, without being done, and rejects as it would.
   * @returns what waits; null: it needs none, and nothing was done.
   */
  async ask(
    name: OperationName,
    input: Readonly<Record<string, unknown>>,
    by: { readonly caller: Caller; readonly actor: Actor },
  ): Promise<ApprovalView | null> {
    const { caller, actor } = by;
    const summary = await this.#summaryOf(name, input, this.#operationsFor(actor, caller));
    if (summary === null) return null;
    const { credential } = caller;
    const asked = await change(actingAs(this.#app, actor), async ({ tx, now, record }) => {
      const approval: Approval = {
        id: shortId(this.#app.entropy),
        operation: name,
        input: JSON.stringify(input),
        summary,
        credential: credential.id,
        person: credential.person,
        askedBy: actor.name,
        reason: actor.reason,
        askedAt: now,
        endsAt: now + waitMs,
      };
      await tx.forgetApprovals(now);
      await tx.putApproval(approval);
      await record({ action: 'approval.asked', message: `${summary}: waits for a second operator (${approval.id})` });
      return approval;
    });
    return viewOf(asked);
  }

  /** What it is; null: it takes one operator. */
  async #summaryOf(
    name: OperationName,
    input: Readonly<Record<string, unknown>>,
    operations: Operations,
  ): Promise<string | null> {
    if (input['dryRun'] === true) return null;
    if (name === 'revokeCertificate') {
      const tried = await operations.revokeCertificate({ ...(input as { id: string }), dryRun: true });
      return `revoke certificate ${tried.serial} of ${tried.principalId}`;
    }
    if (name === 'decommissionDevice') {
      await operations.decommissionDevice({ ...(input as { id: string }), dryRun: true });
      return `decommission ${String(input['id'])}`;
    }
    if (name !== 'startCampaign') return null;
    const { needsAll, meant } = await operations.previewCampaign(input as unknown as NewCampaign);
    // That is refused, and says so itself.
    if (needsAll || meant.devices <= this.#rules.campaignAbove) return null;
    return `start a campaign for ${meant.devices} devices`;
  }

  /** Those that the caller's right is over or that it asked for itself, in order of id. */
  async list(caller: Caller): Promise<ApprovalView[]> {
    const now = this.#app.clock.now();
    const found: ApprovalView[] = [];
    for (const each of await this.#app.store.read.approvals()) {
      if (each.endsAt > now && (await this.#isOver(caller, each))) found.push(viewOf(each));
    }
    return found;
  }

  async #isOver({ credential }: Caller, approval: Approval): Promise<boolean> {
    if (credential.id === approval.credential) return true;
    const asker = await this.#app.store.read.apiCredential(approval.credential);
    return asker !== null && isWithin({ ...asker, permission: 'read' }, credential);
  }

  async #find(id: string, caller: Caller): Promise<Approval> {
    const found = await this.#app.store.read.approval(id);
    if (found && found.endsAt > this.#app.clock.now() && (await this.#isOver(caller, found))) {
      const wanted = permissionOf[found.operation as OperationName];
      if (wanted !== 'local' && allows(caller.credential, wanted)) return found;
      throw new OperationError('forbidden', [`this takes the permission ${wanted}`]);
    }
    throw new OperationError('not_found', [`nothing waits for a second operator as ${id.slice(0, 64)}`]);
  }

  /** Takes it away, once. */
  async #take(approval: Approval, actor: Actor, action: 'approval.given' | 'approval.declined'): Promise<void> {
    const word = action === 'approval.given' ? 'approved' : 'declined';
    await change(actingAs(this.#app, actor), async ({ tx, record }) => {
      if (!(await tx.dropApproval(approval.id))) {
        throw new OperationError('conflict', ['somebody was faster: it waits no longer']);
      }
      const message = `${approval.summary}: ${word}, asked for by ${approval.askedBy} (${approval.id})`;
      await record({ action, message });
    });
  }

  async decline(id: string, by: { readonly caller: Caller; readonly actor: Actor }): Promise<ApprovalView> {
    const found = await this.#find(id, by.caller);
    await this.#take(found, by.actor, 'approval.declined');
    return viewOf(found);
  }

  /**
   * Carries it out for both. Rejects with `forbidden` for whoever asked for it, and with `conflict` where the credential of whoever asked is
   * good no more. What cannot be carried out waits on.
   */
  async approve(
    id: string,
    { caller, actor }: { readonly caller: Caller; readonly actor: Actor },
  ): Promise<{ readonly approval: ApprovalView; readonly result: unknown }> {
    const found = await this.#find(id, caller);
    if (found.person === caller.credential.person) {
      throw new OperationError('forbidden', ['this takes another operator than the one who asked']);
    }
    const known = await this.#app.store.read.apiCredential(found.credential);
    const asker = known && (await callerAgain(this.#app, { credential: known }));
    if (!asker) throw new OperationError('conflict', [`${found.askedBy}, who asked for this, may not ask any more`]);
    const both = { credential: { ...caller.credential, ...narrower(caller.credential, asker.credential) } };
    const reason = found.reason ?? actor.reason;
    const name = `${actor.name} for ${actorNameOf(asker.credential)}`.slice(0, actorTextMax);
    const operation = found.operation as OperationName;
    const input = readInput(operation, JSON.parse(found.input));
    await this.#take(found, actor, 'approval.given');
    try {
      const operations = this.#operationsFor({ ...actor, name, reason }, both);
      const run = operations[operation] as (input: unknown) => Promise<unknown>;
      return { approval: viewOf(found), result: await run(input) };
    } catch (error) {
      await this.#app.store.transact((tx) => tx.putApproval(found));
      throw error;
    }
  }
}

const common = (one: readonly string[] | null, other: readonly string[] | null): readonly string[] | null =>
  one === null ? other : other === null ? one : one.filter((each) => other.includes(each));

/** What two rights have in common. */
function narrower(one: Right, other: Right): Right {
  return {
    permission: allows(other, one.permission) ? one.permission : other.permission,
    owners: common(one.owners, other.owners),
    sites: common(one.sites, other.sites),
  };
}

function viewOf({ input, credential: _, ...approval }: Approval): ApprovalView {
  return { ...approval, input: JSON.parse(input) };
}
