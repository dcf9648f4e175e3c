// A logger whose lines can be read back.
import { createLog, type Log } from '../../src/telemetry/log.ts';

export function recordingLog(level = 'trace'): { log: Log; lines: Record<string, unknown>[]; text: () => string } {
  const written: string[] = [];
  const lines: Record<string, unknown>[] = [];
  const log = createLog({
    level,
    stream: {
      write: (line: string) => {
        written.push(line);
        lines.push(JSON.parse(line) as Record<string, unknown>);
      },
    },
  });
  return { log, lines, text: () => written.join('') };
}
