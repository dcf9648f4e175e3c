// What every command shares: its options, its home and configuration, and the way to the operations, which leads over the
// socket of a running broker or, when none runs, into the home itself. What only some need, the configuration, the logger,
// the home, is loaded where it is used: most commands ask a running broker and are to answer at once.
import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Operations } from '../app/operator/operate.ts';
import type { Config } from '../config/index.ts';
import { NolapseError } from '../domain/errors.ts';
import { connectOperations } from '../http/control-client.ts';
import { flushed } from '../telemetry/flushed.ts';
import type { Log } from '../telemetry/log.ts';
import { actorOf } from './actor.ts';
import { type Format, remark } from './output.ts';
import type { PassphraseSource } from './passphrase.ts';

export interface CommonOptions {
  readonly home: string;
  readonly config?: string;
  readonly output: Format;
  /** The HTTP API of a gateway on another machine, with the root it is verified with and the token that opens it. */
  readonly server?: string;
  readonly ca?: string;
  readonly tokenFile?: string;
  /** Who does it and why, of commands that change something. */
  readonly by?: string;
  readonly reason?: string;
}

/** What the process was started with. */
export interface Surroundings {
  readonly env: NodeJS.ProcessEnv;
  readonly passphrase: PassphraseSource;
}

type Common = 'home' | 'config' | 'server' | 'ca' | 'tokenFile';

/** What a command says of its own, beside how it is answered. */
export function apartOf<Options extends CommonOptions>(options: Options): Omit<Options, Common> {
  const { home: _home, config: _config, server: _server, ca: _ca, tokenFile: _tokenFile, ...own } = options;
  return own;
}

const listMost = 10_000;
const listDefault = 1_000;

/** Gives a command the options all have. */
export function withCommon(command: Command): Command {
  return command
    .addOption(
      new Option('--home <dir>', 'where the broker keeps everything').env('NOLAPSE_HOME').default('./nolapse-home'),
    )
    .addOption(
      new Option('--config <file>', 'configuration; <home>/nolapse.yaml when there is one').env('NOLAPSE_CONFIG'),
    )
    .option('--server <url>', 'ask a gateway on another machine over its HTTP API; the token is in NOLAPSE_TOKEN')
    .option('--ca <file>', 'the root that the server is verified with; that of the home when there is one')
    .option('--token-file <file>', 'a file with the token')
    .addOption(new Option('-o, --output <format>', 'how to answer').choices(['human', 'json']).default('human'));
}

function parseLimit(text: string): number {
  const limit = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > listMost) throw new InvalidArgumentError(`expected a whole number from 1 to ${listMost}.`);
  return limit;
}

/** Gives a list command its bound. */
export function withLimit(command: Command): Command {
  return command.addOption(new Option('--limit <count>', 'rows at most').argParser(parseLimit).default(listDefault));
}

/** Says on standard error that a list may go on. */
export function remarkIfFull(rows: readonly unknown[], limit: number, hint: string): void {
  if (rows.length === limit) remark(`only the first ${limit} are shown; ${hint}`);
}

/** The configuration file that counts: the one named, or the usual one where there is one. */
function configFileOf(options: CommonOptions): string | undefined {
  const usual = join(resolve(options.home), 'nolapse.yaml');
  const file = options.config ?? (existsSync(usual) ? usual : undefined);
  return file && resolve(file);
}

/** Reads the configuration of this command, anew each time. Of the file that counted at first: one that is gone later is a fault. */
export async function configReader(surroundings: Surroundings, options: CommonOptions): Promise<() => Config> {
  if (options.server !== undefined) {
    throw new NolapseError('bad_server', '--server: this command works on a home on this machine');
  }
  const { loadConfig } = await import('../config/index.ts');
  const file = configFileOf(options);
  return () => loadConfig({ env: surroundings.env, ...(file !== undefined && { file }) });
}

export async function configOf(surroundings: Surroundings, options: CommonOptions): Promise<Config> {
  const read = await configReader(surroundings, options);
  return read();
}

/** What a command decides is its answer; only what goes wrong is told beside it. Call it once the configuration is read. */
export async function commandLog(surroundings: Surroundings): Promise<Log> {
  const [{ createLog }, { openStandard }] = await Promise.all([
    import('../telemetry/log.ts'),
    import('../telemetry/standard-output.ts'),
  ]);
  return createLog({ level: surroundings.env['NOLAPSE_LOG_LEVEL'] ?? 'warn', stream: openStandard(2) });
}

function requireHome(home: string): void {
  if (statSync(home, { throwIfNoEntry: false })?.isDirectory()) return;
  throw new NolapseError('no_home', `${home} is not a home yet: nolapse init --home ${home}`);
}

/** Does the work with the operations of this home, and lets go of it afterwards. */
export async function withOperations<T>(
  surroundings: Surroundings,
  options: CommonOptions,
  work: (operations: Operations) => Promise<T>,
): Promise<T> {
  const { server } = options;
  if (server !== undefined) {
    const { connectServer } = await import('./server.ts');
    return work(await connectServer({ ...options, server }, surroundings.env));
  }
  const home = resolve(options.home);
  requireHome(home);
  const actor = actorOf(options);
  const running = await connectOperations(home, actor);
  if (running) return work(running);
  const config = await configOf(surroundings, options);
  const passphrase = surroundings.passphrase.read(remark);
  const log = await commandLog(surroundings);
  const { openHome } = await import('../home/home.ts');
  try {
    const opened = await openHome({ home, config, log, ...(passphrase !== undefined && { passphrase }) });
    try {
      return await work(opened.operationsFor(actor));
    } finally {
      await opened.close();
    }
  } finally {
    await flushed(log);
  }
}
