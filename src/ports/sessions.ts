// The live connections as the application sees them: it can speak to a principal's sessions and end them. Where they are, on this node or
// another, nobody here knows: every question takes its time, and none is asked within a unit of work.
import type { Fingerprint } from '../domain/certificate.ts';
import type { PrincipalId } from '../domain/principal.ts';

/** Speaks to whoever listens. */
export interface Announcer {
  /** Publishes to the sessions that subscribe to this topic and may hear it; kept for those away that asked for that. Rejects when it cannot be. */
  announce(topic: string, payload: Uint8Array): Promise<void>;
}

export interface Sessions {
  /**
   * Sends a payload on an enrollment topic to the principal's sessions that subscribe to it; only to those opened with
   * `certificate` where one is named.
   * @returns how many sessions took it; 0: nobody listens now.
   */
  send(principalId: PrincipalId, topic: string, payload: Uint8Array, certificate?: Fingerprint | null): Promise<number>;
  /** Is there a session of this principal that would be sent a message on this topic now? With `only`: is that admitted session one? */
  listens(principalId: PrincipalId, topic: string, only?: object): Promise<boolean>;
  /** Has the principal a session that was opened with this certificate? One that is being ended is none. */
  isConnected(principalId: PrincipalId, certificate: Fingerprint): Promise<boolean>;
  /** The client ids under which this principal has sessions now; not those that are being ended. */
  clientIdsOf(principalId: PrincipalId): Promise<readonly string[]>;
  /** Sessions that live now and came where the chain of this root was shown, by its number. */
  under(root: number): Promise<number>;
  /** Ends the sessions opened with this certificate; how many there were. */
  closeByCertificate(fingerprint: Fingerprint, reason: string): Promise<number>;
  /** Ends every session of this principal; how many there were. */
  closeByPrincipal(principalId: PrincipalId, reason: string): Promise<number>;
  /**
   * Ends the sessions of others whose client ids belong to this principal since it is in the inventory, and forgets what is stored of
   * such; how many had a connection.
   */
  closeClaimed(principalId: PrincipalId, reason: string): Promise<number>;
  /** Ends the sessions of this principal that a bootstrap anchor introduced; how many there were. */
  closeIntroduced(principalId: PrincipalId, reason: string): Promise<number>;
}
