// Reads which revocation list a certificate names, and which a revocation list is (RFC 5280, 4.2.1.13 and 5.2.5), in the one form that
// is written here: a single URL.
import { contextTag, tags } from './der.ts';
import { ascii, DerReader } from './der-reader.ts';
import { oids } from './oids.ts';
import type { Extensions } from './parts.ts';

/** The URL in a DistributionPointName behind `reader`, to its end. Any other form is a DerError. */
function readUrl(reader: DerReader): string {
  const fullName = reader.enter(contextTag(0, true)).enter(contextTag(0, true));
  const url = ascii(fullName.next(contextTag(6, false)).content);
  fullName.end();
  reader.end();
  return url;
}

/** The URL of the issuing distribution point of a CRL; null: it has none. Any other form is a DerError. */
export function readIssuingPoint(extensions: Extensions): string | null {
  const found = extensions.get(oids.issuingDistributionPoint);
  return found ? readUrl(new DerReader(found.value).enter(tags.sequence)) : null;
}

/** The URL of the CRL that a certificate names; null: it names none. Any other form is a DerError. */
export function readDistributionPoint(extensions: Extensions): string | null {
  const found = extensions.get(oids.crlDistributionPoints);
  if (!found) return null;
  const points = new DerReader(found.value).enter(tags.sequence);
  const url = readUrl(points.enter(tags.sequence));
  points.end();
  return url;
}
