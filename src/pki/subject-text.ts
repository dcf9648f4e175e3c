// The subject of a certificate as people and tools write it, for matching it against what an operator wrote down. It decides nothing
// that a signature should.
import { attributeName } from './oid-names.ts';
import { oids } from './oids.ts';
import { type NameAttribute, valuesOf } from './parts.ts';

/** One spelling for what writers differ in: blanks around separators, quotes, backslashes, a heading. */
export function plainSubject(text: string): string {
  return text
    .replace(/^\s*subject\s*[=:]/i, '')
    .replaceAll(/["\\]/g, '')
    .replaceAll(/\s*([=,+/])\s*/g, '$1')
    .trim();
}

/**
 * Every plain form of a subject: `CN=a,O=b` in the order it is written in and in that of RFC 4514, `/O=b/CN=a`, and a common name or a
 * serial number alone.
 */
export function subjectForms(name: readonly NameAttribute[]): string[] {
  const relatives = new Map<number, string>();
  for (const { type, value, relative } of name) {
    const one = `${attributeName(type)}=${value ?? ''}`;
    const before = relatives.get(relative);
    relatives.set(relative, before === undefined ? one : `${before}+${one}`);
  }
  const parts = [...relatives.values()];
  const alone = [...valuesOf(name, oids.commonName), ...valuesOf(name, oids.serialNumber)];
  const forms = [parts.join(','), parts.toReversed().join(','), parts.map((part) => `/${part}`).join('')];
  return [...new Set([...forms, ...alone.map((value) => value ?? '')].map(plainSubject))].filter((form) => form !== '');
}
