// What whoever keeps the broker's sessions and messages is given: its limits, who may have what kept, and who is told of what was not.
import type { Allowance } from '../domain/costs.ts';

export interface MqttPersistenceOptions {
  /** May this client's subscription to this filter outlive its connection? Default: yes. */
  readonly mayStore?: (clientId: string, filter: string) => boolean;
  /** May this client be sent messages of this topic? What it may not be sent is not queued for it. Default: yes. */
  readonly mayReceive?: (clientId: string, topic: string) => boolean;
  /** A queue's limits, for each client. */
  readonly queuedMessagesMax: number;
  readonly queuedBytesMax: number;
  /** QoS 2 messages one session may have sent and not released. Default: no bound. */
  readonly unreleasedMessagesMax?: number;
  /** Default: 100,000 messages and a gibibyte, in all and for each principal. */
  readonly retained?: Partial<RetainedLimits>;
  /** Stored sessions of one principal; beyond them the one longest away is forgotten. Default: no bound. */
  readonly sessionsPerPrincipalMax?: number;
  /** Has this client a connection now? Default: no. */
  readonly isConnected?: (clientId: string) => boolean;
  /** What the principal of the session with this name may cause, which pays for what its messages cost. Default: nobody pays. */
  readonly allowanceOf?: (clientId: string) => Allowance | undefined;
  /** Is a renewal open for this client's principal? Then what its client cannot take is held back from it for a while. Default: no. */
  readonly isRenewing?: (clientId: string) => Promise<boolean>;
  /**
   * A message was not kept: because a limit was reached, the client's queue or (null) that of retained messages; or because its client
   * cannot take it.
   */
  readonly onDropped: (clientId: string | null, topic: string, why: 'queue_full' | 'not_taken', bytes: number) => void;
}

/** Bounds of retained messages, in all and for each principal that was the last to publish them. Bytes count topic and payload. */
export interface RetainedLimits {
  readonly messagesMax: number;
  readonly bytesMax: number;
  readonly messagesPerPrincipalMax: number;
  readonly bytesPerPrincipalMax: number;
}
