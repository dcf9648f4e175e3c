// Reads a page of JSON that a stranger wrote. It is looked at before anything is made of it, and a name that stands twice in one object
// is a fault: whoever parses it keeps one of the two values and says nothing (RFC 8259, 4).

/** Names and values of a page, and how deep they lie: parsing takes its time by these, and not by bytes. */
const valuesMax = 2_000_000;
const depthMax = 64;

const mark = {
  quote: 0x22,
  escape: 0x5c,
  comma: 0x2c,
  colon: 0x3a,
  list: 0x5b,
  listEnd: 0x5d,
  fields: 0x7b,
  fieldsEnd: 0x7d,
};

/** What there is in a page, or what is wrong with it. */
type Shape = { readonly names: number } | { readonly fault: string };

/** Looks at a page without making anything of it. What is no JSON is found by whoever parses it. */
function shapeOf(bytes: Uint8Array): Shape {
  let names = 0;
  let values = 0;
  let depth = 0;
  let isText = false;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (isText) {
      if (byte === mark.escape) at += 1;
      else if (byte === mark.quote) isText = false;
    } else if (byte === mark.quote) isText = true;
    else if (byte === mark.comma) values += 1;
    else if (byte === mark.colon) {
      values += 1;
      names += 1;
    } else if (byte === mark.list || byte === mark.fields) {
      values += 1;
      depth += 1;
      if (depth > depthMax) return { fault: `lists and fields within one another ${depthMax} times and more` };
    } else if (byte === mark.listEnd || byte === mark.fieldsEnd) depth -= 1;
  }
  if (values > valuesMax) return { fault: `more than ${valuesMax} names and values: ask for fewer records a page` };
  return { names };
}

/** Names of all objects in a value, each counted once in its object. */
function namesIn(value: unknown): number {
  let names = 0;
  const waiting = [value].filter(isComposite);
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const parts: unknown[] = Object.values(next);
    if (!Array.isArray(next)) names += parts.length;
    for (const part of parts) if (isComposite(part)) waiting.push(part);
  }
  return names;
}

const isComposite = (value: unknown): value is object => typeof value === 'object' && value !== null;

/** The value of a page in UTF-8, or what is wrong with it. */
export function readJsonPage(bytes: Uint8Array): { readonly body: unknown } | { readonly fault: string } {
  const shape = shapeOf(bytes);
  if ('fault' in shape) return shape;
  try {
    const body: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    // As many colons as names, or one of them was overwritten.
    return namesIn(body) === shape.names ? { body } : { fault: 'a name stands twice in one of its records' };
  } catch {
    return { fault: `not JSON, or not all of it (${bytes.length} bytes)` };
  }
}
