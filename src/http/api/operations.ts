// The operations as resources of the HTTP API: one handler for every route of the table.
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteHandlerMethod } from 'fastify';
import { OperationError } from '../../app/operation-error.ts';
import type { Approvals } from '../../app/operator/approvals.ts';
import { effectOf } from '../../app/operator/catalog.ts';
import { type Operations, type OperationsFor, readInput } from '../../app/operator/operate.ts';
import type { RecordKind } from '../../app/operator/version-of.ts';
import type { Caller } from '../../app/views/access.ts';
import { type Actor, actorFaults } from '../../domain/actor.ts';
import { actorNameOf } from '../../domain/api-credential.ts';
import type { Identities } from './caller.ts';
import { cursorOf, readCursor } from './cursor.ts';
import { entityTag, isNamed, versionIn } from './etag.ts';
import type { Gate } from './gate.ts';
import { fromQuery, givenKeys, takesFile, takesQuery } from './input.ts';
import { Refused } from './problem.ts';
import { apiRoot, pathKeys, type Route, routes } from './routes.ts';

type Input = Readonly<Record<string, unknown>>;

interface OperationsOptions {
  readonly gate: Gate;
  readonly identities: Identities;
  readonly operationsFor: OperationsFor;
  readonly approvals: Approvals | null;
  readonly versionOf: (kind: RecordKind, names: Input) => Promise<string | null>;
}

const fileBytesMax = 256 * 1_048_576;
const rowsDefault = 100;

/** Bounds a file as it is read. */
async function* boundedFile(file: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const part of file) {
    bytes += part.length;
    if (bytes > fileBytesMax) throw new Refused('too_large');
    yield part;
  }
}

function bodyIn(body: unknown): Input {
  if (body === undefined || body === null) return {};
  if (typeof body === 'object' && !Array.isArray(body) && !('pipe' in body)) return body as Input;
  throw new Refused('bad_request', ['the body: expected a JSON object']);
}

/** Who does it, as its credential says, and why, as the request does. */
export function actorOf({ credential }: Caller, { headers }: Pick<FastifyRequest, 'headers'>): Actor {
  const said = headers['nolapse-reason'];
  let reason: string | null = null;
  try {
    reason = said === undefined ? null : decodeURIComponent(String(said)).trim() || null;
  } catch {
    throw new Refused('bad_request', ['Nolapse-Reason: not percent-encoded UTF-8']);
  }
  const actor: Actor = { name: actorNameOf(credential), channel: 'api', claimed: false, reason };
  const faults = actorFaults(actor);
  if (faults.length > 0) throw new OperationError('invalid', faults);
  return actor;
}

/** What the input itself says of why, where it is a text. */
const reasonIn: readonly string[] = ['decommissionDevice', 'startCampaign', 'addDevice', 'setDevice', 'importDevices'];

function withReason(actor: Actor, { operation }: Route, { reason }: Input): Actor {
  if (actor.reason !== null || !reasonIn.includes(operation) || typeof reason !== 'string') return actor;
  return { ...actor, reason: reason.trim() || null };
}

/** Keys that a caller could not give, and the operation takes: who it is. */
function ofActor({ operation }: Route, given: Input, { name }: Actor): Input {
  if (operation === 'acknowledgeAlert') return { by: name };
  return given['force'] !== undefined ? { by: name } : {};
}

function inputOf(route: Route, request: FastifyRequest, actor: Actor): Input {
  const keys = givenKeys(route);
  const given = takesQuery(route) ? fromQuery(keys, request.query as Input) : bodyIn(request.body);
  for (const key of Object.keys(given)) {
    if (!Object.hasOwn(keys, key))
      throw new OperationError('invalid', [`Unrecognized key: ${JSON.stringify(key.slice(0, 64))}`]);
  }
  const paged = route.after
    ? {
        limit: given['limit'] ?? rowsDefault,
        ...(given['after'] !== undefined && { after: readCursor(given['after']) }),
        ...(route.operation === 'listAlerts' && given['after'] === undefined && { after: '' }),
      }
    : {};
  const params = request.params as Input;
  const ofPath = Object.fromEntries(pathKeys(route).map((key) => [key, params[key]]));
  const file = takesFile(route) ? { text: fileIn(request.body) } : {};
  return { ...given, ...paged, ...file, ...route.fixed, ...ofPath, ...ofActor(route, given, actor) };
}

function fileIn(body: unknown): AsyncIterable<Uint8Array> {
  if (typeof body === 'object' && body !== null && Symbol.asyncIterator in body) {
    return boundedFile(body as AsyncIterable<Uint8Array>);
  }
  throw new Refused('wrong_type', ['expected a body of type application/octet-stream']);
}

/** A list with what its next page is asked after. */
function paged(route: Route, input: Input, answer: unknown): unknown {
  if (route.after === undefined || !Array.isArray(answer)) return answer ?? {};
  const last = answer.at(-1) as Input | undefined;
  const isFull = route.after !== null && last !== undefined && answer.length >= Number(input['limit']);
  return { items: answer, next: isFull && route.after ? cursorOf(route.after(last)) : null };
}

function run(operations: Operations, route: Route, input: Input): Promise<unknown> {
  // The table pairs each name with its own input; the compiler cannot follow that pair through a name chosen at run time.
  const method = operations[route.operation] as (input: unknown) => Promise<unknown>;
  return method.call(operations, readInput(route.operation, input));
}

function handlerOf(route: Route, options: OperationsOptions): RouteHandlerMethod {
  const { gate, identities, operationsFor, approvals, versionOf } = options;
  const isChange = effectOf(route.operation) !== 'reads';
  const read = async (request: FastifyRequest, reply: FastifyReply, caller: Caller, actor: Actor) => {
    const input = inputOf(route, request, actor);
    // Before the answer is made: of one that changes meanwhile the version is the older one.
    const version = route.record ? await versionOf(route.record, input) : null;
    const body = JSON.stringify(paged(route, input, await run(operationsFor(null, caller), route, input)));
    if (route.method !== 'GET') return reply.header('cache-control', 'no-store').type('application/json').send(body);
    const tag = entityTag(version, body);
    reply.header('etag', tag).header('cache-control', 'private, no-cache');
    if (isNamed(request.headers['if-none-match'], tag)) return reply.code(304).send();
    return reply.type('application/json').send(body);
  };
  const change = async (request: FastifyRequest, reply: FastifyReply, caller: Caller, actor: Actor) => {
    const input = inputOf(route, request, actor);
    const by = { caller, actor: withReason(actor, route, input) };
    const wanted = route.record ? versionIn(request.headers['if-match']) : null;
    const expected =
      wanted !== null && route.record ? { kind: route.record, names: input, version: wanted } : undefined;
    reply.header('cache-control', 'no-store').type('application/json');
    const waits = approvals && (await approvals.ask(route.operation, readInput(route.operation, input) as Input, by));
    if (waits) return reply.code(202).send(JSON.stringify({ approval: waits }));
    const answer = await run(operationsFor(by.actor, caller, expected), route, input);
    return reply.send(JSON.stringify(answer ?? {}));
  };
  return async (request, reply) => {
    const { caller } = await gate.enter(request.raw);
    await identities.noteUse(caller);
    const actor = actorOf(caller, request);
    return (isChange ? change : read)(request, reply, caller, actor);
  };
}

export function addOperations(app: FastifyInstance, options: OperationsOptions): void {
  for (const route of routes) {
    app.route({
      method: route.method,
      url: apiRoot + route.path.replaceAll(/\{(\w+)\}/g, ':$1'),
      handler: handlerOf(route, options),
    });
  }
}
