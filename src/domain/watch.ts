// What is wrong with one principal, as far as somebody must be told: each alert about it in its one wording.
import type { Finding } from './alert.ts';
import type { Principal } from './principal.ts';

/** Characters of what a device said of itself that an alert carries. */
const saidMax = 200;

function about({ id, owner }: Principal): Pick<Finding, 'subject' | 'owner'> {
  return { subject: id, owner: owner.trim() === '' ? null : owner };
}

/** Its certificate ended before its replacement was in use. */
export function lapsed(principal: Principal, grace: 'in_grace' | 'over'): Finding {
  const detail =
    grace === 'in_grace'
      ? 'its certificate ended before a replacement was in use; it may come in to renew until grace ends'
      : 'its certificate and grace have ended: it needs a certificate by hand';
  return { kind: 'lapsed', severity: 'critical', detail, ...about(principal) };
}

/** @param code what the failure is called, where it has a name; with what was said about it. */
export function renewalFailed(principal: Principal, code: string | null, said: string): Finding {
  const detail = [code, said].filter((part) => part).join(': ');
  const printable = detail.slice(0, saidMax).replaceAll(/\p{C}/gu, '?');
  return { kind: 'renewal_failed', severity: 'warning', detail: printable, ...about(principal) };
}
