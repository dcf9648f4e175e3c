// Receivers of alerts over real HTTP: one shaped like Alertmanager, which takes exactly what the v2 API's schema allows, one for CloudEvents
// that verifies signatures, over HTTPS too, and ways for each to misbehave. A test waits for what they were told.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { z } from 'zod';
import { until } from './recorder.ts';

type Misbehaviour = (request: IncomingMessage, response: ServerResponse) => void;

export class Receiver {
  readonly requests: { readonly path: string; readonly headers: IncomingMessage['headers']; readonly body: string }[] =
    [];
  /** In place of an answer; null: it behaves. */
  misbehave: Misbehaviour | null = null;
  /** What it listens with over HTTPS from the next time it is opened; null: it is plain HTTP. */
  tls: { readonly cert: string; readonly key: string } | null = null;
  readonly #take: (request: IncomingMessage, body: string) => number;
  readonly #waiting = new Set<() => void>();
  #server: Server | null = null;
  port = 0;

  /** @param take gives the status. */
  constructor(take: (request: IncomingMessage, body: string) => number) {
    this.#take = take;
  }

  get url(): string {
    return this.tls ? `https://localhost:${this.port}` : `http://127.0.0.1:${this.port}`;
  }

  /** Listens, again on the same port. */
  async open(): Promise<this> {
    const answer = (request: IncomingMessage, response: ServerResponse) => void this.#answer(request, response);
    const server = this.tls ? createTlsServer(this.tls, answer) : createServer(answer);
    this.#server = server;
    server.listen(this.port, '127.0.0.1');
    await once(server, 'listening');
    this.port = (server.address() as { port: number }).port;
    return this;
  }

  async close(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (!server) return;
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
    const body = Buffer.concat(parts).toString('utf8');
    this.requests.push({ path: request.url ?? '', headers: request.headers, body });
    if (this.misbehave) this.misbehave(request, response);
    else response.writeHead(this.#take(request, body)).end('{}');
    for (const look of [...this.#waiting]) look();
  }

  /** Resolves once `find` finds something, looking at each request. */
  until<T>(find: () => T | undefined, describe: () => string): Promise<T> {
    return until(
      (wake) => {
        this.#waiting.add(wake);
        return () => this.#waiting.delete(wake);
      },
      find,
      describe,
    );
  }
}

// api/v2/openapi.yaml of Alertmanager: postableAlerts, with what its server checks beyond that (types/types.go, Alert.Validate).
const labelName = z.string().regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/);
const labelSet = z.record(labelName, z.string().min(1));
const postableAlerts = z
  .array(
    z
      .strictObject({
        startsAt: z.iso.datetime().optional(),
        endsAt: z.iso.datetime().optional(),
        annotations: z.record(labelName, z.string()).optional(),
        labels: labelSet,
        generatorURL: z.url().optional(),
      })
      .refine(({ labels }) => Object.keys(labels).length > 0)
      .refine(({ startsAt, endsAt }) => !startsAt || !endsAt || Date.parse(endsAt) >= Date.parse(startsAt)),
  )
  .min(1);
type PostableAlert = z.output<typeof postableAlerts>[number];

/** Keeps alerts as Alertmanager does: by their labels. */
export class AlertmanagerLike extends Receiver {
  readonly faults: unknown[] = [];
  readonly told: PostableAlert[] = [];
  readonly alerts = new Map<string, PostableAlert>();

  constructor() {
    super((request, body) => {
      if (request.method !== 'POST' || request.url !== '/api/v2/alerts') return 404;
      if (request.headers['content-type'] !== 'application/json') return 415;
      const parsed = postableAlerts.safeParse(JSON.parse(body));
      if (!parsed.success) {
        this.faults.push(parsed.error);
        return 400;
      }
      for (const alert of parsed.data) {
        this.told.push(alert);
        this.alerts.set(JSON.stringify(Object.entries(alert.labels).sort()), alert);
      }
      return 200;
    });
  }

  /** Those with these labels that are firing, or resolved. */
  having(labels: Readonly<Record<string, string>>, state: 'firing' | 'resolved'): PostableAlert[] {
    const fits = (alert: PostableAlert) =>
      Object.entries(labels).every(([name, value]) => alert.labels[name] === value);
    return [...this.alerts.values()].filter(
      (alert) => fits(alert) && (alert.endsAt === undefined) === (state === 'firing'),
    );
  }

  untilHaving(labels: Readonly<Record<string, string>>, state: 'firing' | 'resolved'): Promise<PostableAlert> {
    return this.until(
      () => this.having(labels, state)[0],
      () => `no ${JSON.stringify(labels)} ${state} in ${JSON.stringify([...this.alerts.values()])}`,
    );
  }
}

// CloudEvents 1.0, JSON format: the required attributes, and those that are used here.
const cloudEvent = z.strictObject({
  specversion: z.literal('1.0'),
  id: z.string().min(1),
  source: z.string().startsWith('urn:nolapse:gateway:'),
  type: z.string().regex(/^nolapse\.alert\.(raised|updated|acknowledged|cleared)$/),
  subject: z.string().min(1),
  time: z.iso.datetime(),
  datacontenttype: z.literal('application/json'),
  data: z.strictObject({
    kind: z.string(),
    subject: z.string(),
    severity: z.enum(['warning', 'critical']),
    detail: z.string(),
    owner: z.string().nullable(),
    meaning: z.string(),
    raisedAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
    acknowledgedAt: z.iso.datetime().nullable(),
    acknowledgedBy: z.string().nullable(),
    clearedAt: z.iso.datetime().nullable(),
    runbook: z.string(),
    runbookUrl: z.url().nullable(),
  }),
});
export type CloudEvent = z.output<typeof cloudEvent>;

export function parseCloudEvent(text: string): CloudEvent {
  return cloudEvent.parse(JSON.parse(text));
}

/** How old a signature may be, and how far ahead. */
const toleranceSeconds = 300;

/** As docs/operations.md tells receivers to do it. */
export function isSigned(secret: string, header: string | undefined, body: string, nowSeconds: number): boolean {
  const parts = /^t=(\d{1,15}),v1=([0-9a-f]{64})$/.exec(header ?? '');
  if (!parts?.[1] || !parts[2] || Math.abs(nowSeconds - Number(parts[1])) > toleranceSeconds) return false;
  const expected = createHmac('sha256', secret).update(`${parts[1]}.${body}`).digest();
  return timingSafeEqual(expected, Buffer.from(parts[2], 'hex'));
}

export class CloudEventsReceiver extends Receiver {
  readonly events: CloudEvent[] = [];
  readonly refused: string[] = [];

  /** @param secret what posts are signed with; null: they are not. @param now the time it goes by, in Unix milliseconds; it is given the one in the signature. */
  constructor(secret: string | null, now: (signedAt: number) => number = Date.now) {
    super((request, body) => {
      const header = request.headers['nolapse-signature'];
      const isGood =
        secret === null ||
        isSigned(secret, String(header), body, now(Number(/^t=(\d+)/.exec(String(header))?.[1]) * 1_000) / 1_000);
      if (!isGood) {
        this.refused.push(String(header));
        return 401;
      }
      const type = request.headers['content-type'];
      const value: unknown = JSON.parse(body);
      const list = type === 'application/cloudevents-batch+json' ? z.array(z.unknown()).min(2).parse(value) : [value];
      if (type !== 'application/cloudevents-batch+json' && type !== 'application/cloudevents+json') return 415;
      this.events.push(...list.map((each) => cloudEvent.parse(each)));
      return 204;
    });
  }

  /** What was told of alerts of this name, in the order it was told. What was cut off and told again has the id that it had. */
  of(subject: string): string[] {
    return this.events
      .filter((each) => each.subject === subject)
      .map(({ type }) => type.slice('nolapse.alert.'.length));
  }

  untilTold(subject: string, event: string): Promise<CloudEvent> {
    return this.until(
      () => this.events.find((each) => each.subject === subject && each.type === `nolapse.alert.${event}`),
      () => `no ${event} of ${subject} in ${JSON.stringify(this.events.map(({ type, subject: of }) => [type, of]))}`,
    );
  }
}
