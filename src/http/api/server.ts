// The HTTP API: its server and what bounds it. What it answers with is the operations' to say, within the right of whoever asks.
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createSecureServer, type Server as SecureServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { SecureContextOptions, TlsOptions } from 'node:tls';
import { type FastifyInstance, type FastifyReply, fastify } from 'fastify';
import { OperationError } from '../../app/operation-error.ts';
import type { Approvals } from '../../app/operator/approvals.ts';
import type { OperationsFor } from '../../app/operator/operate.ts';
import type { RecordKind } from '../../app/operator/version-of.ts';
import type { DecisionLog } from '../../ports/decision-log.ts';
import type { Log } from '../../telemetry/log.ts';
import { limitAddresses, limitConnections, limitDescriptors } from '../address-limit.ts';
import { Callers, type Identities } from './caller.ts';
import { addConversations } from './conversations.ts';
import { EventStreams, type Happenings } from './events.ts';
import { Gate } from './gate.ts';
import { securityHeaders } from './headers.ts';
import { addOperations } from './operations.ts';
import { addPages } from './pages.ts';
import { type Problem, problemOf, problemType, Refused } from './problem.ts';
import { Sessions } from './sessions.ts';

export interface ApiLimits {
  readonly requestsPerSecond: number;
  readonly streams: number;
  readonly connections: number;
  readonly sessionMs: number;
}

export interface ApiOptions {
  readonly host: string;
  readonly port: number;
  /** Under which names it may be asked. */
  readonly names: readonly string[];
  /** Null: plain HTTP, on loopback alone. */
  readonly tls: TlsOptions | null;
  readonly limits: ApiLimits;
  readonly operationsFor: OperationsFor;
  readonly identities: Identities;
  readonly happenings: Happenings;
  /** Null: one operator is enough for everything. */
  readonly approvals: Approvals | null;
  /** The version of a record; null: there is none. */
  readonly versionOf: (kind: RecordKind, names: Readonly<Record<string, unknown>>) => Promise<string | null>;
  readonly version: string;
  /** Where the files of the page are; null: there is none. */
  readonly page: string | null;
  readonly descriptorsMax?: number;
  readonly decisions: DecisionLog;
  readonly log: Log;
}

export interface ApiServer {
  readonly port: number;
  /** Event streams that are open. */
  readonly streams: number;
  setSecureContext(options: SecureContextOptions): void;
  close(): Promise<void>;
}

const bodyBytes = 1_048_576;
const headerBytesMax = 16_384;
const headersMs = 10_000;
/** A file of a whole fleet is taken as fast as it is read. */
const requestMs = 600_000;
const idleMs = 30_000;
/** Connections of one address block, of those that there may be. */
const ofAddressShare = 0.75;

/** One request at a time on each connection: who sends more before the answer is let go of. */
function refusePipelines(server: Server | SecureServer): void {
  const busy = new WeakSet<Socket>();
  server.on('request', (request: IncomingMessage, response) => {
    const { socket } = request;
    if (busy.has(socket)) {
      socket.destroy();
      return;
    }
    busy.add(socket);
    response.once('close', () => busy.delete(socket));
  });
}

function serverFor(tls: TlsOptions | null): Server | SecureServer {
  const options = {
    maxHeaderSize: headerBytesMax,
    headersTimeout: headersMs,
    requestTimeout: requestMs,
    keepAliveTimeout: idleMs,
    connectionsCheckingInterval: 5_000,
  };
  return tls === null ? createServer(options) : createSecureServer({ ...options, ...tls });
}

function answerProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  return reply.code(problem.status).header('cache-control', 'no-store').type(problemType).send(JSON.stringify(problem));
}

/** What the framework itself refuses: a body that is no JSON, too large or of another type. */
function fromFramework(error: unknown): Problem | null {
  const { statusCode } = error as { statusCode?: unknown };
  if (typeof statusCode !== 'number' || statusCode < 400 || statusCode >= 500) return null;
  if (statusCode === 413) return problemOf('too_large');
  if (statusCode === 415) return problemOf('wrong_type');
  return problemOf('bad_request', ['the body or the path cannot be read']);
}

function answerErrors(app: FastifyInstance, log: Log): void {
  app.setErrorHandler((error, request, reply) => {
    if (error instanceof OperationError) return answerProblem(reply, problemOf(error.code, error.faults));
    if (error instanceof Refused) {
      return answerProblem(reply.headers(error.headers), problemOf(error.code, error.faults));
    }
    const told = fromFramework(error);
    if (told) return answerProblem(reply, told);
    const incident = randomBytes(6).toString('hex');
    log.error({ err: error, 'nolapse.incident': incident, 'url.path': request.url.split('?')[0] }, 'a request failed');
    return answerProblem(reply, problemOf('internal', [`internal error, incident ${incident}`], incident));
  });
}

function bound(server: Server | SecureServer, { limits, descriptorsMax, log }: ApiOptions): void {
  limitAddresses(server, Math.max(1, Math.floor(limits.connections * ofAddressShare)));
  limitConnections(server as Server, limits.connections);
  limitDescriptors(server, descriptorsMax ?? Number.POSITIVE_INFINITY, log);
  // Who does not even speak TLS is let go of.
  server.on('tlsClientError', (_error: Error, socket: Socket) => socket.destroy());
  refusePipelines(server);
}

/** Listens once everything is in place. Rejects when the address cannot be had. */
export async function startApiServer(options: ApiOptions): Promise<ApiServer> {
  const server = serverFor(options.tls);
  const app = fastify({
    bodyLimit: bodyBytes,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 1_024 },
    serverFactory: (listener) => {
      server.on('request', listener);
      return server as Server;
    },
  });
  bound(server, options);
  app.removeContentTypeParser('text/plain');
  app.addContentTypeParser('application/octet-stream', (_request, payload, done) => done(null, payload));
  const headers = securityHeaders(options.tls !== null);
  app.addHook('onRequest', async (_request, reply) => void reply.headers(headers));
  answerErrors(app, options.log);
  const sessions = new Sessions(options.limits.sessionMs);
  const streams = new EventStreams(options.limits.streams, options.happenings);
  const callers = new Callers(options.identities, sessions);
  const gate = new Gate({ ...options, ...options.limits, callers });
  addOperations(app, { ...options, gate });
  addConversations(app, { ...options, gate, sessions, streams, isSecure: options.tls !== null, headers });
  addPages(app, { ...options, gate });
  try {
    await app.listen({ host: options.host, port: options.port });
  } catch (error) {
    streams.close();
    throw error;
  }
  return {
    port: (server.address() as AddressInfo).port,
    get streams() {
      return streams.size;
    },
    setSecureContext: (context) => {
      if ('setSecureContext' in server) server.setSecureContext(context);
    },
    close: async () => {
      streams.close();
      await app.close();
    },
  };
}
