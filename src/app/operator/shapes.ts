// Shapes that the inputs of several operations share.
import { z } from 'zod';

export const rowsMax = 10_000;
const rowsDefault = 1_000;

export const text = z.string().max(256);
export const id = z.string().min(1).max(256);
const limit = z.int().min(1).max(rowsMax);
export const nothing: z.ZodType<object> = z.strictObject({});
/** Of an operation that takes a file, whose other input may come as text, in a query. */
export const inQuery = z.union([z.boolean(), z.stringbool()]).exactOptional();
/** Of a decision that may be refused. */
export const insistence = {
  force: z.boolean().exactOptional(),
  reason: text.exactOptional(),
  by: text.exactOptional(),
};
/** Of one that can be shown before it is carried out. */
export const dryable = { dryRun: z.boolean().exactOptional() };
/** Of a list. */
export const bounded = { limit: limit.exactOptional() };
/** Of a list that goes on after a key. */
export const paged = { after: text.exactOptional(), ...bounded };
/** One of these, or `''`, which empties the field. */
export const orEmpty = <T extends string>(values: readonly [T, ...T[]]) =>
  z.enum<['', T, ...T[]]>(['', ...values]).exactOptional();
export const wholeOrEmpty = z.union([z.int(), z.literal('')]).exactOptional();
/** A file, whole or as it is sent: bounded by whoever reads it. */
export const file = z.custom<string | AsyncIterable<Uint8Array>>(
  (value) =>
    typeof value === 'string' || (typeof value === 'object' && value !== null && Symbol.asyncIterator in value),
  { error: 'expected a body of type application/octet-stream' },
);

/** How much of a list is wanted, and after which key. */
export function pageOf(after: string | undefined, limit: number | undefined): { after?: string; limit: number } {
  return { limit: limitOf(limit), ...(after !== undefined && { after }) };
}

export function limitOf(limit: number | undefined): number {
  return Math.min(limit ?? rowsDefault, rowsMax);
}
