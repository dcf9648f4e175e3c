// Asks for one page of JSON over HTTP, and takes nothing else for it: no redirect, no other type, no half of it.
import type { IncomingMessage } from 'node:http';
import { retryAfterMs } from '../domain/retry-after.ts';
import { type Access, exchange, objectToStatus, wordsFor } from '../remote/exchange.ts';
import { readJsonPage } from './json-page.ts';

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
  const page = readJsonPage(Buffer.concat(parts));
  return 'fault' in page ? page : { ...page, bytes };
}
