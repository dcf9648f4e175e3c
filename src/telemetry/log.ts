// The one logger: a line of JSON with ECS names for each event, or a readable line when a person is watching. Written
// synchronously, so that what was decided is on record whatever happens next.
import { type DestinationStream, destination, type Logger, pino } from 'pino';
import pretty from 'pino-pretty';
import { printable } from './printable.ts';
import { redactFields, redactPem } from './redact.ts';

export type Log = Logger;

export interface LogOptions {
  readonly level: string;
  /** File descriptor: 1 for a gateway, 2 for a command whose output is its answer. */
  readonly descriptor?: 1 | 2;
  /** Takes the lines instead: as JSON, unless they are asked to be readable. */
  readonly stream?: DestinationStream;
  /** Readable lines; when not said, if the descriptor is a terminal. */
  readonly readable?: boolean;
}

function readableStream(destination: 1 | 2 | DestinationStream, isTerminal: boolean): DestinationStream {
  return pretty({
    destination,
    sync: true,
    colorize: isTerminal,
    levelKey: 'log\\.level',
    timestampKey: '@timestamp',
    messageKey: 'message',
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: 'ecs\\.version,service\\.name,process\\.pid,error\\.stack_trace,tls\\.client\\.hash\\.sha256',
    singleLine: true,
  });
}

function streamFor({ descriptor = 1, stream, readable }: LogOptions): DestinationStream {
  if (stream) return readable ? readableStream(stream, false) : stream;
  const isTerminal = (descriptor === 1 ? process.stdout : process.stderr).isTTY === true;
  return (readable ?? isTerminal)
    ? readableStream(descriptor, isTerminal)
    : destination({ dest: descriptor, sync: true });
}

export function createLog(options: LogOptions): Log {
  return pino(
    {
      level: options.level,
      base: { 'service.name': 'nolapse', 'process.pid': process.pid, 'ecs.version': '8.11.0' },
      messageKey: 'message',
      timestamp: () => `,"@timestamp":"${new Date().toISOString()}"`,
      formatters: {
        level: (label) => ({ 'log.level': label }),
        log: redactFields,
      },
      hooks: {
        streamWrite: redactPem,
        logMethod(args, method) {
          method.apply(
            this,
            args.map((each: unknown) => (typeof each === 'string' ? printable(each) : each)) as typeof args,
          );
        },
      },
    },
    streamFor(options),
  );
}
