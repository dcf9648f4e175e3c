// What a peer may have had a hand in, made fit for a line that a person reads: no character that moves a cursor, colours a
// terminal, turns the direction of writing or begins another line, and no more characters than a line is to hold.

/** Characters of a topic, which may itself have 65,535 bytes, that are logged. */
const topicCharactersMax = 128;
/** Of anything else, a message included. */
const charactersMax = 2_048;

/** Each of these characters. */
export const unprintable = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** Most of what is written: a class without properties is matched ten times as fast. */
const plain = /^[\x20-\x7e]*$/;

const escaped = (each: string): string => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** JSON that says the same, and has none of these characters but the ends of its lines: within strings it may hold them as they are. */
export function printableJson(json: string): string {
  return json.replaceAll(unprintable, (each) => (each === '\n' ? each : escaped(each)));
}

/** The text with each such character as `\uXXXX`, cut where it is too long. */
export function printable(text: string, most = charactersMax): string {
  if (text.length <= most && plain.test(text)) return text;
  const kept = text.length > most ? `${text.slice(0, most)}…` : text;
  return kept.replaceAll(unprintable, escaped);
}

/** As {@link printable}, by what the field is. */
export function printableField(name: string, text: string): string {
  // A stack's lines are what it is there for, and JSON keeps them in one.
  if (name === 'error.stack_trace')
    return text
      .split('\n')
      .map((line) => printable(line))
      .join('\n');
  return printable(text, name === 'nolapse.topic' ? topicCharactersMax : charactersMax);
}
