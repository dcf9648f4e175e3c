// The alert about policies that were refused where nobody waited for an answer: raised by the refusal, cleared once policies are taken over
// or the broker starts anew.
import type { AlertName } from '../../domain/alert.ts';

export const refusedReload = { kind: 'too_little_time', subject: 'reload' } as const satisfies AlertName;
