// Posts JSON to a webhook, signed where a secret is set, and judges the answer by its status alone: what it says is not read.
import { createHmac } from 'node:crypto';
import { retryAfterMs } from '../domain/retry-after.ts';
import type { SinkAnswer } from '../ports/sink.ts';
import { type Approach, accessOf, exchange, objectToStatus, wordsFor } from '../remote/exchange.ts';
import { readSecret } from '../remote/secret.ts';

export interface Webhook extends Approach {
  readonly url: string;
  /** A file with the secret that what is posted is signed with; null: it is not signed. */
  readonly secretFile: string | null;
  /** For one post, from the connection to the answer. */
  readonly timeoutMs: number;
}

export interface Posted {
  readonly type: string;
  readonly body: string;
}

/** Statuses that say that this content will never be taken; all others may be mended. */
const refusing: ReadonlySet<number> = new Set([400, 413, 415, 422]);

/** Fewer characters can be guessed. */
const secretLeast = 16;

/**
 * The value of the header Nolapse-Signature: `t=<Unix seconds>,v1=<hex>`, where hex is HMAC-SHA256 with the secret over the seconds, a
 * dot and the body as it is sent.
 */
export function signatureOf(secret: string, seconds: number, body: string): string {
  const mac = createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex');
  return `t=${seconds},v1=${mac}`;
}

/** Never rejects. `now` is the time the signature bears, in Unix milliseconds. */
export async function post(
  webhook: Webhook,
  { type, body }: Posted,
  now: number,
  stop: AbortSignal,
): Promise<SinkAnswer> {
  const failed = (detail: string): SinkAnswer => ({ kind: 'failed', detail });
  const access = await accessOf(webhook);
  if ('fault' in access) return failed(access.fault);
  const signed = await sign(webhook, body, now);
  if ('fault' in signed) return failed(signed.fault);
  const timeout = AbortSignal.timeout(webhook.timeoutMs);
  const signal = AbortSignal.any([stop, timeout]);
  const headers = { ...access.headers, ...signed.headers, 'content-type': type };
  try {
    const answer = await exchange({ url: new URL(webhook.url), headers, ca: access.ca, body, signal });
    answer.destroy();
    const status = answer.statusCode ?? 0;
    const objection = objectToStatus(status);
    if (objection === null) return { kind: 'told' };
    const pauseMs = retryAfterMs(answer.headers['retry-after'], answer.headers.date, now);
    // Too large for now alone, where it says when it will not be (RFC 9110, 15.5.14).
    const isRefused = refusing.has(status) && !(status === 413 && pauseMs !== null);
    return {
      kind: isRefused ? 'refused' : 'failed',
      detail: objection,
      ...(pauseMs !== null && { retryAfterMs: pauseMs }),
    };
  } catch (error) {
    if (stop.aborted) return failed('stopped');
    return failed(timeout.aborted ? `no answer within ${webhook.timeoutMs / 1_000} s` : wordsFor(error as Error));
  }
}

async function sign({ secretFile }: Webhook, body: string, now: number) {
  if (secretFile === null) return { headers: {} };
  const secret = await readSecret(secretFile);
  if ('fault' in secret) return secret;
  if (secret.text.length < secretLeast) return { fault: `${secretFile} has fewer than ${secretLeast} characters` };
  return { headers: { 'nolapse-signature': signatureOf(secret.text, Math.floor(now / 1_000), body) } };
}
