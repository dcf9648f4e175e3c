// Who asks: by a token in Authorization, by the cookie of a session, or by an operator's certificate that TLS was shown. What comes is judged
// at each request, and one that is not good is refused even beside another that is.
import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import type { Authenticated } from '../../app/access/authenticate.ts';
import type { Caller } from '../../app/views/access.ts';
import type { CredentialRefusal } from '../../domain/api-credential.ts';
import { Refused } from './problem.ts';
import type { Sessions } from './sessions.ts';

/** The application, as far as it knows who asks. */
export interface Identities {
  byToken(token: string): Promise<Authenticated>;
  byCertificate(der: Uint8Array): Promise<Authenticated>;
  /** The caller as it is now; null: its credential is not good any more. */
  again(caller: Caller): Promise<Caller | null>;
  noteUse(caller: Caller): Promise<void>;
}

export interface Recognized {
  readonly caller: Caller;
  /** The session's cookie, where it is by one. */
  readonly session: string | null;
}

/** Why nobody is recognized: what came was of no use, or nothing came. */
export type Unrecognized = CredentialRefusal | 'nothing';

/** The DER that TLS was shown; null: none. */
export function presentedBy({ socket }: Pick<IncomingMessage, 'socket'>): Uint8Array | null {
  if (!(socket instanceof TLSSocket)) return null;
  return socket.getPeerX509Certificate()?.raw ?? null;
}

/** Over TLS it takes the prefix, which browsers keep to this host. */
export function cookieName(isSecure: boolean): string {
  return isSecure ? '__Host-nolapse' : 'nolapse';
}

function cookieIn(header: string | undefined, name: string): string | null {
  for (const part of (header ?? '').split(';')) {
    const [key, value] = part.trim().split('=', 2);
    if (key === name && value !== undefined) return value;
  }
  return null;
}

export class Callers {
  readonly #identities: Identities;
  readonly #sessions: Sessions;

  constructor(identities: Identities, sessions: Sessions) {
    this.#identities = identities;
    this.#sessions = sessions;
  }

  async recognize(request: IncomingMessage): Promise<Recognized | Unrecognized> {
    const der = presentedBy(request);
    const shown = der === null ? null : await this.#identities.byCertificate(der);
    if (shown?.refusal) return shown.refusal;
    const { authorization, cookie } = request.headers;
    if (authorization !== undefined) return this.#byToken(authorization);
    const secret = cookieIn(cookie, cookieName(request.socket instanceof TLSSocket));
    if (secret !== null) return this.#bySession(secret, shown?.caller ?? null);
    return shown?.caller ? { caller: shown.caller, session: null } : 'nothing';
  }

  async #byToken(authorization: string): Promise<Recognized | Unrecognized> {
    const [, token] = /^Bearer +(\S{1,200})$/i.exec(authorization) ?? [];
    if (token === undefined) return 'unknown';
    const found = await this.#identities.byToken(token);
    return found.caller ? { caller: found.caller, session: null } : found.refusal;
  }

  /** A session that a certificate began takes the same certificate. */
  async #bySession(secret: string, shown: Caller | null): Promise<Recognized | Unrecognized> {
    const begun = this.#sessions.callerOf(secret);
    const caller = begun && (await this.#identities.again(begun));
    if (!caller) return 'unknown';
    const { kind, id } = caller.credential;
    if (kind === 'certificate' && shown?.credential.id !== id) return 'unknown';
    return { caller, session: secret };
  }
}

const safeMethods: readonly string[] = ['GET', 'HEAD', 'OPTIONS'];

/**
 * Refuses a change that another site has a browser ask for: a browser says where it comes from. A session's cookie goes along by itself, so
 * that what comes with one also has a header that no form sets (`nolapse-session: 1`).
 * @param own `https://` or `http://` and the Host header.
 */
export function requireSameOrigin(
  { method = 'GET', headers }: Pick<IncomingMessage, 'method' | 'headers'>,
  own: string,
  isSession: boolean,
): void {
  if (safeMethods.includes(method)) return;
  const { origin, 'sec-fetch-site': site, 'nolapse-session': said } = headers;
  const isForeign = origin !== undefined && origin.toLowerCase() !== own.toLowerCase();
  if (isForeign || (site !== undefined && site !== 'same-origin' && site !== 'none')) {
    throw new Refused('bad_request', ['another site asks for this']);
  }
  if (isSession && said !== '1') throw new Refused('bad_request', ['a session takes the header nolapse-session: 1']);
}
