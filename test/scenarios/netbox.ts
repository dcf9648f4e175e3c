// NetBox's devices API as far as a source needs it: a real HTTP server that answers GET /api/dcim/devices/ in NetBox's shape, in
// pages by limit and offset, to those who know its token. A test may make it misbehave.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Device {
  readonly name: string | null;
  readonly status?: string;
  readonly site?: string | null;
  readonly tenant?: string | null;
}

/** Answers instead of NetBox; false: NetBox answers after all. */
export type Mischief = (request: IncomingMessage, response: ServerResponse, page: () => unknown) => boolean;

const named = (slug: string | null | undefined) =>
  slug == null ? null : { id: 1, url: `http://netbox/api/${slug}/`, display: slug, name: slug, slug };

function recordOf({ name, status = 'active', site = 'north', tenant = 'water' }: Device, id: number) {
  return {
    id,
    url: `http://netbox/api/dcim/devices/${id}/`,
    display: name ?? `(${id})`,
    name,
    device_type: { id: 7, model: 'M-1', slug: 'm-1', manufacturer: named('acme') },
    role: named('meter'),
    tenant: named(tenant),
    site: named(site),
    status: { value: status, label: status },
    custom_fields: {},
    tags: [],
  };
}

export class NetBox {
  devices: Device[] = [];
  mischief: Mischief | null = null;
  /** Every request's path and query. */
  readonly asked: string[] = [];
  readonly #token: string;
  readonly #server = createServer((request, response) => this.#answer(request, response));

  constructor(token: string) {
    this.#token = token;
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Lets go of everybody who still waits. */
  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    this.asked.push(request.url ?? '');
    const page = () => this.#page(new URL(request.url ?? '/', this.origin));
    if (this.mischief?.(request, response, page)) return;
    if (request.headers.authorization !== `Token ${this.#token}`) send(response, 403, { detail: 'Invalid token' });
    else send(response, 200, page());
  }

  #page(url: URL) {
    const limit = Number(url.searchParams.get('limit') ?? 50);
    const offset = Number(url.searchParams.get('offset') ?? 0);
    const at = (from: number): string => {
      const link = new URL(url);
      link.searchParams.set('limit', String(limit));
      link.searchParams.set('offset', String(from));
      return link.href;
    };
    const count = this.devices.length;
    return {
      count,
      next: offset + limit < count ? at(offset + limit) : null,
      previous: offset > 0 ? at(Math.max(0, offset - limit)) : null,
      results: this.devices.slice(offset, offset + limit).map((each, index) => recordOf(each, offset + index + 1)),
    };
  }
}

export function send(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  response.end(text);
}
