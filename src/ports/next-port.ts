// The port of a next root, as the steps of a rollover use it: to serve its chain there, to see that this can be reached, and to close it.

/** What a port shows: the chain of one root and no cross. */
export interface ServedChain {
  /** The number of the root that it leads to. */
  readonly root: number;
  /** PKCS #8, PEM, in the clear: for memory only. */
  readonly keyPem: string;
  /** PEM: the server's certificate, then its chain without the root. */
  readonly certificatePem: string;
}

/** `fault` says as a clause what is wrong, and where. */
export type Reached = { readonly ok: true } | { readonly ok: false; readonly fault: string };

export interface NextPort {
  /** `mqtt.nextPort`; null: it is not configured, and no next root can be prepared. */
  readonly port: number | null;
  /** The number of the root that is served there; null: the port is closed. */
  readonly root: number | null;
  /**
   * Opens the port with this chain, or exchanges the chain for connections to come. Hints are those of the first port. Rejects with
   * NolapseError `no_next_port` where it is not configured, `port_unavailable` where it cannot be had, and `chain_unusable` for a key or a
   * chain that TLS does not take, or that holds a root or more than one CA, such as a cross; what was served before is served on.
   */
  serve(chain: ServedChain): Promise<void>;
  /** Closes the port. Sessions that came over it live on. */
  close(): void;
  /** Sessions that live now and came where the chain of this root was shown: the last word of who has left a port. */
  sessionsUnder(root: number): number;
  /**
   * Connects to the broker's own public address at the port, as a device would: the next root (DER) must verify it and the present one (DER)
   * must not. Never rejects.
   * @param host absent: the first of `server.names`.
   */
  reach(roots: { readonly next: Uint8Array; readonly present: Uint8Array; readonly host?: string }): Promise<Reached>;
}
