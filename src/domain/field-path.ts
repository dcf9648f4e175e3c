// Where a value stands in a record that somebody else has laid out: a name, or names within one another with dots between.

/** A path's rule in words, for error messages. */
export const fieldPathRule = 'expected a field, or fields within one another with dots between, such as site.slug';

/** Characters of a path. */
const pathLengthMax = 256;

export function isFieldPath(text: string): boolean {
  return text.length <= pathLengthMax && text.split('.').every((step) => step !== '' && !/\p{Cc}/u.test(step));
}

/**
 * The value at a path. A field whose name has the dots in it comes before one within another, as in a heading of CSV.
 * @returns undefined where there is none, and where a step on the way holds no fields.
 */
export function valueAt(record: unknown, path: string): unknown {
  if (typeof record !== 'object' || record === null) return undefined;
  if (Object.hasOwn(record, path)) return (record as Readonly<Record<string, unknown>>)[path];
  const dot = path.indexOf('.');
  return dot < 0 ? undefined : valueAt(valueAt(record, path.slice(0, dot)), path.slice(dot + 1));
}

/**
 * What a record says at a path: {@link valueAt}, but null where a step on the way is null, as of a record without a site whose `site`
 * is null and whose site's name is asked for. Undefined: it says nothing.
 */
export function saidAt(record: unknown, path: string): unknown {
  if (record === null) return null;
  if (typeof record !== 'object') return undefined;
  if (Object.hasOwn(record, path)) return (record as Readonly<Record<string, unknown>>)[path];
  const dot = path.indexOf('.');
  return dot < 0 ? undefined : saidAt(valueAt(record, path.slice(0, dot)), path.slice(dot + 1));
}
