// What anybody may fetch: the CRL, the CA certificates, health and metrics. It reads, and takes nothing.
import { createHash } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import { derToPem } from '../pki/pem.ts';
import type { Log } from '../telemetry/log.ts';
import { limitAddresses } from './address-limit.ts';
import { answerErrors } from './errors.ts';
import { crlPath, issuerPath } from './public-path.ts';

/** What there is to fetch, as the gateway provides it. */
export interface PublicContent {
  /** DER of the current CRL; null when there is none yet. */
  crl(): Promise<Uint8Array | null>;
  /** DER of the root. */
  readonly root: Uint8Array;
  /** DER of the certificates below the root, the issuing CA first. */
  readonly chain: readonly Uint8Array[];
  /** Certs-only PKCS#7 of the chain and the root. */
  p7c(): Promise<Uint8Array>;
  /** `ok` is whether the gateway can do its work; what stands beside it is shown as it is. */
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
  app.get(crlPath, async (request, reply) => {
    const bytes = await content.crl();
    return bytes
      ? sendBytes(request, reply, { type: 'application/pkix-crl', bytes, seconds: crlSeconds })
      : unavailable(reply);
  });
  const rootPem = derToPem(content.root, 'CERTIFICATE');
  app.get('/ca/root.crt', (request, reply) =>
    sendBytes(request, reply, { type: 'application/x-pem-file', bytes: rootPem, seconds: certificateSeconds }),
  );
  app.get(issuerPath, (request, reply) => {
    const [bytes] = content.chain;
    return bytes
      ? sendBytes(request, reply, { type: 'application/pkix-cert', bytes, seconds: certificateSeconds })
      : unavailable(reply);
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
  app.get('/metrics', async (_request, reply) => {
    reply.header('cache-control', 'no-store').type('text/plain; version=0.0.4; charset=utf-8');
    return content.metrics();
  });
}

/** Listens once everything is in place. Rejects when the address cannot be had. */
export async function startPublicServer(options: {
  readonly host: string;
  readonly port: number;
  readonly content: PublicContent;
  readonly log: Log;
}): Promise<PublicServer> {
  const app = fastify({
    bodyLimit: 1,
    requestTimeout: requestMs,
    connectionTimeout: requestMs * 2,
    keepAliveTimeout: idleMs,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 100 },
    http: { maxHeaderSize: headerBytesMax, headersTimeout: requestMs, connectionsCheckingInterval: checkMs },
  });
  app.removeAllContentTypeParsers();
  app.server.maxConnections = connectionsMax;
  limitAddresses(app.server, connectionsPerAddressMax);
  app.addHook('onSend', async (_request, reply) => {
    reply.header('x-content-type-options', 'nosniff');
  });
  answerErrors(app, options.log);
  addRoutes(app, options.content, options.log);
  await app.listen({ host: options.host, port: options.port });
  return { port: (app.server.address() as AddressInfo).port, close: () => app.close() };
}
