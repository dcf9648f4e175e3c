// nolapse demo: a broker and twelve simulated devices with lives of a minute or two, to watch whole renewals go by.
// On a terminal it is one screen, drawn in place; elsewhere the broker's own log, with a headline, a line where the story turns, and a
// summary.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, relative, resolve } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import type { Operations } from '../app/operator/operate.ts';
import { parseDuration } from '../domain/time.ts';
import { makeFolder } from '../machine/folder.ts';
import type { Device } from '../simulator/device.ts';
import type { Fleet, Member } from '../simulator/fleet.ts';
import { flushed } from '../telemetry/flushed.ts';
import type { Log } from '../telemetry/log.ts';
import { actorOf } from './actor.ts';
import { type Canvas, openOutputs } from './demo-output.ts';
import { screen } from './demo-screen.ts';
import { readLedger, sentence, shortcomings, type Tally, tally } from './demo-summary.ts';
import { remark } from './output.ts';

const summaryEveryMs = 30_000;
const drawEveryMs = 500;
/** Between the starts of two devices, so that the first lines can be read. */
const staggerMs = 400;
/** The sleeper is awake for this long, and comes back this long after its certificate has ended. */
const awakeMs = 4_000;
const oversleepMs = 6_000;
const leavesAfterMs = 12_000;

const configuration = `# Written by nolapse demo: certificates short enough to watch.
mqtt: { port: 0 }
http: { port: 0 }
classes:
  default: { lifetime: 2m, renewAt: 50%, spread: 10%, overlap: 15s, grace: 5m }
  short: { lifetime: 90s }
  brief: { lifetime: 60s }
  nap: { lifetime: 40s, overlap: 10s }
`;

interface DemoOptions {
  readonly for?: number;
  readonly home?: string;
}

function readDuration(text: string): number {
  const ms = parseDuration(text);
  if (ms === null || ms === 0) throw new InvalidArgumentError('expected a duration such as 90s or 2m.');
  return ms;
}

/** A home to throw away, or the one asked for, which must be empty. */
function prepareHome(asked: string | undefined): { home: string; remove: () => void } {
  if (asked === undefined) {
    const home = mkdtempSync(join(tmpdir(), 'nolapse-demo-'));
    return { home, remove: () => rmSync(home, { recursive: true, force: true }) };
  }
  const home = resolve(asked);
  makeFolder(home, 0o700);
  if (readdirSync(home).length > 0) throw new Error(`${home} is not empty: the demo begins with a home of its own`);
  return { home, remove: () => undefined };
}

/** Aborts at the first SIGINT or SIGTERM, or when asked to; a second signal ends the process on the spot. */
function untilInterrupted(): { signal: AbortSignal; interrupt: () => void; release: () => void } {
  const controller = new AbortController();
  const onSignal = (): void => {
    if (controller.signal.aborted) process.exit(2);
    controller.abort();
  };
  const names = ['SIGINT', 'SIGTERM'] as const;
  for (const name of names) process.on(name, onSignal);
  return {
    signal: controller.signal,
    interrupt: () => controller.abort(),
    release: () => {
      for (const name of names) process.off(name, onSignal);
    },
  };
}

/** How this program was called, so that what is printed can be typed. */
function ownCommand(): string {
  const program = process.argv[1] ?? 'nolapse';
  return basename(program) === 'nolapse' ? 'nolapse' : `node ${relative(process.cwd(), program)}`;
}

interface Stage {
  readonly home: string;
  readonly canvas: Canvas | null;
  /** Devices that sleep now because the demo has them sleep. */
  readonly asleep: Set<string>;
  readonly operations: Operations;
  readonly fleet: Fleet;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly pause: (ms: number, signal: AbortSignal) => Promise<boolean>;
}

function tellDemo(log: Log, action: string, message: string, counts?: Tally): void {
  log.info({ 'event.action': `demo.${action}`, ...(counts && { 'nolapse.demo': counts }) }, message);
}

function headline(log: Log, home: string, members: readonly Member[]): void {
  const named = (part: Member['part']): string => members.find((each) => each.part === part)?.id ?? 'nobody';
  const lines = [
    `${members.length} devices connect over mutual TLS, with certificates that live 40 seconds to 2 minutes`,
    'before each one ends, its replacement is offered, requested, issued, installed, and activated by a first connect',
    `${members.filter(({ maxPacket }) => maxPacket <= 256).length} of them take no packet above 256 bytes, and fetch theirs in parts`,
    'during the overlap both certificates are admitted; then the old one is retired and revoked',
    `${named('sleeper')} will sleep past the end of its certificate and come back through the renew-only lane`,
    `${named('leaver')} will be decommissioned, keep knocking, and be refused`,
    `look around from another terminal with: ${ownCommand()} status --home ${home}`,
  ];
  for (const line of lines) tellDemo(log, 'headline', line);
}

async function sleepPastTheEnd({ log, signal, pause, asleep }: Stage, device: Device, notAfter: number): Promise<void> {
  if (!(await pause(awakeMs, signal))) return;
  tellDemo(log, 'sleep', `${device.id} goes to sleep, and will wake up after its certificate has ended`);
  device.sleepUntil(notAfter + oversleepMs);
  asleep.add(device.id);
  if (!(await pause(notAfter + oversleepMs - Date.now(), signal))) return;
  asleep.delete(device.id);
  tellDemo(log, 'wake', `${device.id} wakes up with an expired certificate`);
}

async function leave({ operations, signal, pause }: Stage, id: string): Promise<void> {
  if (!(await pause(leavesAfterMs, signal))) return;
  await operations.decommissionDevice({ id, reason: 'sold' });
}

async function enroll({ operations }: Stage, { id, class: className, site, owner, encoding }: Member) {
  await operations.addDevice({ id, class: className, site, owner, encoding });
  const { certificate, certificatePem, keyPem, rootPem } = await operations.issueDevice({ id });
  return {
    notAfter: certificate.notAfter,
    rootPem,
    credential: { certificatePem, keyPem, renewal: null, retires: null },
  };
}

/** Brings the devices on, one after the other, and sets going what each is there for. */
async function play(stage: Stage, members: readonly Member[]): Promise<void> {
  const parts: Promise<void>[] = [];
  for (const member of members) {
    const { notAfter, rootPem, credential } = await enroll(stage, member);
    const device = stage.fleet.start(member, credential, rootPem);
    if (member.part === 'sleeper') parts.push(sleepPastTheEnd(stage, device, notAfter));
    if (member.part === 'leaver') parts.push(leave(stage, member.id));
    if (!(await stage.pause(staggerMs, stage.signal))) break;
  }
  await Promise.all(parts);
}

const planned = (members: readonly Member[]): ReadonlySet<string> =>
  new Set(members.filter((each) => each.part === 'sleeper').map((each) => each.id));

/** Draws the screen again and again until the signal. */
async function drawOn(canvas: Canvas, stage: Stage, members: readonly Member[], end: AbortSignal): Promise<void> {
  const { operations, fleet, asleep, home, pause } = stage;
  const command = ownCommand();
  const isConnected = (id: string): boolean => fleet.isConnected(id);
  do {
    const ledger = await readLedger(operations);
    const counts = tally(ledger, fleet, planned(members));
    const scene = { members, ledger, counts, isConnected, asleep, command, home, logFile: canvas.logFile };
    canvas.draw(screen(scene, process.stdout.columns ?? 80));
  } while (await pause(drawEveryMs, end));
}

async function summarize({ operations, fleet, log }: Stage, members: readonly Member[], title: string): Promise<Tally> {
  const counts = tally(await readLedger(operations), fleet, planned(members));
  tellDemo(log, 'summary', `${title}: ${sentence(counts)}`, counts);
  return counts;
}

/** Plays until the time is over or somebody interrupts. @returns what did not go as it should. */
async function perform(stage: Stage, members: readonly Member[], forMs: number | undefined): Promise<string[]> {
  const { signal, pause } = stage;
  const since = Date.now();
  const over = new AbortController();
  const end = AbortSignal.any([signal, over.signal]);
  const playing = play({ ...stage, signal: end }, members);
  // A play that breaks ends the demo; the fault itself is thrown below.
  playing.catch(() => over.abort());
  void pause(forMs ?? Number.POSITIVE_INFINITY, end).then(() => over.abort());
  const drawing = stage.canvas && drawOn(stage.canvas, stage, members, end);
  drawing?.catch(() => over.abort());
  try {
    while (await pause(summaryEveryMs, end)) {
      await summarize(stage, members, `after ${Math.round((Date.now() - since) / 1_000)} s`);
    }
    await playing;
    await drawing;
    const counts = await summarize(stage, members, 'in the end');
    await stage.canvas?.end(sentence(counts));
    // Interrupted, the demo may not have come to its first renewal.
    return shortcomings(counts).filter(
      (fault) => !signal.aborted || counts.renewed > 0 || !fault.startsWith('nothing'),
    );
  } finally {
    over.abort();
    await Promise.allSettled([playing, drawing]);
  }
}

async function run(options: DemoOptions): Promise<void> {
  const [{ loadConfig }, { startNolapse }, { Fleet, twelve }, { pause }, { requireDriver }, { createMetrics }] =
    await Promise.all([
      import('../config/index.ts'),
      import('../nolapse.ts'),
      import('../simulator/fleet.ts'),
      import('../simulator/pause.ts'),
      import('../store/index.ts'),
      import('../telemetry/metrics.ts'),
    ]);
  requireDriver();
  const interruption = untilInterrupted();
  // Nobody watches any more.
  const { log, canvas } = await openOutputs(interruption.interrupt);
  const { home, remove } = prepareHome(options.home);
  try {
    const file = join(home, 'nolapse.yaml');
    writeFileSync(file, configuration);
    headline(log, home, twelve);
    const gateway = await startNolapse({ home, config: loadConfig({ file, env: {} }), log, metrics: createMetrics() });
    const operations = gateway.operationsFor(actorOf({}));
    const fleet = new Fleet({ host: '127.0.0.1', port: gateway.ports.mqtt });
    try {
      const stage = {
        operations,
        fleet,
        log,
        pause,
        home,
        canvas,
        asleep: new Set<string>(),
        signal: interruption.signal,
      };
      const faults = await perform(stage, twelve, options.for);
      for (const fault of faults) {
        log.error({ 'event.action': 'demo.failed' }, fault);
        if (canvas) remark(fault);
      }
      if (faults.length > 0) process.exitCode = 1;
    } finally {
      await fleet.stop();
      await gateway.close();
    }
  } finally {
    interruption.release();
    remove();
    await flushed(log);
  }
}

/** Adds `nolapse demo`. Exit code 1: a device lapsed that was not meant to, or nothing was renewed. */
export function registerDemo(program: Command): void {
  program
    .command('demo')
    .description('watch twelve simulated devices renew their certificates')
    .option('--for <duration>', 'end after this long, with a summary; otherwise at Ctrl-C', readDuration)
    .option('--home <dir>', 'keep the home here; otherwise it is temporary')
    .action((options: DemoOptions) => run(options));
}
