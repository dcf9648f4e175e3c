// Operations on the broker itself: its health, and a copy of its ledger.
import { z } from 'zod';
import { copyLedger } from './copy-ledger.ts';
import { doctor } from './doctor.ts';
import { type OperationsOf, operation } from './operation.ts';
import { nothing } from './shapes.ts';

export const broker = {
  /**
   * Copies the ledger, as it is when the copy ends, into a file on this machine that must not exist. Rejects with `conflict` while another
   * copy is made, and when it fails; what there is of it then is the caller's to remove.
   */
  copyLedger: operation(z.strictObject({ file: z.string().min(1).max(4_096) }), ({ app }, { file }) =>
    copyLedger(app, file),
  ),
  doctor: operation(nothing, ({ app, serverDer, isServing }) => doctor(app, serverDer(), isServing)),
} satisfies OperationsOf<'broker'>;
