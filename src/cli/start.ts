// nolapse start: runs the gateway until it is told to stop.
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Log } from '../telemetry/log.ts';
import { type CommonOptions, configReader, type Surroundings, withCommon } from './invocation.ts';

/** How long sessions and work in hand may take to end. */
const stoppingMs = 10_000;
/** How long anything may keep the process alive once the gateway is closed. */
const lingeringMs = 1_000;

/** The name of the first signal; a second one ends the process on the spot. */
function firstSignal(): Promise<string> {
  return new Promise((resolveSignal) => {
    let told = false;
    for (const name of ['SIGINT', 'SIGTERM'] as const) {
      process.on(name, () => {
        if (told) process.exit(2);
        told = true;
        resolveSignal(name);
      });
    }
  });
}

/**
 * Takes SIGHUP as the wish to have the policies read anew, also one that comes before there is a gateway. Of a terminal it says that
 * it was closed, and ends the process as ever.
 */
function countHangUps(): { answer(reload: () => Promise<unknown>): void } {
  let reload: (() => Promise<unknown>) | null = null;
  let waiting = false;
  // What came of it is in the log.
  const answer = (): void => void reload?.().catch(() => undefined);
  if (!process.stdin.isTTY && !process.stdout.isTTY) {
    process.on('SIGHUP', () => {
      if (reload) answer();
      else waiting = true;
    });
  }
  return {
    answer: (how) => {
      reload = how;
      if (waiting) answer();
    },
  };
}

/** Closes within the time allowed. False: it did not. */
async function closeInTime(gateway: { close(): Promise<void> }): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolveLate) => {
    timer = setTimeout(() => resolveLate(false), stoppingMs);
  });
  const closed = gateway.close().then(() => true);
  try {
    return await Promise.race([closed, late]);
  } finally {
    clearTimeout(timer);
  }
}

function end(code: number): void {
  process.exitCode = code;
  setTimeout(() => process.exit(code), lingeringMs).unref();
}

async function run(surroundings: Surroundings, options: CommonOptions): Promise<void> {
  const home = resolve(options.home);
  const readConfig = await configReader(surroundings, options);
  const config = readConfig();
  const [{ createJournal }, { createLog }, { createMetrics }] = await Promise.all([
    import('../telemetry/journal.ts'),
    import('../telemetry/log.ts'),
    import('../telemetry/metrics.ts'),
  ]);
  const log: Log = createLog({ level: config.log.level, ...(options.output === 'json' && { readable: false }) });
  const metrics = createMetrics({ process: true });
  const journal = createJournal(log, metrics);
  const passphrase = surroundings.passphrase.read((message) => log.warn(message));
  process.on('uncaughtExceptionMonitor', (error) => log.fatal({ err: error }, 'the gateway broke'));
  const stop = firstSignal();
  const hangUps = countHangUps();
  const { startGateway } = await import('../gateway.ts');
  const gateway = await startGateway({
    home,
    config,
    readConfig,
    log,
    metrics,
    ...(passphrase !== undefined && { passphrase }),
  });
  if (gateway.made) log.info({ 'nolapse.home': home }, `${home} was no home yet: made with the configuration as it is`);
  const { mqtt, websocket, http } = gateway.ports;
  journal.tell({
    action: 'gateway.started',
    message: [
      `listening: mqtts ${config.mqtt.host}:${mqtt}`,
      ...(websocket === undefined ? [] : [`wss ${config.websocket?.host ?? ''}:${websocket}`]),
      `http ${config.http.host}:${http}`,
    ].join(', '),
    fields: {
      'nolapse.home': home,
      'nolapse.port.mqtt': mqtt,
      ...(websocket !== undefined && { 'nolapse.port.websocket': websocket }),
      'nolapse.port.http': http,
    },
  });
  hangUps.answer(() => gateway.hangUp());
  const signal = await stop;
  log.info(`${signal}: stopping`);
  const inTime = await closeInTime(gateway);
  const message = inTime ? 'stopped' : `not everything ended within ${stoppingMs / 1_000} s`;
  journal.tell({ action: 'gateway.stopped', message, level: inTime ? 'info' : 'error' });
  end(inTime ? 0 : 2);
}

export function registerStart(program: Command, surroundings: Surroundings): void {
  withCommon(program.command('start'))
    .description('run the gateway; makes its home first when there is none')
    .action((options: CommonOptions) => run(surroundings, options));
}
