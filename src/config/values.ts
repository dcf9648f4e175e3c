// How single values of the configuration are written, and read into what the broker works with.
import { isIP } from 'node:net';
import { z } from 'zod';
import { parsePrincipalId } from '../domain/principal.ts';
import { formatDuration, parseDuration, parseSpan } from '../domain/time.ts';

export const second = 1_000;
export const day = 86_400 * second;

export const durationRule = 'expected a duration such as 90s, 12h or 7d';
export const spanRule = 'expected a duration such as 90s, 12h or 7d, or a share from 0% to 100%';
const shareRule = 'expected a share from 0% to 100%';

/** A duration within bounds, read into milliseconds. */
export function duration(fallback: string, leastMs: number, mostMs: number) {
  const range = `expected ${formatDuration(leastMs)} to ${formatDuration(mostMs)}`;
  return z
    .string({ error: durationRule })
    .transform((text, context) => {
      const ms = parseDuration(text);
      if (ms !== null && ms >= leastMs && ms <= mostMs) return ms;
      context.addIssue({ code: 'custom', message: ms === null ? durationRule : range });
      return z.NEVER;
    })
    .prefault(fallback);
}

export function whole(fallback: number, least: number, most: number) {
  const error = `expected a whole number from ${least} to ${most}`;
  return z.int({ error }).min(least, { error }).max(most, { error }).prefault(fallback);
}

/** A share, read into a number from 0 to 1. */
export function share(fallback: string) {
  return z
    .string({ error: shareRule })
    .transform((text, context) => {
      const span = parseSpan(text);
      if (span?.kind === 'share') return span.share;
      context.addIssue({ code: 'custom', message: shareRule });
      return z.NEVER;
    })
    .prefault(fallback);
}

export const host = z
  .string({ error: 'expected a host name or address' })
  .max(255)
  .regex(/^[A-Za-z0-9_.:%-]+$/, { error: 'expected a host name or address' })
  .prefault('127.0.0.1');

const nameRule = 'expected a DNS name or an IP address';
const dnsName = /^(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,62}))*$/;
export const serverName = z
  .string({ error: nameRule })
  .refine((name) => isIP(name) > 0 || dnsName.test(name), { error: nameRule });

/** A name that the operator chooses: of a class, of a source. */
export const chosenName = z.string().regex(/^(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/);

/** The id of a principal, which may hold what other names do not. */
export const principalName = z
  .string()
  .refine((text) => chosenName.safeParse(text).success || parsePrincipalId(text) !== null);
