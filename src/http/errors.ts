// What a caller over HTTP is told when something is wrong: a code and, for what the caller can mend, why. What went wrong
// inside stays in the log, under an incident id that both sides can name.
import { randomBytes } from 'node:crypto';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { OperationCode, RequestCode } from '../domain/operation-codes.ts';
import type { Log } from '../telemetry/log.ts';

/** The body of every answer that is not a success. */
interface Problem {
  readonly code: OperationCode | RequestCode;
  readonly faults: readonly string[];
  readonly incident?: string;
}

/** An error the caller is told about, translated; null when it is the broker's own affair. */
export type Translate = (error: unknown) => { readonly status: number; readonly problem: Problem } | null;

function fromFramework(error: unknown): ReturnType<Translate> {
  const { statusCode, message } = error as { statusCode?: unknown; message?: unknown };
  if (typeof statusCode !== 'number' || statusCode < 400 || statusCode >= 500) return null;
  return { status: statusCode, problem: { code: 'bad_request', faults: [String(message)] } };
}

export function answerErrors(app: FastifyInstance, log: Log, translate: Translate = () => null): void {
  app.setNotFoundHandler((_request, reply) => send(reply, 404, { code: 'no_such_resource', faults: [] }));
  app.setErrorHandler((error, request, reply) => {
    const told = translate(error) ?? fromFramework(error);
    if (told) return send(reply, told.status, told.problem);
    const incident = randomBytes(6).toString('hex');
    log.error({ err: error, 'nolapse.incident': incident, 'url.path': request.url.split('?')[0] }, 'a request failed');
    return send(reply, 500, { code: 'internal', faults: [`internal error, incident ${incident}`], incident });
  });
}

function send(reply: FastifyReply, status: number, problem: Problem): FastifyReply {
  return reply.code(status).header('cache-control', 'no-store').send(problem);
}
