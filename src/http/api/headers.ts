// Which names of the gateway a request may be for, and what headers every answer has.
import { isIPv6 } from 'node:net';
import { Refused } from './problem.ts';

/** Nothing is loaded, and nobody frames it. */
const strictest = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

export function securityHeaders(isSecure: boolean): Readonly<Record<string, string>> {
  return {
    'content-security-policy': strictest,
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
    'cross-origin-resource-policy': 'same-origin',
    'cross-origin-opener-policy': 'same-origin',
    ...(isSecure && { 'strict-transport-security': 'max-age=31536000' }),
  };
}

/** The name in a Host header, without its port, in lower case; null: it is none (RFC 9110, 7.2). */
export function hostIn(header: string | undefined): string | null {
  const [, bracketed, plain] = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9_.-]+))(?::\d{1,5})?$/.exec(header ?? '') ?? [];
  return (bracketed ?? plain)?.toLowerCase() ?? null;
}

/** Refuses a request under a name that is not ours: another site's name may have been pointed at this address (DNS rebinding). */
export function hostCheck(names: readonly string[]): (header: string | undefined) => void {
  const known = new Set(names.map((name) => (isIPv6(name) ? name : name.replace(/\.$/, '')).toLowerCase()));
  return (header) => {
    const name = hostIn(header)?.replace(/\.$/, '');
    if (name === undefined || !known.has(name)) {
      throw new Refused('misdirected', ['Host: none of the names of this gateway; see api.names']);
    }
  };
}
