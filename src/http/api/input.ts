// Makes the input of an operation out of a request: what the path has, what the query or the body says. What may stand where is read from the
// operation's own shape, which judges the values.
import { z } from 'zod';
import { effectOf } from '../../app/operator/catalog.ts';
import { shapeOf } from '../../app/operator/operate.ts';
import { Refused } from './problem.ts';
import { pathKeys, type Route } from './routes.ts';

type Keys = Readonly<Record<string, z.ZodType>>;

/** Who does it is the credential's to say. */
const neverGiven = ['by'];

/** The keys of the input that a request may give beside its path. */
export function givenKeys(route: Route): Keys {
  const { shape } = shapeOf(route.operation) as unknown as z.ZodObject;
  const taken = new Set([...pathKeys(route), ...Object.keys(route.fixed ?? {}), ...neverGiven]);
  const isFile = takesFile(route);
  const entries = Object.entries(shape as Keys).filter(([key]) => !taken.has(key) && !(isFile && key === 'text'));
  return Object.fromEntries(entries);
}

export function takesFile({ operation }: Pick<Route, 'operation'>): boolean {
  return effectOf(operation) === 'takes a file';
}

/** Does the input stand in the query? That of what reads, and what stands beside a file. */
export function takesQuery(route: Route): boolean {
  return route.method === 'GET' || takesFile(route);
}

/** Takes off what makes it optional. */
function bare(schema: z.core.$ZodType): z.core.$ZodType {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodReadonly || schema instanceof z.ZodExactOptional) {
    return bare(schema.unwrap());
  }
  return schema;
}

/** A text of a query as what its key takes. What it cannot be stays text, and is refused by the shape. */
function readValue(schema: z.core.$ZodType, text: string): unknown {
  const kind = bare(schema);
  if (kind instanceof z.ZodNumber) return /^-?\d{1,15}(\.\d{1,6})?$/.test(text) ? Number(text) : text;
  if (kind instanceof z.ZodBoolean) return text === 'true' ? true : text === 'false' ? false : text;
  return text;
}

const partsMax = 100;

/** Reads a query by the keys that it may have. Throws Refused `bad_request` for one that is said twice and is no list. */
export function fromQuery(keys: Keys, query: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const entries = Object.entries(query).map(([key, value]): [string, unknown] => {
    const schema = Object.hasOwn(keys, key) ? keys[key] : undefined;
    if (schema === undefined) return [key, value];
    if (bare(schema) instanceof z.ZodArray) return [key, [value].flat().slice(0, partsMax)];
    if (typeof value !== 'string') throw new Refused('bad_request', [`${key}: said more than once`]);
    return [key, readValue(schema, value)];
  });
  return Object.fromEntries(entries);
}
