// Describes the HTTP API as OpenAPI 3.1, from the table of routes and the shapes of the operations themselves: what is taken and what is
// described cannot differ.
import { z } from 'zod';
import { effectOf } from '../../app/operator/catalog.ts';
import { permissionOf } from '../../app/operator/permissions.ts';
import { givenKeys, takesFile, takesQuery } from './input.ts';
import { problemTable, problemType } from './problem.ts';
import { apiRoot, pathKeys, type Route, routes } from './routes.ts';

type Json = Readonly<Record<string, unknown>>;

const schemaOf = (schema: z.ZodType): Json => {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return rest;
};

const isOptional = (schema: z.ZodType): boolean => schema.safeParse(undefined).success || optionalIn(schema);
const optionalIn = (schema: z.ZodType): boolean =>
  (schema as unknown as { _zod: { optin?: string } })._zod.optin === 'optional';

const text: Json = { type: 'string' };
const parameter = (name: string, place: string, required: boolean, schema: Json, description?: string): Json => ({
  name,
  in: place,
  required,
  schema,
  ...(description && { description }),
});

function parametersOf(route: Route): Json[] {
  const ofPath = pathKeys(route).map((key) => parameter(key, 'path', true, { type: 'string', minLength: 1 }));
  const keys = takesQuery(route) ? Object.entries(givenKeys(route)) : [];
  const ofQuery = keys.map(([key, schema]) => {
    const isCursor = key === 'after' && route.after;
    return parameter(key, 'query', !isOptional(schema), isCursor ? text : schemaOf(schema));
  });
  const isChange = effectOf(route.operation) !== 'reads';
  return [
    ...ofPath,
    ...ofQuery,
    ...(route.record && isChange
      ? [parameter('If-Match', 'header', false, text, 'Change only this version: the ETag of a GET.')]
      : []),
    ...(isChange
      ? [parameter('Nolapse-Reason', 'header', false, text, 'Why, for the journal: UTF-8, percent-encoded.')]
      : []),
    ...(route.method === 'GET' ? [parameter('If-None-Match', 'header', false, text)] : []),
  ];
}

function bodyOf(route: Route): Json {
  if (takesFile(route)) {
    return { requestBody: { required: true, content: { 'application/octet-stream': { schema: {} } } } };
  }
  const keys = givenKeys(route);
  if (takesQuery(route)) return {};
  const schema = schemaOf(z.strictObject(keys));
  const required = Object.values(keys).some((each) => !isOptional(each));
  return { requestBody: { required, content: { 'application/json': { schema } } } };
}

const problem: Json = {
  description: 'A problem',
  content: { [problemType]: { schema: { $ref: '#/components/schemas/Problem' } } },
};
const page: Json = {
  type: 'object',
  required: ['items', 'next'],
  properties: { items: { type: 'array' }, next: { type: ['string', 'null'], description: 'What `after` takes.' } },
};

function pathItemOf(route: Route): Json {
  const schema = route.after === undefined ? {} : page;
  const answer = { description: 'Done', content: { 'application/json': { schema } } };
  return {
    operationId: operationId(route),
    summary: route.summary,
    description: `Takes the permission ${permissionOf[route.operation]}.`,
    parameters: parametersOf(route),
    ...bodyOf(route),
    responses: {
      200: answer,
      ...(route.method === 'GET' && { 304: { description: 'Not modified' } }),
      default: problem,
    },
  };
}

function operationId({ method, path, operation }: Route): string {
  const last = path.split('/').at(-1) ?? '';
  return method === 'POST' && /^(quarantine|release)$/.test(last) ? `${last}Device` : operation;
}

const own: Readonly<Record<string, Json>> = {
  '/session': {
    get: simple('whoAmI', 'Who asks, and what they may do'),
    post: simple('beginSession', 'Begin a session of the page: sets a cookie'),
    delete: simple('endSession', 'End the session'),
  },
  '/events': {
    get: {
      ...simple('events', 'What happens now, as server-sent events'),
      responses: { 200: { description: 'A stream', content: { 'text/event-stream': {} } }, default: problem },
    },
  },
  '/approvals': { get: simple('listApprovals', 'What waits for a second operator') },
  '/approvals/{id}/approve': { post: simple('approve', 'Carry it out, as a second operator', ['id']) },
  '/approvals/{id}/decline': { post: simple('decline', 'Take it away', ['id']) },
};

function simple(id: string, summary: string, keys: readonly string[] = []): Json {
  return {
    operationId: id,
    summary,
    parameters: keys.map((key) => parameter(key, 'path', true, { type: 'string', minLength: 1 })),
    responses: { 200: { description: 'Done', content: { 'application/json': { schema: {} } } }, default: problem },
  };
}

const problemSchema: Json = {
  type: 'object',
  description: 'RFC 9457.',
  required: ['type', 'title', 'status', 'code', 'faults'],
  properties: {
    type: text,
    title: text,
    status: { type: 'integer' },
    code: { enum: problemTable.map(({ code }) => code) },
    faults: { type: 'array', items: text },
    detail: text,
    incident: text,
  },
};

export function describeApi(version: string): Json {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: pathItemOf(route) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'nolapse', version, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
    servers: [{ url: apiRoot }],
    security: [{ token: [] }, { certificate: [] }, { session: [] }],
    paths: { ...paths, ...own },
    components: {
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer' },
        certificate: { type: 'mutualTLS' },
        session: { type: 'apiKey', in: 'cookie', name: '__Host-nolapse' },
      },
      schemas: { Problem: problemSchema },
    },
  };
}
