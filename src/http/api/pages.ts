// What anybody may have who reaches the server, because it tells of the program and not of the fleet: the description of the API, a readable page of
// it, and the files of the page for operators.

import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { isNamed } from './etag.ts';
import type { Gate } from './gate.ts';
import { describeApi } from './openapi.ts';
import { type PageFile, pagePolicy, readPageFiles } from './page-files.ts';
import { problemOf, problemType } from './problem.ts';
import { referencePage, referencePolicy } from './reference.ts';
import { apiRoot, routes } from './routes.ts';

interface PagesOptions {
  readonly gate: Gate;
  readonly version: string;
  readonly page: string | null;
}

function sendFile(request: FastifyRequest, reply: FastifyReply, file: PageFile, policy: string): FastifyReply {
  const seconds = file.isForever ? 'public, max-age=31536000, immutable' : 'no-cache';
  reply.header('content-security-policy', policy).header('cache-control', seconds).header('etag', file.tag);
  if (isNamed(request.headers['if-none-match'], file.tag)) return reply.code(304).send();
  return reply.type(file.type).send(file.bytes);
}

function fileOf(type: string, text: string): PageFile {
  const tag = `"${createHash('sha256').update(text).digest('hex').slice(0, 24)}"`;
  return { type, bytes: Buffer.from(text), tag, isForever: false };
}

/** The methods that this path takes otherwise. */
function methodsOf(path: string): string[] {
  return routes
    .filter((route) => {
      const parts = (apiRoot + route.path).split('/');
      const given = path.split('/');
      return parts.length === given.length && parts.every((part, at) => part.startsWith('{') || part === given[at]);
    })
    .map(({ method }) => method);
}

export function addPages(app: FastifyInstance, { gate, version, page }: PagesOptions): void {
  const description = describeApi(version);
  const json = fileOf('application/json', JSON.stringify(description));
  const readable = fileOf('text/html; charset=utf-8', referencePage(description));
  const files = readPageFiles(page);
  app.get(`${apiRoot}/openapi.json`, async (request, reply) => {
    gate.open(request.raw);
    return sendFile(request, reply, json, pagePolicy);
  });
  app.get(`${apiRoot}/reference`, async (request, reply) => {
    gate.open(request.raw);
    return sendFile(request, reply, readable, referencePolicy);
  });
  app.setNotFoundHandler(async (request, reply) => {
    gate.open(request.raw);
    const [path = '/'] = request.url.split('?');
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    const isOfApi = path === '/api' || path.startsWith('/api/');
    // A view of the page has a path of its own, and the page finds it.
    const file =
      isRead && !isOfApi ? (files.get(path) ?? (/\.\w+$/.test(path) ? null : files.get('/index.html'))) : null;
    if (file) return sendFile(request, reply, file, pagePolicy);
    const methods = methodsOf(path);
    if (methods.length > 0) reply.header('allow', methods.join(', '));
    const problem = problemOf(methods.length > 0 ? 'no_such_method' : 'no_such_resource');
    return reply
      .code(problem.status)
      .header('cache-control', 'no-store')
      .type(problemType)
      .send(JSON.stringify(problem));
  });
}
