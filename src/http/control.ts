// The operations over a unix socket in the home, for the command line: POST /v1/<operation> with its input as JSON, or with a file
// as its body; and the metrics with what is wrong by owner. Who may open the socket may do everything.
import { fastify } from 'fastify';
import type { z } from 'zod';
import { OperationError, type OperationName, type Operations } from '../app/operations.ts';
import type { Log } from '../telemetry/log.ts';
import { limitDescriptors } from './address-limit.ts';
import { controlPath } from './control-path.ts';
import { isOperation, isStreamed, operationSchemas } from './control-schemas.ts';
import { listenAt } from './control-socket.ts';
import { answerErrors, type Translate } from './errors.ts';

export interface ControlServer {
  readonly path: string;
  close(): Promise<void>;
}

const bodyBytes = 1_048_576;
const connectionsMax = 64;
/** A file of a whole fleet is taken as fast as it is read. */
const requestMs = 600_000;
const faultsMax = 20;
const unreadMs = 60_000;

const statusOf = { invalid: 422, not_found: 404, conflict: 409 } as const;

const translate: Translate = (error) =>
  error instanceof OperationError
    ? { status: statusOf[error.code], problem: { code: error.code, faults: error.faults } }
    : null;

function faultsOf(error: z.ZodError): string[] {
  return error.issues.slice(0, faultsMax).map(({ path, message }) => [...path.map(String), message].join(': '));
}

async function perform(operations: Operations, name: OperationName, body: unknown): Promise<unknown> {
  const parsed = operationSchemas[name].safeParse(body ?? {});
  if (!parsed.success) throw new OperationError('invalid', faultsOf(parsed.error));
  // The table pairs each name with its own input; the compiler cannot follow that pair through a name chosen at run time.
  return (operations[name] as (input: unknown) => Promise<unknown>).call(operations, parsed.data);
}

/** Rejects with NolapseError `home_in_use` when a gateway already answers on this home. */
export async function startControlServer(options: {
  readonly home: string;
  readonly operations: Operations;
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
  // Lets a caller know that it is a gateway that answers.
  app.get('/v1', async () => ({ service: 'nolapse' }));
  const { metrics } = options;
  if (metrics) {
    app.get('/metrics', async (_request, reply) => {
      reply.header('cache-control', 'no-store').type('text/plain; version=0.0.4; charset=utf-8');
      return metrics();
    });
  }
  for (const name of Object.keys(operationSchemas).filter(isOperation)) {
    app.post(`/v1/${name}`, ({ body, query }) => {
      const input = isStreamed(name) ? { ...(query as object), text: body } : body;
      return perform(options.operations, name, input);
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

/** How long a running operation may take to finish once the gateway stops. */
const closingMs = 5_000;
function patience(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, closingMs).unref());
}
