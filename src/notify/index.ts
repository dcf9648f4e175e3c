// The alert sinks there are, by the name under which what waits for each is kept. A new one is a file beside this and a line in here.
import type { Journal } from '../ports/journal.ts';
import type { Sink } from '../ports/sink.ts';
import { createLogSink } from './log.ts';

export function createSinks(journal: Journal): Map<string, Sink> {
  return new Map([['log', createLogSink(journal)]]);
}
