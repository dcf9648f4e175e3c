// Whose chain each port shows. Which one it should be follows from the slots of roots; here it is had shown, and told what is shown.

/** What a port shows to connections to come. */
export interface ShownChain {
  /** The number of the root that it leads to. */
  readonly root: number;
  /** DER of the server's certificate; null: there is none that belongs to its key. */
  readonly certificate: Uint8Array | null;
  /** Bytes of the Certificate message that shows it, in TLS 1.3; 0: there is none. */
  readonly messageBytes: number;
  readonly hasRsaKey: boolean;
}

export interface ServedRoots {
  /** DER of the root that the first port's chain leads to: what a connection there verifies the broker with. */
  readonly root: Uint8Array;
  readonly first: ShownChain;
  /** Null: the second port is closed, or no broker runs. */
  readonly second: ShownChain | null;
  /** Does a broker run, that shows them? */
  readonly isShowing: boolean;
  /** Why the ports do not show what they should; null: they do. */
  readonly fault: string | null;
  /**
   * Has both ports show what the slots say now, and the authority sign as they say. Connections that are there live on. Twice is once.
   * Rejects with what keeps a port from that; the first port is served even where the second cannot be.
   */
  follow(): Promise<void>;
}
