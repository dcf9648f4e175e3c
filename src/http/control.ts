// The operations over a unix socket in the home, for the command line: POST /v1/<operation> with its input as JSON, or with a file
// as its body; and the metrics with what is wrong by owner. Who may open the socket may do everything, and says who it is.
import type { IncomingHttpHeaders } from 'node:http';
import { fastify } from 'fastify';
import { OperationError } from '../app/operation-error.ts';
import { effectOf, type OperationName, operationNames } from '../app/operator/catalog.ts';
import { type Operations, type OperationsFor, readInput } from '../app/operator/operate.ts';
import type { Actor } from '../domain/actor.ts';
import type { OperationCode } from '../domain/operation-codes.ts';
import type { Log } from '../telemetry/log.ts';
import { limitDescriptors } from './address-limit.ts';
import { actorHeader, readActor } from './control-actor.ts';
import { controlPath } from './control-path.ts';
import { listenAt } from './control-socket.ts';
import { answerErrors, type Translate } from './errors.ts';

export interface ControlServer {
  readonly path: string;
  close(): Promise<void>;
}

const bodyBytes = 1_048_576;
/** Of operations that take a list of 100,000 ids. */
const listBytes = 8 * bodyBytes;
const listing: ReadonlySet<OperationName> = new Set(['activateRoot', 'retireRoot', 'releaseRoot']);
const connectionsMax = 64;
/** A file of a whole fleet is taken as fast as it is read. */
const requestMs = 600_000;
const unreadMs = 60_000;

export const statusOf: Readonly<Record<OperationCode, number>> = {
  invalid: 422,
  not_found: 404,
  forbidden: 403,
  conflict: 409,
  stale: 412,
};

const translate: Translate = (error) =>
  error instanceof OperationError
    ? { status: statusOf[error.code], problem: { code: error.code, faults: error.faults } }
    : null;

/** A file comes as a stream, and as nothing else. */
function fileOf(body: unknown): unknown {
  return typeof body === 'string' ? null : body;
}

/** What the caller says of itself. Null: nothing. */
function actorOf({ [actorHeader]: said }: IncomingHttpHeaders): Actor | null {
  if (said === undefined) return null;
  const actor = readActor(String(said));
  if (!actor) throw new OperationError('invalid', [`${actorHeader}: not what a caller may say of itself`]);
  return actor;
}

function perform(operations: Operations, name: OperationName, given: unknown): Promise<unknown> {
  // The table pairs each name with its own input; the compiler cannot follow that pair through a name chosen at run time.
  const method = operations[name] as (input: unknown) => Promise<unknown>;
  return method.call(operations, readInput(name, given));
}

/** Rejects with NolapseError `home_in_use` when a broker already answers on this home. */
export async function startControlServer(options: {
  readonly home: string;
  readonly operationsFor: OperationsFor;
  /** In Prometheus' format, with what only operators may see. */
  readonly metrics?: () => Promise<string>;
  readonly log: Log;
  /** How long a caller may take nothing of its answer. */
  readonly unreadMs?: number;
}): Promise<ControlServer> {
  const path = controlPath(options.home);
  const app = fastify({ bodyLimit: bodyBytes, requestTimeout: requestMs, forceCloseConnections: true });
  app.server.maxConnections = connectionsMax;
  limitDescriptors(app.server, Number.POSITIVE_INFINITY, options.log);
  // A caller who does not read keeps its connection no longer than this; one who waits for long work keeps it.
  app.addHook('onSend', async (request) => {
    request.raw.socket.setTimeout(options.unreadMs ?? unreadMs);
  });
  answerErrors(app, options.log, translate);
  app.addContentTypeParser('application/octet-stream', (_request, payload, done) => done(null, payload));
  // Lets a caller know that it is a broker that answers.
  app.get('/v1', async () => ({ service: 'nolapse' }));
  const { metrics } = options;
  if (metrics) {
    app.get('/metrics', async (_request, reply) => {
      reply.header('cache-control', 'no-store').type('text/plain; version=0.0.4; charset=utf-8');
      return metrics();
    });
  }
  for (const name of operationNames) {
    const bodyLimit = listing.has(name) ? listBytes : bodyBytes;
    app.post(`/v1/${name}`, { bodyLimit }, async ({ headers, body, query }) => {
      const operations = options.operationsFor(actorOf(headers));
      return perform(
        operations,
        name,
        effectOf(name) === 'takes a file' ? { ...(query as object), text: fileOf(body) } : body,
      );
    });
  }
  await app.ready();
  await listenAt(app.server, path);
  return {
    path,
    close: async () => {
      const closed = new Promise<void>((resolve) => app.server.close(() => resolve()));
      app.server.closeIdleConnections();
      await Promise.race([closed, patience()]);
      app.server.closeAllConnections();
      await closed;
      await app.close();
    },
  };
}

/** How long a running operation may take to finish once the broker stops. */
const closingMs = 5_000;
function patience(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, closingMs).unref());
}
