// Asks for one page of JSON over HTTP, and takes nothing else for it: no redirect, no other type, no half of it.
import type { IncomingMessage } from 'node:http';
import { retryAfterMs } from '../domain/retry-after.ts';
import { type Access, exchange, objectToStatus, wordsFor } from '../remote/exchange.ts';

/** Bytes one page may have: what is parsed in one go holds everybody else up. */
export const pageBytesMax = 16 * 1_048_576;

export interface Asked extends Access {
  readonly url: URL;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export type Page =
  | { readonly body: unknown; readonly bytes: number }
  /** `restMs`: for so long the server asks to be left alone. */
  | { readonly fault: string; readonly restMs?: number };

/** Too many requests, and not available at the moment: those with which a server says when to come again. */
const forLater: readonly number[] = [429, 503];

/** Never rejects: what went wrong is a fault. */
export async function fetchPage(asked: Asked): Promise<Page> {
  const timeout = AbortSignal.timeout(asked.timeoutMs);
  const signal = AbortSignal.any([asked.signal, timeout]);
  try {
    const answer = await exchange({ ...asked, body: null, signal });
    const objection = objectTo(answer);
    if (objection) {
      answer.destroy();
      const restMs = restOf(answer);
      return { fault: objection, ...(restMs !== null && { restMs }) };
    }
    return await readBody(answer);
  } catch (error) {
    if (asked.signal.aborted)
      return { fault: isTimeout(asked.signal) ? 'all pages together take too long' : 'stopped' };
    if (timeout.aborted) return { fault: `no whole answer within ${asked.timeoutMs / 1_000} s` };
    return { fault: wordsFor(error as NodeJS.ErrnoException) };
  }
}

function isTimeout({ reason }: AbortSignal): boolean {
  return reason instanceof Error && reason.name === 'TimeoutError';
}

function restOf({ statusCode = 0, headers }: IncomingMessage): number | null {
  return forLater.includes(statusCode) ? retryAfterMs(headers['retry-after'], headers.date, Date.now()) : null;
}

function objectTo({ statusCode = 0, headers }: IncomingMessage): string | null {
  const objection = objectToStatus(statusCode);
  if (objection) return objection;
  if (statusCode !== 200) return `answered ${statusCode}`;
  // Whatever was packed into it is not unpacked.
  const encoding = headers['content-encoding'] ?? 'identity';
  if (encoding !== 'identity') return `answered in the encoding ${quoted(encoding)}, which was not asked for`;
  const type = headers['content-type'] ?? 'nothing that has a type';
  const isJson = /^application\/([a-z0-9.+-]+\+)?json\s*(;|$)/i.test(type);
  return isJson ? null : `answered with ${quoted(type)}, not with JSON`;
}

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

/** Looks at a page without making anything of it. What is no JSON is found by whoever parses it. */
function objectToShape(bytes: Uint8Array): string | null {
  let values = 0;
  let depth = 0;
  let isText = false;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (isText) {
      if (byte === mark.escape) at += 1;
      else if (byte === mark.quote) isText = false;
    } else if (byte === mark.quote) isText = true;
    else if (byte === mark.comma || byte === mark.colon) values += 1;
    else if (byte === mark.list || byte === mark.fields) {
      values += 1;
      depth += 1;
      if (depth > depthMax) return `lists and fields within one another ${depthMax} times and more`;
    } else if (byte === mark.listEnd || byte === mark.fieldsEnd) depth -= 1;
  }
  return values > valuesMax ? `more than ${valuesMax} names and values: ask for fewer records a page` : null;
}

/** Characters of an answer's own words in a fault, which goes into log and alert. */
const quotedMax = 128;

export function quoted(text: string): string {
  return text.length > quotedMax ? `${text.slice(0, quotedMax)}...` : text;
}

async function readBody(answer: IncomingMessage): Promise<Page> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of answer as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > pageBytesMax) return { fault: `larger than ${pageBytesMax} bytes: ask for fewer records a page` };
    parts.push(part);
  }
  const whole = Buffer.concat(parts);
  const objection = objectToShape(whole);
  if (objection) return { fault: objection };
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(whole);
    return { body: JSON.parse(text) as unknown, bytes };
  } catch {
    return { fault: `not JSON, or not all of it (${bytes} bytes)` };
  }
}
