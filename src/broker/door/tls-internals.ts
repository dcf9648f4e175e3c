// The members of Node's TLS sockets that its types leave out and this folder relies on, named in one place.
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';

interface TlsInternals {
  /** Null once the socket has closed. `_parentWrap` is the TCP socket beneath, or what wraps another stream. */
  readonly _handle: { readonly _parentWrap?: Duplex & { readonly stream?: Duplex } } | null;
}

/** What a TLS socket that is open reads from: the socket or stream that its server was given as a connection. */
export function beneath(socket: TLSSocket): Duplex | undefined {
  const wrap = (socket as unknown as TlsInternals)._handle?._parentWrap;
  return wrap?.stream ?? wrap;
}
