// The members of Node's TLS sockets that its types leave out and this folder relies on, named in one place.
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';

type Final = (done: (error?: Error | null) => void) => void;

interface TlsInternals {
  _final: Final;
  /** Null once the socket has closed. `_parentWrap` is the TCP socket beneath, or what wraps another stream. */
  readonly _handle: { readonly _parentWrap?: Duplex & { readonly stream?: Duplex } } | null;
}

/** What a TLS socket that is open reads from: the socket or stream that its server was given as a connection. */
export function beneath(socket: TLSSocket): Duplex | undefined {
  const wrap = (socket as unknown as TlsInternals)._handle?._parentWrap;
  return wrap?.stream ?? wrap;
}

/**
 * Has the end of a TLS socket ask first whether what is beneath is still there: where a stream that is no socket was destroyed, Node
 * fails an assertion at it and ends the process.
 */
export function endOnlyWhatIsThere(socket: TLSSocket): void {
  const internals = socket as unknown as TlsInternals;
  const final = internals._final.bind(socket);
  internals._final = (done) => {
    const wrap = internals._handle?._parentWrap;
    const isThere = wrap !== undefined && !wrap.destroyed && wrap.stream?.destroyed !== true;
    if (isThere) final(done);
    else done();
  };
}
