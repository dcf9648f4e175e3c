// The one logger: a line of JSON with ECS names for each event, or a readable line when a person is watching. It holds nobody up: what
// must be on record whatever happens next is in the ledger.
import { type DestinationStream, type Logger, pino } from 'pino';
import { type PrettyOptions, prettyFactory } from 'pino-pretty';
import { printable } from './printable.ts';
import { redactFields, redactPem } from './redact.ts';
import { openStandard } from './standard-output.ts';

export type Log = Logger;

export interface LogOptions {
  readonly level: string;
  /** Takes the lines; absent: standard output does. */
  readonly stream?: DestinationStream & { readonly isTerminal?: boolean };
  /** Readable lines, or with `brief` those without their fields; when not said, where a terminal takes them. */
  readonly readable?: boolean | 'brief';
}

const readableLine: PrettyOptions = {
  levelKey: 'log\\.level',
  timestampKey: '@timestamp',
  messageKey: 'message',
  translateTime: 'SYS:HH:MM:ss.l',
  ignore: 'ecs\\.version,service\\.name,process\\.pid,error\\.stack_trace,tls\\.client\\.hash\\.sha256',
  singleLine: true,
};
const briefLine: PrettyOptions = {
  ...readableLine,
  translateTime: 'SYS:HH:MM:ss',
  hideObject: true,
  singleLine: false,
};

function streamFor({ stream = openStandard(1), readable = stream.isTerminal === true }: LogOptions): DestinationStream {
  if (!readable) return stream;
  const line = prettyFactory({
    ...(readable === 'brief' ? briefLine : readableLine),
    colorize: stream.isTerminal === true,
  });
  return { ...handedOn(stream), write: (text) => stream.write(line(text)) };
}

/** What pino asks of a stream beside its lines. */
function handedOn(stream: DestinationStream & Partial<Pick<Log, 'flush'>> & { flushSync?: () => void }) {
  return {
    flush: (callback: () => void) => (stream.flush ? stream.flush(callback) : callback()),
    flushSync: () => stream.flushSync?.(),
  };
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
