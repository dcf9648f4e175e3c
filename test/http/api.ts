// A running broker with its HTTP API on plain loopback or over TLS, and callers of it.
import { Agent, request as plainRequest } from 'node:http';
import { request as secureRequest } from 'node:https';
import type { AskedRight } from '../../src/app/views/access.ts';
import { type House, type HouseOptions, openHouse } from '../scenarios/harness.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  /** Parsed, where it is JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into it.
  readonly body: any;
}

export interface Ask {
  readonly method?: string;
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** JSON, unless it is a text. */
  readonly body?: unknown;
  /** Of an operator or a device. */
  readonly client?: { readonly certificatePem: string; readonly keyPem: string };
}

export interface ApiHouse extends House {
  /** @param path below /api/v1, or a whole one where it begins with two slashes. */
  ask(path: string, ask?: Ask): Promise<Answer>;
  /** A token with this right. */
  token(right?: Partial<AskedRight>, until?: string): Promise<string>;
}

export const plainApi = 'api: { port: 0, tls: none, requestsPerSecond: 10000, connections: 2000 }';
export const secureApi = 'api: { port: 0, requestsPerSecond: 10000 }';

export async function openApiHouse(yaml = plainApi, options: HouseOptions = {}): Promise<ApiHouse> {
  const house = await openHouse({ ...options, yaml: `${yaml}\n${options.yaml ?? ''}` });
  const isSecure = !/tls: none/.test(yaml);
  let made = 0;
  return Object.assign(Object.create(house) as House, {
    ask: (path: string, ask: Ask = {}) => {
      const port = house.gateway.ports.api ?? 0;
      return send(isSecure, port, path.startsWith('//') ? path.slice(1) : `/api/v1${path}`, ask);
    },
    token: async (right: Partial<AskedRight> = {}, until = '1d') => {
      made += 1;
      const asked = { name: `test-${made}`, permission: 'admin' as const, until, ...right };
      return (await house.gateway.operations.addToken(asked)).token;
    },
  });
}

export function send(isSecure: boolean, port: number, path: string, ask: Ask): Promise<Answer> {
  const { token, client, body } = ask;
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  const headers = {
    host: `localhost:${port}`,
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    ...(text !== undefined && { 'content-type': 'application/json', 'content-length': `${Buffer.byteLength(text)}` }),
    ...ask.headers,
  };
  const options = {
    host: '127.0.0.1',
    port,
    path,
    method: ask.method ?? (text === undefined ? 'GET' : 'POST'),
    headers,
  };
  return new Promise((resolve, reject) => {
    const outgoing = isSecure
      ? secureRequest({
          ...options,
          agent: false,
          rejectUnauthorized: false,
          ...(client && { cert: client.certificatePem, key: client.keyPem }),
        })
      : plainRequest({ ...options, agent: new Agent() });
    outgoing.on('error', reject);
    outgoing.on('response', (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('error', reject);
      response.on('end', () => {
        const answer = Buffer.concat(parts).toString('utf8');
        const isJson = /json/.test(response.headers['content-type'] ?? '') && answer !== '';
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text: answer,
          body: isJson ? JSON.parse(answer) : undefined,
        });
      });
    });
    outgoing.end(text);
  });
}
