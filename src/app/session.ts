// What a session is to the application, and what it asks of the broker's edge and is asked by it.
import type { Access } from '../domain/acl.ts';
import type { Verdict } from '../domain/admission.ts';
import type { Fingerprint } from '../domain/certificate.ts';
import type { Takeover } from '../domain/contest.ts';
import type { SessionEnd } from '../domain/disconnection.ts';
import type { Principal, PrincipalId } from '../domain/principal.ts';

/** What TLS handed over: the DER bytes as presented, and the certificates sent along with them, leaf's issuer first. */
export interface Presented {
  readonly der: Uint8Array | null;
  /** Read only for strangers: it is the slow part. */
  readonly issuers: () => readonly Uint8Array[];
}

/** A connect as the broker's edge saw it. */
export interface ConnectFacts {
  readonly presented: Presented;
  /** The MQTT client id as sent. */
  readonly clientId: string;
  /** May a client that sent an empty one be given one? Absent: no. */
  readonly mayAssign?: boolean;
  readonly remoteAddress: string;
  /** The number of the root that the chain leads to which its port showed it. */
  readonly root: number;
}

/** An admitted session. */
export interface Session {
  readonly principal: Principal;
  readonly lane: 'full' | 'renew-only';
  readonly fingerprint: Fingerprint;
  /** Did a bootstrap anchor let it in? Then no row of the ledger has its certificate. */
  readonly introduced: boolean;
  readonly access: Access;
  /** When the broker must end it, in Unix milliseconds. */
  readonly endsAt: number;
  /** As sent, or as assigned to a client that sent none. */
  readonly clientId: string;
  /** The number of the root that the chain leads to which its port showed it. */
  readonly root: number;
}

export type Admission =
  | { readonly admitted: true; readonly session: Session }
  | { readonly admitted: false; readonly reason: (Verdict & { lane: 'refused' })['reason'] };

/** What the broker calls. Implemented in app/, given to the broker by the composition root. */
export interface Entrance {
  /** Judges a connect and, for a replacement seen for the first time, records its activation. Rejects only when the store fails. */
  admit(facts: ConnectFacts): Promise<Admission>;
  /** Does the ledger have this certificate? It judges nobody and changes nothing. */
  knows(presented: Presented): Promise<boolean>;
  /**
   * Somebody sent CONNECT on a port whose chain nobody can trust, and so does not verify the broker. It is refused, whoever it is; what
   * is the doing of a principal's own certificate is kept as a finding. Rejects only when the store fails.
   */
  cameToControl(presented: Presented, remoteAddress: string): Promise<void>;
  /**
   * A connection was ended before it could be judged, for the `reason` that a log line has. It counts as a disconnection of the principal
   * that would have been admitted. @returns whom the ledger has the certificate for; null: nobody, and nothing is remembered.
   */
  turnedAway(presented: Presented, reason: string): Promise<PrincipalId | null>;
  /**
   * For how long the session that is there has its client id for itself, from its begin, in milliseconds: a connection that would be
   * admitted under the same one waits until then. 0 where nobody contends for it.
   */
  tenureMs(session: Session, takeover: Takeover): number;
  /** An admitted session takes its client id from another one. */
  tookOver(session: Session, takeover: Takeover): void;
  /** An admitted session has begun. */
  came(session: Session): void;
  /** One that began has ended because its connection closed. Not called where the broker itself closes: nobody leaves it then. */
  left(session: Session, end: SessionEnd): void;
  /**
   * Takes a message published on an enrollment topic. Resolves once everything it changed is committed; it answers the
   * device itself, with an error code where need be, and never rejects for bad input.
   */
  receive(session: Session, topic: string, payload: Uint8Array): Promise<void>;
  /**
   * The session's subscription to enrollment topics is in place: what is owed there can be sent. `bySubscribe`: it sent a SUBSCRIBE;
   * otherwise the subscription was kept from a connection before.
   */
  listening(session: Session, bySubscribe: boolean): void;
  /**
   * May the session be handed what is said on an enrollment topic that is not its own? Asked at each message, live, from a
   * queue or retained, and answered at once by the store: no list of what a gateway may hear exists that could be out of date.
   */
  hears(session: Session, topic: string): boolean;
  /**
   * May the session carry this device's telemetry: publish and be handed what is on topics that its access list has for devices
   * delegated to it? Asked at each message, as {@link hears} is.
   */
  carries(session: Session, device: PrincipalId): boolean;
  /**
   * May the will be published now that the session of this name, as {@link sessionName} has it, left behind when the broker ended without
   * notice? It was judged at its CONNECT, by an access list and an inventory that may be others by now. A refusal is told.
   */
  mayLeaveWill(session: string, topic: string): boolean;
  /** The session published or asked for something outside its access; told once a message, never thrown. */
  denied(session: Session, action: 'publish' | 'subscribe', topic: string): void;
  /** The session published a message of so many bytes where it may: too large to be taken, it was thrown away and is acknowledged. */
  oversized(session: Session, topic: string, bytes: number): void;
  /**
   * A connection was refused or failed before anybody could say whose it is, from an address whose block has shown known
   * certificates, or before anybody was admitted: perhaps a device's. `reason` is that of the log line.
   */
  keptOut(address: string, reason: string): void;
}
