// Reads the parts that requests, certificates and CRLs have in common: names, extensions, alternative names. It reports
// what is there; whether that is allowed is decided elsewhere.
import { contextTag, tags } from './der.ts';
import { ascii, DerError, type DerReader, dotted, openDer, text, truth } from './der-reader.ts';
import { oids } from './oids.ts';

export interface NameFacts {
  /** Null stands for a common name of a string type nobody should use. */
  readonly commonNames: readonly (string | null)[];
  /** Attributes other than common names. */
  readonly others: number;
}

interface Extension {
  readonly critical: boolean;
  /** Content of the extnValue. */
  readonly value: Uint8Array;
}

/** Extensions by OID; a Map, since the keys come from outside. */
export type Extensions = ReadonlyMap<string, Extension>;

/** Reads the RDNSequence behind `reader`, to its end. */
export function readName(reader: DerReader): NameFacts {
  const commonNames: (string | null)[] = [];
  let others = 0;
  while (!reader.atEnd) {
    const relative = reader.enter(tags.set);
    do {
      const attribute = relative.enter(tags.sequence);
      const type = dotted(attribute.next(tags.oid).content);
      const value = attribute.any();
      attribute.end();
      if (type === oids.commonName) commonNames.push(text(value));
      else others += 1;
    } while (!relative.atEnd);
  }
  return { commonNames, others };
}

/**
 * Reads the Extensions behind `reader`, to its end. One that occurs twice is a DerError (RFC 5280, 4.2); an empty list,
 * though no list should be empty, says nothing and is let pass.
 */
export function readExtensions(reader: DerReader): Extensions {
  const extensions = new Map<string, Extension>();
  while (!reader.atEnd) {
    const one = reader.enter(tags.sequence);
    const id = dotted(one.next(tags.oid).content);
    const critical = one.sees(tags.boolean) && truth(one.any());
    const value = one.next(tags.octetString).content;
    one.end();
    if (extensions.has(id)) throw new DerError(`extension ${id} occurs twice`);
    extensions.set(id, { critical, value });
  }
  return extensions;
}

/** Reads a subjectAltName's value: the URIs, and how many names of other types there are. */
export function readAlternativeNames(value: Uint8Array): { readonly uris: readonly string[]; readonly others: number } {
  const reader = openDer(value, tags.sequence, value.length);
  const uris: string[] = [];
  let others = 0;
  do {
    const name = reader.any();
    if (name.tag === contextTag(6, false)) uris.push(ascii(name.content));
    else others += 1;
  } while (!reader.atEnd);
  return { uris, others };
}
