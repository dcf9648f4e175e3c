// Joins the HTTP API to the application of a running broker, and gives it its certificate: the broker's own, or one from files.
import { readFileSync, statSync } from 'node:fs';
import type { TlsOptions } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { callerAgain, callerByCertificate, callerByToken, noteUse } from '../app/access/authenticate.ts';
import type { Context } from '../app/context.ts';
import { Approvals } from '../app/operator/approvals.ts';
import type { OperationsFor } from '../app/operator/operate.ts';
import { versionOf } from '../app/operator/version-of.ts';
import type { Caller } from '../app/views/access.ts';
import { contextOptions, serverOptions, type TlsMaterial } from '../broker/door/tls-options.ts';
import type { ApiConfig } from '../config/api.ts';
import type { Config } from '../config/index.ts';
import { covers } from '../domain/access-right.ts';
import { NolapseError } from '../domain/errors.ts';
import { descriptorBounds } from '../domain/machine.ts';
import { parsePrincipalId } from '../domain/principal.ts';
import { type ApiServer, startApiServer } from '../http/api/server.ts';
import type { DecisionFeed } from '../telemetry/decision-feed.ts';
import type { Log } from '../telemetry/log.ts';

/** Built with the package; absent in a clone that has not built it. */
const pageFolder = fileURLToPath(new URL('../../page', import.meta.url));
const handshakeMs = 10_000;
/** How often the certificate is looked at. One that cannot be used leaves the one before. */
const lookMs = 10_000;

type ApiContext = Pick<
  Context,
  'actor' | 'store' | 'clock' | 'decisions' | 'sinks' | 'entropy' | 'settings' | 'machine'
>;

interface ApiParts {
  readonly app: ApiContext;
  readonly operationsFor: OperationsFor;
  readonly feed: DecisionFeed;
  /** What the broker's own ports show now. */
  readonly own: () => TlsMaterial;
}

export interface Api {
  readonly port: number;
  close(): Promise<void>;
}

function readPem(path: string, isSecret: boolean): string {
  try {
    if (isSecret && (statSync(path).mode & 0o007) !== 0) {
      throw new NolapseError('api_certificate', `${path} can be read by anybody: chmod 600 it`);
    }
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof NolapseError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    throw new NolapseError('api_certificate', `${path} cannot be read: ${code ?? String(error)}`, error);
  }
}

/** Null: plain HTTP. Fails with NolapseError `api_certificate`. */
function materialOf({ tls }: ApiConfig, own: () => TlsMaterial): TlsMaterial | null {
  if (tls.kind === 'none') return null;
  const { key, cert, ca } = own();
  const material = 'certificate' in tls ? filesOf(tls, ca) : { key, cert, ca };
  try {
    contextOptions(material);
    return material;
  } catch (error) {
    throw new NolapseError(
      'api_certificate',
      `the certificate of the API cannot be used: ${(error as Error).message}`,
      error,
    );
  }
}

function filesOf(tls: { readonly certificate: string; readonly key: string }, ca: TlsMaterial['ca']): TlsMaterial {
  return { key: readPem(tls.key, true), cert: readPem(tls.certificate, false), ca };
}

function limitsOf({ requestsPerSecond, streams, connections, sessionMs }: ApiConfig) {
  return { requestsPerSecond, streams, connections, sessionMs };
}

function partsOf({ app, feed }: ApiParts) {
  const again = (caller: Caller) => callerAgain(app, caller);
  return {
    identities: {
      byToken: (token: string) => callerByToken(app, token),
      byCertificate: (der: Uint8Array) => callerByCertificate(app, der),
      again,
      noteUse: (caller: Caller) => noteUse(app, caller),
    },
    happenings: {
      listen: feed.listen.bind(feed),
      mayHear: async ({ credential }: Caller, id: string) => {
        const parsed = parsePrincipalId(id);
        const principal = parsed && (await app.store.read.principal(parsed));
        return principal !== null && covers(credential, principal);
      },
      again,
    },
  };
}

/** Rejects with NolapseError `api_certificate`, or where the address cannot be had. Null: none is configured. */
export async function startApi(
  { config, log }: { readonly config: Pick<Config, 'api' | 'server'>; readonly log: Log },
  parts: ApiParts,
): Promise<Api | null> {
  const { api } = config;
  if (!api) return null;
  const { app, operationsFor, own } = parts;
  const material = materialOf(api, own);
  const tls: TlsOptions | null = material && serverOptions(material, handshakeMs);
  const server: ApiServer = await startApiServer({
    host: api.host,
    port: api.port,
    names: [...config.server.names, ...api.names, api.host, ...(api.tls.kind === 'none' ? ['localhost'] : [])],
    tls,
    limits: limitsOf(api),
    operationsFor,
    ...partsOf(parts),
    approvals: api.approval && new Approvals(app, operationsFor, api.approval),
    versionOf: (kind, names) => versionOf(app.store.read, kind, names),
    version: app.settings.version,
    page: pageFolder,
    descriptorsMax: descriptorBounds(app.machine.descriptorLimit ?? Number.POSITIVE_INFINITY).http,
    decisions: app.decisions,
    log,
  });
  let shown = JSON.stringify(material);
  const lookAfter = (): void => {
    try {
      const now = materialOf(api, own);
      const text = JSON.stringify(now);
      if (now === null || text === shown) return;
      server.setSecureContext(contextOptions(now));
      shown = text;
    } catch (error) {
      log.error({ err: error as Error }, 'the certificate of the API could not be replaced');
    }
  };
  const timer = setInterval(lookAfter, lookMs).unref();
  return {
    port: server.port,
    close: () => {
      clearInterval(timer);
      return server.close();
    },
  };
}
