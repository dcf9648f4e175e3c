// The machine as the gateway sees it.
import type { LogState } from '../domain/machine.ts';
import type { Machine } from '../ports/machine.ts';
import { descriptorLimit, openDescriptors } from './descriptors.ts';
import { exposuresOf } from './exposure.ts';

/** @param log how what is logged gets out; absent: nobody watches it. */
export function openMachine(home: string, log: () => LogState | null = () => null): Machine {
  const limit = descriptorLimit();
  return {
    log,
    descriptorLimit: limit,
    descriptors: async () => {
      const open = limit === null ? null : await openDescriptors();
      return open === null || limit === null ? null : { open, limit };
    },
    exposures: () => exposuresOf(home),
  };
}
