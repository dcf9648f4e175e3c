// The machine as the broker sees it.
import type { IssuedState, LogState } from '../domain/machine.ts';
import type { Machine } from '../ports/machine.ts';
import { DescriptorCount, descriptorLimit } from './descriptors.ts';
import { exposuresOf } from './exposure.ts';

/** @param log how what is logged gets out; absent: nobody watches it. */
export function openMachine(
  home: string,
  log: () => LogState | null = () => null,
  issued: () => IssuedState | null = () => null,
): Machine {
  const limit = descriptorLimit();
  const count = new DescriptorCount();
  return {
    log,
    issued,
    descriptorLimit: limit,
    descriptors: () => {
      const { open } = count;
      return open === null || limit === null ? null : { open, limit };
    },
    exposures: () => exposuresOf(home),
  };
}
