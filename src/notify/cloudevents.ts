// The alert sink for whoever takes CloudEvents over HTTP: one in structured mode, several as a batch.
import type { Sink } from '../ports/sink.ts';
import { cloudEventOf } from './event.ts';
import { post, type Webhook } from './post.ts';
import type { Teller } from './teller.ts';

const batchMax = 100;

export function createCloudEventsSink(webhook: Webhook, teller: Teller, now: () => number): Sink {
  return {
    batchMax,
    tell: (waiting, signal) => {
      const events = waiting.map((each) => cloudEventOf(teller, each));
      const posted =
        events.length === 1
          ? { type: 'application/cloudevents+json', body: JSON.stringify(events[0]) }
          : { type: 'application/cloudevents-batch+json', body: JSON.stringify(events) };
      return post(webhook, posted, now(), signal);
    },
  };
}
