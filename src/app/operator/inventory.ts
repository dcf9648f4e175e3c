// Operations on the inventory as a whole: files and sources that it comes from, and what is to be expected of it.
import { z } from 'zod';
import { importDevices } from '../inventory/inventory.ts';
import { listSources, reconcile } from '../inventory/reconcile.ts';
import { forecast } from '../oversight/forecast.ts';
import { status } from '../oversight/status.ts';
import { brokerChecks } from './doctor.ts';
import { type OperationsOf, operation } from './operation.ts';
import { bounded, dryable, file, inQuery, insistence, nothing, text } from './shapes.ts';

/** How long a look ahead is waited for. */
const fleetPatienceMs = 10_000;

export const inventory = {
  /**
   * All rows or none; faults name their line. Fields a row does not name stay. Rejects with `conflict` where it leaves certificates too
   * little time and nobody insists. `format` is decided by the caller from the file's name or content.
   */
  importDevices: operation(
    z.strictObject({ format: z.enum(['csv', 'jsonl']), text: file, ...insistence, force: inQuery, dryRun: inQuery }),
    ({ app }, input) => importDevices(app, input),
  ),
  /** Also rejects with `conflict` while this source is being read, and with `invalid` when the source has faults. */
  reconcile: operation(
    z.strictObject({
      source: text,
      ...dryable,
      acceptLoss: z.boolean().exactOptional(),
      takeOver: z.boolean().exactOptional(),
      takeOverFrom: text.exactOptional(),
      ...insistence,
      ...bounded,
    }),
    ({ app }, input) => reconcile(app, input),
  ),
  listSources: operation(nothing, ({ app }) => listSources(app)),
  /** Who is dark, who is expected to go dark by a date and who never had a certificate, as docs/operations.md has it. */
  forecast: operation(
    z.strictObject({
      days: z.number().exactOptional(),
      asOf: text.exactOptional(),
      owner: text.exactOptional(),
      site: text.exactOptional(),
      ...bounded,
    }),
    ({ app }, input) => forecast(app, input),
  ),
  /** What is dark or will be, whose it is and what to do about it, how the broker is, and what was decided in the last 24 hours. */
  status: operation(z.strictObject({ days: z.number().exactOptional() }), ({ app, serverDer }, query) =>
    status(app, query, () => brokerChecks(app, serverDer())),
  ),
  /** The fleet in figures, with what is wrong by owner. */
  fleet: operation(nothing, ({ app }) => app.foresight.view(fleetPatienceMs, { fresh: true })),
} satisfies OperationsOf<'inventory'>;
