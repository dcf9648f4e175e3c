// The alert sink for whoever takes CloudEvents over HTTP: one in structured mode, several as a batch.
import type { Sink } from '../ports/sink.ts';
import { cloudEventOf } from './event.ts';
import { post, type Webhook } from './post.ts';

const batchMax = 100;

/** @param gateway the name it goes by. */
export function createCloudEventsSink(webhook: Webhook, gateway: string, now: () => number): Sink {
  return {
    batchMax,
    tell: (waiting, signal) => {
      const events = waiting.map((each) => cloudEventOf(gateway, each));
      const posted =
        events.length === 1
          ? { type: 'application/cloudevents+json', body: JSON.stringify(events[0]) }
          : { type: 'application/cloudevents-batch+json', body: JSON.stringify(events) };
      return post(webhook, posted, now(), signal);
    },
  };
}
