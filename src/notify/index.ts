// The alert sinks there are, by the name under which what waits for each is kept. A new kind is a file beside this and a line in here.
import type { DecisionLog } from '../ports/decision-log.ts';
import type { Announcer } from '../ports/sessions.ts';
import type { Sink } from '../ports/sink.ts';
import { type AlertmanagerWebhook, createAlertmanagerSink } from './alertmanager.ts';
import { createCloudEventsSink } from './cloudevents.ts';
import { createLogSink } from './log.ts';
import type { Teller } from './teller.ts';
import { createTopicSink } from './topic.ts';

export interface SinkParts {
  readonly decisions: DecisionLog;
  readonly announcer: Announcer;
  readonly teller: Teller;
  /** The present, in Unix milliseconds. */
  readonly now: () => number;
}

export interface SinkRules {
  /** Are services told on topics? */
  readonly mqtt: boolean;
  /** By name. */
  readonly webhooks: ReadonlyMap<string, AlertmanagerWebhook & { readonly kind: 'alertmanager' | 'cloudevents' }>;
}

const webhookKinds = { alertmanager: createAlertmanagerSink, cloudevents: createCloudEventsSink };

export function createSinks({ mqtt, webhooks }: SinkRules, parts: SinkParts): Map<string, Sink> {
  const { decisions, announcer, teller, now } = parts;
  const sinks = new Map([['log', createLogSink(decisions, teller)]]);
  if (mqtt) sinks.set('mqtt', createTopicSink(announcer, teller));
  for (const [name, webhook] of webhooks) {
    sinks.set(`webhooks.${name}`, webhookKinds[webhook.kind](webhook, teller, now));
  }
  return sinks;
}
