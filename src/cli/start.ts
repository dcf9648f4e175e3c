// nolapse start: runs the broker until it is told to stop.
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { DecisionLog } from '../ports/decision-log.ts';
import { flushed } from '../telemetry/flushed.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { type CommonOptions, configReader, type Surroundings, withCommon } from './invocation.ts';
import { leave, leaveWithin } from './leave.ts';

/** How long sessions and work in hand may take to end. */
const stoppingMs = 10_000;
/** How long anything may keep the process alive once the broker is closed. */
const lingeringMs = 1_000;

/** The name of the first signal; a second one ends the process on the spot. */
function firstSignal(): Promise<string> {
  return new Promise((resolveSignal) => {
    let told = false;
    for (const name of ['SIGINT', 'SIGTERM'] as const) {
      process.on(name, () => {
        if (told) leave(2);
        told = true;
        resolveSignal(name);
      });
    }
  });
}

/**
 * Takes SIGHUP as the wish to have the policies read anew, also one that comes before there is a broker. Of a terminal it says that
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

/** The log of a broker: it goes to standard output and holds nothing up. */
async function openLog(level: string, metrics: Metrics, readable?: false) {
  const [{ createDecisionLog }, { createLog }, { openStandard }] = await Promise.all([
    import('../telemetry/decision-log.ts'),
    import('../telemetry/log.ts'),
    import('../telemetry/standard-output.ts'),
  ]);
  const output = openStandard(1, {
    onDrop: () => metrics.count('nolapse_log_lines_dropped_total', {}),
    onGap: (dropped) => tellGap(decisions, dropped),
  });
  const log = createLog({ level, stream: output, ...(readable !== undefined && { readable }) });
  const decisions = createDecisionLog(log, metrics);
  process.on('uncaughtExceptionMonitor', (error) => log.fatal({ err: error }, 'the gateway broke'));
  process.on('exit', () => output.flushSync());
  return { log, decisions, output };
}

function tellGap(decisions: DecisionLog, dropped: number): void {
  decisions.tell({
    action: 'log.dropped',
    message: `${dropped} lines of the log were dropped here`,
    fields: { 'nolapse.dropped_count': dropped },
  });
}

async function run(surroundings: Surroundings, options: CommonOptions): Promise<void> {
  const home = resolve(options.home);
  const readConfig = await configReader(surroundings, options);
  const config = readConfig();
  const { createMetrics } = await import('../telemetry/metrics.ts');
  const metrics = createMetrics({ process: true });
  const { log, decisions, output } = await openLog(
    config.log.level,
    metrics,
    options.output === 'json' ? false : undefined,
  );
  const passphrase = surroundings.passphrase.read((message) => log.warn(message));
  const stop = firstSignal();
  const hangUps = countHangUps();
  const { startNolapse } = await import('../nolapse.ts');
  const gateway = await startNolapse({
    home,
    config,
    readConfig,
    log,
    metrics,
    logState: () => output.state,
    ...(passphrase !== undefined && { passphrase }),
  });
  if (gateway.made) log.info({ 'nolapse.home': home }, `made a new home at ${home}`);
  const { mqtt, websocket, http, api } = gateway.ports;
  decisions.tell({
    action: 'gateway.started',
    message: [
      `listening: mqtts ${config.mqtt.host}:${mqtt}`,
      ...(websocket === undefined ? [] : [`wss ${config.websocket?.host ?? ''}:${websocket}`]),
      `http ${config.http.host}:${http}`,
      ...(api === undefined ? [] : [`api ${config.api?.host ?? ''}:${api}`]),
    ].join(', '),
    fields: {
      'nolapse.home': home,
      'nolapse.port.mqtt': mqtt,
      ...(websocket !== undefined && { 'nolapse.port.websocket': websocket }),
      'nolapse.port.http': http,
      ...(api !== undefined && { 'nolapse.port.api': api }),
    },
  });
  hangUps.answer(() => gateway.hangUp());
  const signal = await stop;
  log.info(`${signal}: stopping`);
  const inTime = await closeInTime(gateway);
  const message = inTime ? 'stopped' : `not everything ended within ${stoppingMs / 1_000} s`;
  decisions.tell({ action: 'gateway.stopped', message, level: inTime ? 'info' : 'error' });
  process.exitCode = inTime ? 0 : 2;
  await flushed(log);
  leaveWithin(lingeringMs);
}

export function registerStart(program: Command, surroundings: Surroundings): void {
  withCommon(program.command('start'))
    .description('run the broker; makes its home first when there is none')
    .action((options: CommonOptions) => run(surroundings, options));
}
