// The store for somebody whose right is for some devices only: a unit of work that writes what belongs to another fails and is undone. Each
// record is held against the right as it was before and as it is after, in the transaction that changes it.
import { type Belonging, covers, isUnlimited, type Right } from '../../domain/access-right.ts';
import { type AlertName, principalOf } from '../../domain/alert.ts';
import type { PrincipalId } from '../../domain/principal.ts';
import type { Store, Transaction } from '../../ports/store.ts';
import { OperationError } from '../operation-error.ts';

const outside = (what: string): OperationError =>
  new OperationError('forbidden', [`${what} is not among the devices that this credential is for`]);

type Writes = { [Name in keyof Transaction]?: Transaction[Name] };

function guardedWrites(tx: Transaction, right: Right): Writes {
  const isCovered = (belonging: Belonging): boolean => covers(right, belonging);
  const require = async (id: PrincipalId): Promise<void> => {
    const principal = await tx.principal(id);
    if (!principal || !isCovered(principal)) throw outside(id);
  };
  const refuse = async (): Promise<never> => {
    throw new OperationError('forbidden', ['this takes a credential that is for all devices']);
  };
  return {
    putPrincipal: async (after) => {
      const before = await tx.principal(after.id);
      if (before && !isCovered(before)) throw outside(after.id);
      if (!isCovered(after)) {
        const site = after.site === null ? 'no site' : `the site "${after.site}"`;
        throw outside(`${after.id} with the owner "${after.owner}" and ${site}`);
      }
      if (after.gateway !== null && after.gateway !== before?.gateway) await require(after.gateway);
      await tx.putPrincipal(after);
    },
    putCertificate: async (entry) => {
      await require(entry.principalId);
      await tx.putCertificate(entry);
    },
    putRenewal: async (renewal) => {
      await require(renewal.principalId);
      await tx.putRenewal(renewal);
    },
    putDelegation: async (delegation) => {
      const { gatewayId, site, devices } = delegation;
      await require(gatewayId);
      for (const device of devices) await require(device);
      // Whoever comes to the site comes under it, whoever owns it.
      if (site !== null && (right.owners !== null || right.sites?.includes(site) === false)) {
        throw outside(`the site "${site}" as a whole`);
      }
      await tx.putDelegation(delegation);
    },
    putAlert: async (alert) => {
      const id = principalOf(alert as AlertName);
      if (id === null) return refuse();
      await require(id);
      await tx.putAlert(alert);
    },
    enqueue: async (effect) => {
      if ('principalId' in effect) await require(effect.principalId);
      await tx.enqueue(effect);
    },
    putCampaign: refuse,
  };
}

/** @param rights all of which are to cover what is written. */
export function guardedStore(store: Store, rights: readonly Right[]): Store {
  return rights.filter((right) => !isUnlimited(right)).reduce(guardedBy, store);
}

function guardedBy(store: Store, right: Right): Store {
  const transact: Store['transact'] = (work, pace) =>
    store.transact((tx) => {
      const writes = guardedWrites(tx, right);
      const guarded = new Proxy(tx, {
        get: (target, name) => {
          const own = writes[name as keyof Transaction];
          if (own) return own;
          const value: unknown = Reflect.get(target, name, target);
          return typeof value === 'function' ? value.bind(target) : value;
        },
      });
      return work(guarded);
    }, pace);
  return Object.create(store, { transact: { value: transact } }) as Store;
}
