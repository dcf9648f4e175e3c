// What the MQTT persistence asks of those who build it: its limits, and who may have what kept.

export interface MqttPersistenceOptions {
  /** May this client's subscription to this filter outlive its connection? Default: yes. */
  readonly mayStore?: (clientId: string, filter: string) => boolean;
  /** May this client be sent messages of this topic? What it may not be sent is not queued for it. Default: yes. */
  readonly mayReceive?: (clientId: string, topic: string) => boolean;
  /** A queue's limits, for each client. */
  readonly queuedMessagesMax: number;
  readonly queuedBytesMax: number;
  /** Topics with a retained message at most. Default: retainedTopicsMax. */
  readonly retainedMax?: number;
  /** A message was not kept because a limit was reached: the client's queue, or (null) that of retained messages. */
  readonly onDropped: (clientId: string | null, topic: string) => void;
}

/** Topics with a retained message at most, unless the options say otherwise. */
export const retainedTopicsMax = 100_000;
