// Reads the parts that requests, certificates and CRLs have in common: names, extensions, alternative names. It reports
// what is there; whether that is allowed is decided elsewhere.
import type { AlternativeName } from '../domain/request.ts';
import { contextTag, tags } from './der.ts';
import { ascii, type DerElement, DerError, type DerReader, dotted, openDer, type Rigour, truth } from './der-reader.ts';

/** One attribute of a name. Null: a value that was not decoded, or is no text. */
export interface NameAttribute {
  /** Its OID. */
  readonly type: string;
  readonly value: string | null;
  /** Which RelativeDistinguishedName it is in, from 0 on: most hold one attribute. */
  readonly relative: number;
}

interface Extension {
  readonly critical: boolean;
  /** Content of the extnValue. */
  readonly value: Uint8Array;
}

/** Extensions by OID; a Map, since the keys come from outside. */
export type Extensions = ReadonlyMap<string, Extension>;

/** One of a list, in which it may occur again. */
export interface ListedExtension extends Extension {
  /** Its OID. */
  readonly id: string;
}

/** Reads the RDNSequence behind `reader`, to its end. `decode` is given each value with the OID of its type. */
export function readName(
  reader: DerReader,
  decode: (value: DerElement, type: string) => string | null,
): NameAttribute[] {
  const attributes: NameAttribute[] = [];
  for (let at = 0; !reader.atEnd; at += 1) {
    const relative = reader.enter(tags.set);
    do {
      const attribute = relative.enter(tags.sequence);
      const type = dotted(attribute.next(tags.oid).content);
      attributes.push({ type, value: decode(attribute.any(), type), relative: at });
      attribute.end();
    } while (!relative.atEnd);
  }
  return attributes;
}

/**
 * Reads the Extensions behind `reader`, to its end, each as often as it occurs. An empty list, though no list should be empty, says
 * nothing and is let pass.
 */
export function listExtensions(reader: DerReader, booleans: Rigour): ListedExtension[] {
  const extensions: ListedExtension[] = [];
  while (!reader.atEnd) {
    const one = reader.enter(tags.sequence);
    const id = dotted(one.next(tags.oid).content);
    const critical = one.sees(tags.boolean) && truth(one.any(), booleans);
    const value = one.next(tags.octetString).content;
    one.end();
    extensions.push({ id, critical, value });
  }
  return extensions;
}

/** The same by OID. One that occurs twice is a DerError (RFC 5280, 4.2); read loosely, its first occurrence counts. */
export function readExtensions(reader: DerReader): Extensions {
  const extensions = new Map<string, Extension>();
  for (const { id, ...extension } of listExtensions(reader, reader.rigour)) {
    if (!extensions.has(id)) extensions.set(id, extension);
    else if (reader.rigour === 'strict') throw new DerError(`extension ${id} occurs twice`);
  }
  return extensions;
}

const nameTypes: ReadonlyMap<number, AlternativeName['type']> = new Map([
  [contextTag(1, false), 'email'],
  [contextTag(2, false), 'dns'],
  [contextTag(6, false), 'uri'],
]);

const otherNameTypes: ReadonlyMap<number, string> = new Map([
  [contextTag(0, true), 'otherName'],
  [contextTag(4, true), 'directoryName'],
  [contextTag(7, false), 'iPAddress'],
  [contextTag(8, false), 'registeredID'],
]);

const latin1 = (content: Uint8Array): string =>
  Buffer.from(content.buffer, content.byteOffset, content.length).toString('latin1');

function alternativeName({ tag, content }: DerElement, rigour: Rigour): AlternativeName {
  const type = nameTypes.get(tag);
  if (type === 'uri' && rigour === 'strict') return { type, value: ascii(content) };
  if (type) return { type, value: latin1(content) };
  if (tag === contextTag(7, false) && content.length === 4) return { type: 'address', value: content.join('.') };
  return { type: 'other', value: otherNameTypes.get(tag) ?? `of tag 0x${tag.toString(16)}` };
}

/** Reads a subjectAltName's value (RFC 5280, 4.2.1.6). One without a name is a DerError. */
export function readAlternativeNames(value: Uint8Array, rigour: Rigour): AlternativeName[] {
  const reader = openDer(value, tags.sequence, value.length, rigour);
  const names: AlternativeName[] = [];
  do names.push(alternativeName(reader.any(), rigour));
  while (!reader.atEnd);
  return names;
}

/** The URIs among alternative names. */
export function urisIn(names: readonly AlternativeName[]): string[] {
  return names.filter(({ type }) => type === 'uri').map(({ value }) => value);
}

/** The values of all attributes of this type. */
export function valuesOf(name: readonly NameAttribute[], type: string): (string | null)[] {
  return name.filter((attribute) => attribute.type === type).map(({ value }) => value);
}
