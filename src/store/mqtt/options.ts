// The limits of retained messages that hold where nobody says otherwise.
import type { RetainedLimits } from '../../ports/mqtt-options.ts';

/** Unless the options say otherwise. */
export const retainedLimits: RetainedLimits = {
  messagesMax: 100_000,
  bytesMax: 1_073_741_824,
  messagesPerPrincipalMax: 100_000,
  bytesPerPrincipalMax: 1_073_741_824,
};
