// A home at rest: what a gateway and the command line both build on. With gateway.ts the only place where adapters are
// constructed.
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { App, Settings } from './app/context.ts';
import { operationsOf } from './app/operate.ts';
import type { Operations } from './app/operations.ts';
import { Outbox } from './app/outbox.ts';
import { Rounds } from './app/rounds.ts';
import { keptRefusals, speech, speechForOthers, Throttle } from './app/throttle.ts';
import { authorities } from './authority/index.ts';
import { initPki } from './authority/init.ts';
import { ensureServerCertificate, type ServerCertificate, type ServerOptions } from './authority/server-certificate.ts';
import type { Config } from './config.ts';
import { GatewayError } from './domain/errors.ts';
import { makeFolder } from './folder.ts';
import { crlPath, issuerPath } from './http/public.ts';
import { createNotifier } from './notify/index.ts';
import { pemToDer } from './pki/pem.ts';
import type { Clock, Entropy } from './ports/clock.ts';
import type { Journal } from './ports/journal.ts';
import type { Sessions } from './ports/sessions.ts';
import type { Database } from './store/database.ts';
import { openStore } from './store/index.ts';
import { createJournal } from './telemetry/journal.ts';
import type { Log } from './telemetry/log.ts';
import { createMetrics } from './telemetry/metrics.ts';

const ownerOnly = 0o700;
const systemEntropy: Entropy = { bytes: (length) => randomBytes(length) };
const systemClock: Clock = { now: () => Date.now() };

/** What a home is opened with. `clock` and `entropy` are the system's unless a test says otherwise. */
export interface HomeOptions {
  readonly home: string;
  readonly config: Config;
  /** Of the PKI's key files; null or absent: they are in the clear. */
  readonly passphrase?: string | null;
  readonly log: Log;
  readonly clock?: Clock;
  readonly entropy?: Entropy;
}

export interface OpenHome {
  readonly operations: Operations;
  close(): Promise<void>;
}

export function pkiOptions(options: HomeOptions): ServerOptions {
  const { config, passphrase, clock = systemClock, entropy = systemEntropy } = options;
  return {
    now: clock.now(),
    names: config.server.names,
    crlUrl: config.http.publicUrl + crlPath,
    caIssuersUrl: config.http.publicUrl + issuerPath,
    entropy,
    ...(passphrase != null && { passphrase }),
  };
}

export function pkiFolder(home: string): string {
  return join(resolve(home), 'pki');
}

/**
 * Makes what a home needs and does not have: the folder (mode 0700), the PKI, the ledger, an empty CRL. Twice is once.
 * @throws GatewayError when the home cannot be made or is in use.
 */
export async function initHome(options: HomeOptions): Promise<{ made: boolean; files: string[] }> {
  makeFolder(resolve(options.home), ownerOnly);
  const folder = pkiFolder(options.home);
  const outcome = initPki(folder, pkiOptions(options));
  const opened = await openHome(options);
  try {
    await opened.operations.crl();
  } finally {
    await opened.close();
  }
  return { made: outcome !== 'present', files: readdirSync(folder).map((name) => join(folder, name)) };
}

export interface Parts {
  readonly app: App;
  readonly database: Database;
  server: ServerCertificate;
  readonly outbox: Outbox;
  readonly journal: Journal;
}

function readAnchors(files: readonly string[]): Uint8Array[] {
  return files.flatMap((file) => {
    const bytes = readFileSync(file);
    if (!bytes.includes('-----BEGIN')) return [bytes];
    const ders = pemToDer(bytes.toString('latin1'), 'CERTIFICATE');
    if (!ders) throw new GatewayError('invalid_anchor', `${file} holds something that is not a PEM certificate`);
    return ders;
  });
}

function settingsOf(config: Config): Settings {
  return {
    policies: config.classes,
    access: config.access,
    anchors: readAnchors(config.bootstrap.anchors),
    skewMs: config.skewMs,
    crlValidityMs: config.crl.validityMs,
    csrBytesMax: config.limits.csrBytes,
    sweepBatch: config.sweep.batch,
  };
}

export async function assemble(options: HomeOptions, journal: Journal, sessions: Sessions): Promise<Parts> {
  const { home, config, clock = systemClock, entropy = systemEntropy } = options;
  const settings = settingsOf(config);
  const { store, database } = openStore(join(resolve(home), 'nolapse.db'));
  try {
    const authority = authorities.local(pkiFolder(home), pkiOptions(options));
    const server = ensureServerCertificate(pkiFolder(home), pkiOptions(options));
    const notifier = createNotifier(journal);
    const throttles = {
      speech: new Throttle(speech),
      speechForOthers: new Throttle(speechForOthers),
      keptRefusals: new Throttle(keptRefusals),
    };
    const rounds = new Rounds();
    const app = { store, authority, sessions, clock, entropy, journal, notifier, throttles, rounds, settings };
    return { app, database, server, outbox: new Outbox(app), journal };
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** Nobody is connected to a home at rest. */
const noSessions: Sessions = {
  send: async () => 0,
  listens: () => false,
  closeByCertificate: () => 0,
  closeByPrincipal: () => 0,
  closeIntroduced: () => 0,
};

/**
 * Opens a home that no gateway runs on, for operations.
 * @throws GatewayError `store_locked` when one does, and what the authority finds wrong with the PKI.
 */
export async function openHome(options: HomeOptions): Promise<OpenHome> {
  const journal = createJournal(options.log, createMetrics());
  const parts = await assemble(options, journal, noSessions);
  const { app, outbox } = parts;
  outbox.poke();
  return {
    operations: operationsOf(app, () => parts.server.der),
    close: async () => {
      await app.rounds.stop();
      await outbox.idle();
      await outbox.close();
      await app.store.close();
    },
  };
}
