// What anybody may fetch: the CRL, the CA certificates, health and metrics. It reads, and takes nothing.
import { createHash } from 'node:crypto';
import type { ServerOptions } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Readable } from 'node:stream';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import { firstIssuer } from '../domain/issuing-slots.ts';
import type { Instant } from '../domain/time.ts';
import { derToPem } from '../pki/pem.ts';
import type { Log } from '../telemetry/log.ts';
import { limitAddresses, limitConnections, limitDescriptors } from './address-limit.ts';
import { answerErrors } from './errors.ts';
import { keptFor } from './kept-for.ts';
import { serveOneAtATime } from './one-at-a-time.ts';
import { issuerIn, rootIn } from './public-path.ts';

/** A CRL in DER, which may be megabytes: it is read while it is sent, and never copied for a request. */
export interface CrlContent {
  /** Tells it from every other one. */
  readonly tag: string;
  readonly thisUpdate: Instant;
  readonly bytes: number;
  /** Rejects when it was replaced meanwhile, twice. */
  read(): Promise<Readable>;
}

/** What there is to fetch, as the broker provides it. */
export interface PublicContent {
  /** The complete CRL of an issuing CA (shard 0) or that of a shard of it; null when there is none. */
  crl(shard: number, issuer: number): Promise<CrlContent | null>;
  /** The CRL of the root with this number; null when there is none. */
  rootCrl(root: number): Promise<CrlContent | null>;
  /** DER of the root. */
  root(): Uint8Array;
  /** DER of the certificate of the issuing CA with this number; null when it is none of those in use. */
  issuer(number: number): Uint8Array | null;
  /** Certs-only PKCS#7 of the chain and the root. */
  p7c(): Promise<Uint8Array>;
  /** `ok` is whether the broker can do its work; what stands beside it is shown as it is. */
  health(): Promise<{ readonly ok: boolean } & Readonly<Record<string, unknown>>>;
  metrics(): Promise<string>;
}

export interface PublicServer {
  /** The port it listens on, also when 0 was asked for. */
  readonly port: number;
  close(): Promise<void>;
}

const connectionsMax = 1_000;
const connectionsPerAddressMax = 100;
const headerBytesMax = 8_192;
/** From the first byte of a request to its last, whatever pace they come at. */
const requestMs = 5_000;
/** How often connections are held against that. */
const checkMs = 1_000;
const idleMs = 5_000;
/** For so long metrics are answered as they were: a hundred scrapers cost no more than one. */
const keptMs = 1_000;
/** A store that takes longer to answer is not well. */
const healthMs = 2_000;
/** How long a relying party's cache may keep a CRL: what a revocation may be late by, on top of its own fetching. */
const crlSeconds = 60;
const certificateSeconds = 3_600;

function isCached(request: FastifyRequest, tag: string): boolean {
  const asked = request.headers['if-none-match'] ?? '';
  return asked.split(',').some((each) => ['*', tag].includes(each.trim().replace(/^W\//, '')));
}

/** Sends bytes with a validator; 304 to a caller that has them. */
function sendBytes(
  request: FastifyRequest,
  reply: FastifyReply,
  content: { readonly type: string; readonly bytes: Uint8Array | string; readonly seconds: number },
): FastifyReply {
  const tag = `"${createHash('sha256').update(content.bytes).digest('hex').slice(0, 32)}"`;
  reply.header('etag', tag).header('cache-control', `public, max-age=${content.seconds}`);
  if (isCached(request, tag)) return reply.code(304).send();
  const body = typeof content.bytes === 'string' ? content.bytes : Buffer.from(content.bytes);
  return reply.type(content.type).send(body);
}

/** As {@link sendBytes}, but of any length. `If-Modified-Since` counts where there is no `If-None-Match` (RFC 9110, 13.1.3). */
async function sendCrl(request: FastifyRequest, reply: FastifyReply, crl: CrlContent | null): Promise<FastifyReply> {
  if (!crl) return unavailable(reply);
  const tag = `"${crl.tag}"`;
  const modified = new Date(crl.thisUpdate).toUTCString();
  reply.header('etag', tag).header('last-modified', modified).header('cache-control', `public, max-age=${crlSeconds}`);
  const { 'if-none-match': named, 'if-modified-since': since } = request.headers;
  const isKnown = named === undefined ? Date.parse(since ?? '') >= Date.parse(modified) : isCached(request, tag);
  if (isKnown) return reply.code(304).send();
  reply.type('application/pkix-crl').header('content-length', crl.bytes);
  return reply.send(request.method === 'HEAD' ? undefined : await crl.read());
}

function unavailable(reply: FastifyReply): FastifyReply {
  return reply.code(503).header('retry-after', '5').send({ code: 'unavailable', faults: [] });
}

async function health(content: PublicContent, log: Log): Promise<{ ok: boolean } & Record<string, unknown>> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<{ ok: false }>((resolve) => {
    timer = setTimeout(() => resolve({ ok: false }), healthMs);
  });
  try {
    return await Promise.race([content.health(), late]);
  } catch (error) {
    log.error({ err: error }, 'the health check failed');
    return { ok: false };
  } finally {
    clearTimeout(timer);
  }
}

function addRoutes(app: FastifyInstance, content: PublicContent, log: Log): void {
  const methods = { method: ['GET', 'HEAD'], exposeHeadRoute: false };
  app.route<{ Params: { name: string } }>({
    ...methods,
    url: '/crl/:name.crl',
    handler: async (request, reply) => {
      const { name } = request.params;
      const root = rootIn(name);
      const list = root === null ? null : await content.rootCrl(root);
      if (list) return sendCrl(request, reply, list);
      const issuer = issuerIn(name);
      if (issuer === null) return reply.callNotFound();
      const crl = await content.crl(0, issuer);
      // The first one's list is always there, or will be.
      return crl || issuer === firstIssuer ? sendCrl(request, reply, crl) : reply.callNotFound();
    },
  });
  app.route<{ Params: { name: string; shard: string } }>({
    ...methods,
    url: '/crl/:name/:shard.crl',
    handler: async (request, reply) => {
      const { name, shard } = request.params;
      const issuer = issuerIn(name);
      const isShard = issuer !== null && /^[1-9]\d{0,8}$/.test(shard);
      const crl = isShard ? await content.crl(Number(shard), issuer) : null;
      return crl ? sendCrl(request, reply, crl) : reply.callNotFound();
    },
  });
  app.get('/ca/root.crt', (request, reply) => {
    const bytes = derToPem(content.root(), 'CERTIFICATE');
    return sendBytes(request, reply, { type: 'application/x-pem-file', bytes, seconds: certificateSeconds });
  });
  app.get<{ Params: { name: string } }>('/ca/:name.crt', (request, reply) => {
    const issuer = issuerIn(request.params.name);
    const bytes = issuer === null ? null : content.issuer(issuer);
    return bytes
      ? sendBytes(request, reply, { type: 'application/pkix-cert', bytes, seconds: certificateSeconds })
      : reply.callNotFound();
  });
  app.get('/ca/chain.p7c', async (request, reply) =>
    sendBytes(request, reply, {
      type: 'application/pkcs7-mime; smime-type=certs-only',
      bytes: await content.p7c(),
      seconds: certificateSeconds,
    }),
  );
  app.get('/healthz', async (_request, reply) => {
    const { ok, ...rest } = await health(content, log);
    reply.code(ok ? 200 : 503).header('cache-control', 'no-store');
    return { status: ok ? 'ok' : 'unavailable', ...rest };
  });
  const currentMetrics = keptFor(keptMs, () => content.metrics());
  app.get('/metrics', async (_request, reply) => {
    reply.header('cache-control', 'no-store').type('text/plain; version=0.0.4; charset=utf-8');
    return currentMetrics();
  });
}

const serverOptions: ServerOptions = {
  requestTimeout: requestMs,
  keepAliveTimeout: idleMs,
  maxHeaderSize: headerBytesMax,
  headersTimeout: requestMs,
  connectionsCheckingInterval: checkMs,
};

/** Listens once everything is in place. Rejects when the address cannot be had. */
export async function startPublicServer(options: {
  readonly host: string;
  readonly port: number;
  readonly content: PublicContent;
  /** Connections whose descriptor has this number or a higher one are refused. Absent: none. */
  readonly descriptorsMax?: number;
  /** Connections at a time, where that is less than 1,000. */
  readonly connectionsMax?: number;
  readonly log: Log;
}): Promise<PublicServer> {
  const app = fastify({
    bodyLimit: 1,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 100 },
    serverFactory: (listener) => serveOneAtATime(serverOptions, listener),
  });
  app.removeAllContentTypeParsers();
  app.server.setTimeout(requestMs * 2);
  limitAddresses(app.server, connectionsPerAddressMax);
  limitConnections(app.server, Math.min(connectionsMax, options.connectionsMax ?? connectionsMax));
  limitDescriptors(app.server, options.descriptorsMax ?? Number.POSITIVE_INFINITY, options.log);
  app.addHook('onSend', async (_request, reply) => {
    reply.header('x-content-type-options', 'nosniff');
  });
  answerErrors(app, options.log);
  addRoutes(app, options.content, options.log);
  await app.listen({ host: options.host, port: options.port });
  return { port: (app.server.address() as AddressInfo).port, close: () => app.close() };
}
