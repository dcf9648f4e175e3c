// The alert sink for services that subscribe to the broker itself: a CloudEvent on the alert's topic. Nothing is retained; a service that is
// away has it queued by its persistent session.
import { alertTopic } from '../domain/topics.ts';
import type { Announcer } from '../ports/sessions.ts';
import type { Sink } from '../ports/sink.ts';
import { cloudEventOf } from './event.ts';
import type { Teller } from './teller.ts';

const batchMax = 50;

export function createTopicSink(announcer: Announcer, teller: Teller): Sink {
  return {
    batchMax,
    tell: async (waiting) => {
      try {
        for (const each of waiting) {
          const payload = Buffer.from(JSON.stringify(cloudEventOf(teller, each)));
          await announcer.announce(alertTopic(each.alert), payload);
        }
        return { kind: 'told' };
      } catch (error) {
        return { kind: 'failed', detail: error instanceof Error ? error.message : String(error) };
      }
    },
  };
}
