// What happens now, as server-sent events: to whom, how many at a time, and until when.
import { Agent, type IncomingMessage, request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../scenarios/recorder.ts';
import { type ApiHouse, openApiHouse } from './api.ts';

const streamsMax = 60;

let house: ApiHouse;
let admin: string;
const open = new Set<EventStream>();
beforeAll(async () => {
  house = await openApiHouse(
    `api: { port: 0, tls: none, requestsPerSecond: 10000, connections: 4000, streams: ${streamsMax} }`,
  );
  admin = await house.token();
});
afterAll(() => house.close());

/** A stream of events as a page reads it. */
class EventStream {
  readonly response: IncomingMessage;
  text = '';
  ended = false;
  readonly #waiting = new Set<() => void>();

  constructor(response: IncomingMessage) {
    this.response = response;
    response.setEncoding('utf8');
    response.on('data', (text: string) => {
      this.text += text;
      this.#wake();
    });
    response.on('error', () => undefined);
    response.on('close', () => {
      this.ended = true;
      this.#wake();
    });
  }

  #wake(): void {
    for (const look of [...this.#waiting]) look();
  }

  until<T>(find: () => T | undefined): Promise<T> {
    return until(
      (wake) => {
        this.#waiting.add(wake);
        return () => this.#waiting.delete(wake);
      },
      find,
      () => this.text,
    );
  }

  events(): { event: string; data: Record<string, unknown> }[] {
    return [...this.text.matchAll(/event: (\S+)\ndata: (.*)\n\n/g)].map(([, event = '', data = '{}']) => ({
      event,
      data: JSON.parse(data),
    }));
  }

  close(): void {
    this.response.destroy();
  }
}

function ask(token: string): Promise<IncomingMessage> {
  const port = house.gateway.ports.api ?? 0;
  return new Promise((resolve, reject) => {
    const headers = { host: 'localhost', authorization: `Bearer ${token}` };
    const options = { host: '127.0.0.1', port, path: '/api/v1/events', headers, agent: new Agent() };
    request(options).on('response', resolve).on('error', reject).end();
  });
}

async function listen(token: string): Promise<EventStream> {
  const response = await ask(token);
  expect([response.statusCode, response.headers['content-type']]).toEqual([200, 'text/event-stream; charset=utf-8']);
  const stream = new EventStream(response);
  open.add(stream);
  await stream.until(() => stream.text || undefined);
  return stream;
}

describe('a stream of events', () => {
  it('tells of what happens, in order', async () => {
    const stream = await listen(admin);
    for (const id of ['a-1', 'a-2', 'a-3']) await house.gateway.operations.addDevice({ id, owner: 'water' });
    const added = () => stream.events().filter(({ event }) => event === 'device.added');
    await stream.until(() => (added().length === 3 ? true : undefined));
    expect(added().map(({ data }) => data['principal'])).toEqual(['a-1', 'a-2', 'a-3']);
    expect(added()[0]?.data).toMatchObject({ level: 'info', message: expect.stringContaining('a-1') });
    stream.close();
  });

  it('tells whoever has a right for some devices of those alone, and nothing that names others', async () => {
    const north = await listen(await house.token({ permission: 'read', sites: ['north'] }));
    const { operations } = house.gateway;
    await operations.addDevice({ id: 'south-9', owner: 'water', site: 'south' });
    await operations.addToken({ name: 'unseen', permission: 'read', until: '1d' });
    await operations.addDevice({ id: 'north-9', owner: 'water', site: 'north' });
    await north.until(() => north.events().find(({ data }) => data['principal'] === 'north-9'));
    expect(north.events().map(({ data }) => data['principal'])).toEqual(['north-9']);
    expect(north.text).not.toMatch(/south|unseen|"message"|"fields"/);
    north.close();
  });

  it('ends with its credential', async () => {
    const token = await house.token({ permission: 'read' });
    const stream = await listen(token);
    await house.gateway.operations.revokeToken({ id: token.split('_')[1] ?? '' });
    await stream.until(() => stream.ended || undefined);
    expect(stream.events().at(-1)).toMatchObject({ event: 'end' });
    expect((await ask(token)).statusCode).toBe(401);
  });

  it('ends when its credential does, which nobody revokes', async () => {
    const stream = await listen(await house.token({ permission: 'read' }, '2s'));
    await stream.until(() => stream.ended || undefined);
    expect(stream.events().at(-1)).toMatchObject({ event: 'end' });
  });

  it('is one of so many at a time, of one credential and of all', async () => {
    for (const each of open) each.close();
    open.clear();
    const own: number[] = [];
    const mine = await house.token({ permission: 'read' });
    for (let count = 0; count < 60; count += 1) {
      const response = await ask(mine);
      own.push(response.statusCode ?? 0);
      if (response.statusCode === 200) open.add(new EventStream(response));
      else expect(response.headers['retry-after']).toBe('10');
    }
    expect(own.filter((status) => status === 200)).toHaveLength(50);
    expect(own.filter((status) => status === 503)).toHaveLength(10);
    const others: number[] = [];
    for (let count = 0; count < 20; count += 1) others.push((await ask(admin)).statusCode ?? 0);
    expect(others.filter((status) => status === 200)).toHaveLength(streamsMax - 50);
    expect(new Set(others)).toEqual(new Set([200, 503]));
    expect((await house.ask('/devices', { token: admin })).status).toBe(200);
  });
});
