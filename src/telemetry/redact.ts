// What must never be written down, taken out of whatever is about to be: belt and braces, for no caller hands secrets over.
import { printable, printableField } from './printable.ts';

const redacted = '[redacted]';
/** Deeper structures are not logged. */
const depthMax = 4;

const secretNames: ReadonlySet<string> = new Set([
  'key',
  'keypem',
  'key_pem',
  'privatekey',
  'private_key',
  'passphrase',
  'password',
  'secret',
  'token',
  'authorization',
]);

function isSecretName(name: string): boolean {
  const last = name.slice(name.lastIndexOf('.') + 1).toLowerCase();
  return secretNames.has(last);
}

/** Fields fit to be logged: secrets gone by their names, bytes as their count, errors as ECS has them. */
export function redactFields(fields: Readonly<Record<string, unknown>>, depth = 0): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (isSecretName(name)) out[name] = redacted;
    else if (value instanceof Error) Object.assign(out, redactFields(errorFields(value), depth + 1));
    else if (typeof value === 'string') out[name] = printableField(name, value);
    else out[name] = redactValue(value, depth + 1);
  }
  return out;
}

function redactValue(value: unknown, depth: number): unknown {
  if (value instanceof Uint8Array) return `[${value.length} bytes]`;
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'string') return printable(value);
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  if (depth > depthMax) return '[too deep]';
  if (value instanceof Map || value instanceof Set) return `[${value.size} entries]`;
  if (Array.isArray(value)) return value.slice(0, 100).map((each) => redactValue(each, depth + 1));
  return redactFields(value as Record<string, unknown>, depth);
}

/** An error in ECS's fields. */
function errorFields(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { 'error.message': String(error) };
  const code = (error as { code?: unknown }).code;
  return {
    'error.type': error.name,
    'error.message': error.message,
    ...(typeof code === 'string' && { 'error.code': code }),
    ...(error.stack !== undefined && { 'error.stack_trace': error.stack }),
    ...(error.cause instanceof Error && { 'error.cause': error.cause.message }),
  };
}

/** A written line without any PEM block in it, whole or cut off. */
export function redactPem(line: string): string {
  if (!line.includes('-----BEGIN ')) return line;
  return line.replaceAll(/-----BEGIN [A-Z0-9 ]+-----[^"]*?(?:-----END [A-Z0-9 ]+-----|(?="))/g, redacted);
}
