// The one way in which an id, or any other name, is written where only some characters may stand: in file names, URIs, topics of
// alerts, and the names under which the broker keeps sessions. Different names stay different, and most ids stay as they are.

/**
 * Writes each byte of UTF-8 other than letters, digits, `.`, `_` and `-` as `%` and two hex digits (RFC 3986, 2.1). What it
 * leaves alone is itself; `%` is not among that, so no two well-formed texts become one.
 */
export function escapeName(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9._-]+/g, (part) =>
    Array.from(new TextEncoder().encode(part), (byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(
      '',
    ),
  );
}

/** The text that {@link escapeName} wrote so; null: it wrote no such thing. */
export function unescapeName(name: string): string | null {
  if (!name.includes('%')) return escapeName(name) === name ? name : null;
  try {
    const text = decodeURIComponent(name);
    return escapeName(text) === name ? text : null;
  } catch {
    return null;
  }
}

/** Stems that files beside those of a principal have: `ca.crt`, and `<id>-chain.crt`. */
const takenStem = /^(ca|.*-chain)$/i;

/**
 * What the names of a principal's files begin with: its id escaped. Where that would make the name of another file, its last letter
 * is escaped too, which no id does by itself.
 */
export function fileStem(id: string): string {
  const name = escapeName(id);
  if (!takenStem.test(name)) return name;
  return `${name.slice(0, -1)}%${name
    .charCodeAt(name.length - 1)
    .toString(16)
    .toUpperCase()}`;
}
