// The roots that a device is given to trust, and the ports that it is to try: of the present root, and of a next one that is announced.
import { type PackagedPort, portsToTry, rootsToTrust } from '../../domain/device-package.ts';
import { fingerprintOf } from '../../pki/x509.ts';
import type { KeptRoot } from '../../ports/root-slots.ts';
import type { Context } from '../context.ts';
import { OperationError } from '../operation-error.ts';
import { portsMeant } from '../trust/ports-meant.ts';

export type TrustedRootsContext = Pick<Context, 'store' | 'clock' | 'roots' | 'settings'>;

export interface TrustedRoot {
  readonly slot: KeptRoot;
  readonly der: Uint8Array;
}

function rootOf({ roots }: Pick<Context, 'roots'>, slot: KeptRoot): TrustedRoot {
  const der = roots.certificate(slot.number);
  if (fingerprintOf(der) === slot.fingerprint) return { slot, der };
  throw new OperationError('conflict', [`the certificate of root ${slot.number} in pki/ is not the one of the ledger`]);
}

/** In the order in which the device accepts and tries them. Rejects with `conflict` where a file is not the one of the ledger. */
export async function trustedRoots(
  app: TrustedRootsContext,
): Promise<{ readonly roots: readonly TrustedRoot[]; readonly ports: readonly PackagedPort[] }> {
  const trusted = rootsToTrust(await app.store.read.rootSlots());
  const { address, mqttNextPort: nextPort } = app.settings;
  return {
    roots: trusted.map((slot) => rootOf(app, slot)),
    ports: portsToTry(await portsMeant(app), { port: address.port, nextPort }, trusted),
  };
}
