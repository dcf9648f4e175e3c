// One request to a server over HTTP or HTTPS and the head of its answer: a connection of its own, no redirects, and what went wrong in
// words that say what to do about it.
import { readFile, stat } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { readSecret } from './secret.ts';

const caBytesMax = 4 * 1_048_576;

/** How a server is to be approached. */
export interface Approach {
  readonly tokenFile: string | null;
  /** The scheme the token is sent under: `Bearer`, `Token`. */
  readonly authorization: string;
  /** PEM file of the CAs its certificate is to come from; null: those Node believes. */
  readonly caFile: string | null;
}

export interface Access {
  readonly headers: Readonly<Record<string, string>>;
  /** PEM of the CAs to believe; null: those Node believes. */
  readonly ca: string | null;
}

export interface Outgoing extends Access {
  readonly url: URL;
  /** Posted; null: nothing, it is asked for. */
  readonly body: string | null;
  readonly signal: AbortSignal;
}

/** Reads the files of an approach, each time anew. */
export async function accessOf(approach: Approach): Promise<Access | { readonly fault: string }> {
  const { tokenFile, authorization, caFile } = approach;
  const token = tokenFile === null ? null : await readSecret(tokenFile);
  if (token && 'fault' in token) return token;
  const headers: Record<string, string> = token ? { authorization: `${authorization} ${token.text}` } : {};
  if (caFile === null) return { headers, ca: null };
  try {
    const found = await stat(caFile);
    // A thread that reads a pipe or a device may never come back, and there are four.
    if (!found.isFile()) return { fault: `${caFile} is not a file` };
    if (found.size > caBytesMax) return { fault: `${caFile} is larger than ${caBytesMax} bytes` };
    return { headers, ca: await readFile(caFile, 'utf8') };
  } catch (error) {
    return { fault: `${caFile} cannot be read: ${(error as NodeJS.ErrnoException).code ?? String(error)}` };
  }
}

/** Resolves with the head of the answer, whatever it says. Rejects with what {@link wordsFor} has words for. */
export function exchange({ url, headers, ca, body, signal }: Outgoing): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const length = body === null ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const options = {
      method: body === null ? 'GET' : 'POST',
      headers: { accept: 'application/json', 'accept-encoding': 'identity', ...headers, ...length },
      signal,
      agent: false,
    };
    const outgoing =
      url.protocol === 'https:'
        ? requestHttps(url, { ...options, ...(ca !== null && { ca }) })
        : requestHttp(url, options);
    outgoing.once('response', resolve);
    outgoing.on('error', reject);
    outgoing.end(body ?? undefined);
  });
}

/** What is wrong with the status of an answer that should be a success; null: nothing. */
export function objectToStatus(status: number): string | null {
  if (status >= 300 && status < 400) return `answered ${status}, a redirect: name the place itself`;
  if (status === 401 || status === 403) return `answered ${status}: is the token good?`;
  return status >= 200 && status < 300 ? null : `answered ${status}`;
}

export function wordsFor({ code, message }: NodeJS.ErrnoException): string {
  if (code === 'ECONNRESET') return 'the answer ended before it was whole';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return 'its certificate is for another name: see url';
  if (code?.includes('CERT') || code?.includes('UNABLE_TO'))
    return `its certificate is not trusted (${code}): see caFile`;
  return `cannot be reached: ${code ?? message}`;
}
