// A campaign for certificates of another issuer verifies them before the unit of work that joins them. What comes between the two is not
// guessed at.
import { afterEach, beforeEach, expect, it } from 'vitest';
import { importDevices } from '../../src/app/inventory/inventory.ts';
import { issueDevice } from '../../src/app/inventory/issue-device.ts';
import { activate } from '../../src/app/renewal/activate.ts';
import { startCampaign } from '../../src/app/rollout/campaigns.ts';
import { walkCampaigns } from '../../src/app/rollout/walk-campaigns.ts';
import type { Fingerprint } from '../../src/domain/certificate.ts';
import type { Store } from '../../src/ports/store.ts';
import { idOf } from '../domain/samples.ts';
import { watched } from '../fakes/watched-units.ts';
import { type Assembled, assembled } from './assembled.ts';

const id = idOf('pump-1');
let parts: Assembled;
/** Done once, before the next unit of work begins. */
let inBetween: (() => Promise<void>) | null = null;
let failed: string[];

function interrupted(store: Store): Store {
  const watching = watched(store);
  const transact: Store['transact'] = async (work) => {
    const first = inBetween;
    inBetween = null;
    await first?.();
    try {
      return await watching.transact(work);
    } catch (error) {
      failed.push(String(error));
      throw error;
    }
  };
  return Object.assign(Object.create(store) as Store, { transact });
}

beforeEach(async () => {
  failed = [];
  parts = await assembled({ throughStore: interrupted });
  await importDevices(parts.app, { format: 'csv', text: `id,owner\n${id},anna\n` });
});
afterEach(() => parts.close());

async function inUse(): Promise<void> {
  const { certificate } = await issueDevice(parts.app, id);
  await activate(parts.app, certificate.fingerprint as Fingerprint);
}

it('a certificate that is in use since has its issuer verified before it is judged', async () => {
  const { app } = parts;
  await inUse();
  const { id: campaign } = await startCampaign(app, { reason: 'another issuer', otherIssuer: true });
  await app.store.transact(async (tx) => {
    const known = await tx.campaign(campaign);
    const principal = await tx.principal(id);
    if (!known || !principal) throw new Error('nothing to go through');
    await tx.putPrincipal({ ...principal, cohort: known.cohort });
  });
  inBetween = inUse;
  await walkCampaigns(app);
  expect(failed).toEqual([expect.stringMatching(/was not verified before/)]);
  // It is of the present issuer, as is the one before it.
  expect(await app.store.read.renewals({ principalId: id }, 10)).toEqual([]);
  expect(await app.store.read.campaign(campaign)).toMatchObject({ state: 'done' });
});
