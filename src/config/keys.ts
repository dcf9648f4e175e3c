// Every key of the configuration schema as a path: what environment variables are matched against, and what the reference
// in docs/configuration.md is compared with.
import { z } from 'zod';
import { classDefaults, configSchema } from './schema.ts';

/** Stands in a path for a name the operator chooses: of a class, of a principal, of a source. */
export const anyName = '<name>';

export interface ConfigKey {
  readonly path: readonly string[];
  readonly kind: 'text' | 'number' | 'boolean' | 'list' | 'map';
  /** As it would be written in the file; undefined when absence means something of its own. */
  readonly default: unknown;
}

/** Takes off defaults, options and transformations; what is left says what is to be written. */
function bare(schema: z.core.$ZodType): z.core.$ZodType {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    return bare(schema.unwrap());
  }
  return schema instanceof z.ZodPipe ? bare(schema.in) : schema;
}

/** Names that stand for texts: one value, written as a whole. */
function isMap(schema: z.core.$ZodType): boolean {
  return schema instanceof z.ZodRecord && !(bare(schema.valueType) instanceof z.ZodObject);
}

function kindOf(schema: z.core.$ZodType): ConfigKey['kind'] {
  if (isMap(schema)) return 'map';
  if (schema instanceof z.ZodArray) return 'list';
  if (schema instanceof z.ZodBoolean) return 'boolean';
  return schema instanceof z.ZodNumber ? 'number' : 'text';
}

function walk(schema: z.core.$ZodType, path: readonly string[]): ConfigKey[] {
  const inner = bare(schema);
  if (inner instanceof z.ZodObject) {
    return Object.entries(inner.shape).flatMap(([key, value]) => walk(value as z.core.$ZodType, [...path, key]));
  }
  if (inner instanceof z.ZodRecord && !isMap(inner)) return walk(inner.valueType, [...path, anyName]);
  const written = schema instanceof z.ZodPrefault ? schema.def.defaultValue : undefined;
  const inherited = path[0] === 'classes' ? new Map(Object.entries(classDefaults)).get(path.at(-1) ?? '') : undefined;
  return [{ path, kind: kindOf(inner), default: written ?? inherited }];
}

export const configKeys: readonly ConfigKey[] = walk(configSchema, []);
