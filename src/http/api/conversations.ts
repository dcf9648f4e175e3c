// What of the HTTP API is no operation: sessions of the page, event streams, and what waits for a second operator.
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Approvals } from '../../app/operator/approvals.ts';
import type { Caller } from '../../app/views/access.ts';
import { actorNameOf, rightOf } from '../../domain/api-credential.ts';
import { cookieName, type Identities } from './caller.ts';
import type { EventStreams } from './events.ts';
import type { Gate } from './gate.ts';
import { actorOf } from './operations.ts';
import { Refused } from './problem.ts';
import { apiRoot } from './routes.ts';
import type { Sessions } from './sessions.ts';

interface ConversationOptions {
  readonly gate: Gate;
  readonly identities: Identities;
  readonly sessions: Sessions;
  readonly streams: EventStreams;
  readonly approvals: Approvals | null;
  readonly isSecure: boolean;
  readonly headers: Readonly<Record<string, string>>;
  readonly limits: { readonly sessionMs: number };
}

function whoIs({ credential }: Caller): unknown {
  const { id, kind, name, person, endsAt } = credential;
  return { actor: actorNameOf(credential), id, kind, name, person, endsAt, ...rightOf(credential) };
}

function sendJson(reply: FastifyReply, value: unknown): FastifyReply {
  return reply.header('cache-control', 'no-store').type('application/json').send(JSON.stringify(value));
}

function addSessions(app: FastifyInstance, options: ConversationOptions): void {
  const { gate, sessions, isSecure, identities, limits } = options;
  const url = `${apiRoot}/session`;
  const cookie = (value: string, seconds: number): string =>
    [
      `${cookieName(isSecure)}=${value}`,
      'Path=/',
      'HttpOnly',
      'SameSite=Strict',
      `Max-Age=${seconds}`,
      ...(isSecure ? ['Secure'] : []),
    ].join('; ');
  app.get(url, async (request, reply) => sendJson(reply, whoIs((await gate.enter(request.raw)).caller)));
  app.post(url, async (request, reply) => {
    const { caller } = await gate.enter(request.raw);
    await identities.noteUse(caller);
    const secret = sessions.begin(caller);
    reply.header('set-cookie', cookie(secret, Math.floor(limits.sessionMs / 1_000)));
    return sendJson(reply, whoIs(caller));
  });
  app.delete(url, async (request, reply) => {
    const { session } = await gate.enter(request.raw);
    if (session !== null) sessions.end(session);
    reply.header('set-cookie', cookie('', 0));
    return sendJson(reply, {});
  });
}

function addEvents(app: FastifyInstance, { gate, streams, headers, identities }: ConversationOptions): void {
  app.route({
    method: 'GET',
    url: `${apiRoot}/events`,
    exposeHeadRoute: false,
    handler: async (request, reply) => {
      const { caller } = await gate.enter(request.raw);
      if (!streams.hasRoom(caller)) {
        throw new Refused('unavailable', ['as many event streams are open as there may be'], {
          'retry-after': '10',
          connection: 'close',
        });
      }
      await identities.noteUse(caller);
      reply.hijack();
      reply.raw.writeHead(200, {
        ...headers,
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
      });
      streams.open(caller, reply.raw);
    },
  });
}

function addApprovals(app: FastifyInstance, { gate, approvals }: ConversationOptions): void {
  const url = `${apiRoot}/approvals`;
  const required = (): Approvals => {
    if (approvals) return approvals;
    throw new Refused('no_such_resource', ['nothing waits for a second operator here: see api.approval']);
  };
  app.get(url, async (request, reply) => {
    const { caller } = await gate.enter(request.raw);
    return sendJson(reply, { items: await required().list(caller), next: null });
  });
  for (const verb of ['approve', 'decline'] as const) {
    app.post<{ Params: { id: string } }>(`${url}/:id/${verb}`, async (request, reply) => {
      const { caller } = await gate.enter(request.raw);
      const by = { caller, actor: actorOf(caller, request) };
      return sendJson(reply, await required()[verb](request.params.id, by));
    });
  }
}

export function addConversations(app: FastifyInstance, options: ConversationOptions): void {
  addSessions(app, options);
  addEvents(app, options);
  addApprovals(app, options);
}
