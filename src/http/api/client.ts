// The operations of a gateway on another machine, called over its HTTP API: what a command asks becomes a request by the table of routes.
import { type IncomingMessage, request as plainRequest } from 'node:http';
import { request as secureRequest } from 'node:https';
import { pipeline } from 'node:stream/promises';
import { OperationError } from '../../app/operation-error.ts';
import { effectOf, type OperationName, operationNames } from '../../app/operator/catalog.ts';
import type { Operations } from '../../app/operator/operate.ts';
import { NolapseError } from '../../domain/errors.ts';
import { isOperationCode } from '../../domain/operation-codes.ts';
import { cursorOf } from './cursor.ts';
import { apiRoot, pathKeys, type Route, routes } from './routes.ts';

/** Answers are bounded by the operations' own limits; this bounds what a wrong server could send. */
const answerBytesMax = 256 * 1_048_576;
/** A large import takes its time. */
const answerMs = 600_000;

type Input = Readonly<Record<string, unknown>>;

export interface RemoteServer {
  /** Of scheme, host and port alone. */
  readonly url: URL;
  /** PEM of the certificates that the server's is to lead to; null: plain HTTP. */
  readonly ca: string | null;
  readonly token: string;
  /** Why what is asked is asked. */
  readonly reason: string | null;
}

interface Shot {
  readonly method: string;
  readonly path: string;
  readonly body: string | AsyncIterable<Uint8Array> | null;
  readonly type: string;
}

function fits({ operation, fixed = {} }: Route, name: OperationName, input: Input): boolean {
  if (operation !== name) return false;
  // What is not said is false: whether a device is let in again.
  return Object.entries(fixed).every(([key, value]) => (input[key] ?? false) === value);
}

function queryOf(input: Input): string {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(input)) {
    for (const each of [value].flat()) if (each !== undefined) query.append(key, String(each));
  }
  const text = query.toString();
  return text && `?${text}`;
}

/** What a request says for this input. Who does it is the token's to say. */
function shotOf(route: Route, { by: _, ...input }: Input): Shot {
  const path =
    apiRoot + route.path.replaceAll(/\{(\w+)\}/g, (_match, key: string) => encodeURIComponent(String(input[key])));
  const taken = new Set([...pathKeys(route), ...Object.keys(route.fixed ?? {})]);
  const rest = Object.fromEntries(Object.entries(input).filter(([key]) => !taken.has(key)));
  const { method } = route;
  if (effectOf(route.operation) === 'takes a file') {
    const { text, ...query } = rest;
    const body = text as string | AsyncIterable<Uint8Array>;
    return { method, path: path + queryOf(query), body, type: 'application/octet-stream' };
  }
  if (method !== 'GET') return { method, path, body: JSON.stringify(rest), type: 'application/json' };
  const { after, ...query } = rest;
  const paged = after === undefined ? query : { ...query, after: route.after ? cursorOf(String(after)) : after };
  return { method, path: path + queryOf(paged), body: null, type: '' };
}

function send({ url, ca, token, reason }: RemoteServer, { method, path, body, type }: Shot): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = {
      authorization: `Bearer ${token}`,
      ...(type && { 'content-type': type }),
      ...(reason !== null && { 'nolapse-reason': encodeURIComponent(reason) }),
      ...(typeof body === 'string' && { 'content-length': Buffer.byteLength(body) }),
    };
    const options = {
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port,
      path,
      method,
      headers: { ...headers, host: url.host },
      agent: false,
      timeout: answerMs,
    };
    const outgoing =
      ca === null
        ? plainRequest(options)
        : secureRequest({ ...options, ca, minVersion: 'TLSv1.2', rejectUnauthorized: true });
    outgoing.once('response', resolve);
    outgoing.once('timeout', () => outgoing.destroy(new Error('no answer in time')));
    outgoing.on('error', reject);
    if (body === null || typeof body === 'string') outgoing.end(body ?? undefined);
    else pipeline(body, outgoing).catch(reject);
  });
}

async function readAll(answer: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of answer as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > answerBytesMax) throw new NolapseError('server_failed', 'the server sent more than can be an answer');
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

function parse(text: string, status: number): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new NolapseError('server_failed', `the server answered with status ${status}, and is no nolapse API`);
  }
}

function refusalOf(status: number, value: unknown): Error {
  const { code, faults, title } = (value ?? {}) as { code?: unknown; faults?: unknown; title?: unknown };
  const named = Array.isArray(faults) ? faults.map(String) : [];
  if (isOperationCode(code)) return new OperationError(code, named.length > 0 ? named : [String(title)]);
  if (code === 'unauthorized') {
    return new NolapseError(
      'server_refused',
      'the server does not take this token: it is wrong, revoked, or has ended',
    );
  }
  const words = named.join('; ') || (typeof title === 'string' ? title : `it answered with status ${status}`);
  return new NolapseError('server_refused', `the server refuses this: ${words}`);
}

async function ask(server: RemoteServer, name: OperationName, input: Input): Promise<unknown> {
  const route = routes.find((each) => fits(each, name, input));
  if (!route) throw new OperationError('forbidden', ['this is done on the gateway itself alone, without --server']);
  let answer: IncomingMessage;
  try {
    answer = await send(server, shotOf(route, input));
  } catch (error) {
    if (error instanceof OperationError) throw error;
    throw new NolapseError('server_failed', `${server.url.origin} cannot be asked: ${(error as Error).message}`, error);
  }
  const status = answer.statusCode ?? 0;
  // A token goes nowhere else than where it was meant to go.
  if (status >= 300 && status < 400)
    throw new NolapseError('server_failed', 'the server sends elsewhere: not followed');
  const value = parse(await readAll(answer), status);
  if (status === 202) {
    const { summary, id } = (value as { approval: { summary: string; id: string } }).approval;
    throw new OperationError('conflict', [`${summary}: it waits for a second operator, as ${id}`]);
  }
  if (status !== 200) throw refusalOf(status, value);
  return route.after === undefined ? value : (value as { items: unknown }).items;
}

/** The operations of this server. They reject as those of a broker on this machine do, and with NolapseError `server_failed` or `server_refused`. */
export function remoteOperations(server: RemoteServer): Operations {
  const methods = operationNames.map((name) => [name, (input: Input = {}) => ask(server, name, input)]);
  return Object.fromEntries(methods) as Operations;
}
