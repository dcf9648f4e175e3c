// The HTTP API asked whatever its own description permits, and more: it answers or refuses, never breaks, and shows nobody another's data.
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeApi } from '../../src/http/api/openapi.ts';
import { type Answer, type ApiHouse, openApiHouse } from './api.ts';

type Json = Readonly<Record<string, unknown>>;

interface Described {
  readonly name: string;
  readonly path: string;
  readonly method: string;
  readonly operation: Json;
}

const { paths } = describeApi('0') as { paths: Record<string, Record<string, Json>> };
const described: readonly Described[] = Object.entries(paths)
  .flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ name: `${method} ${path}`, path, method, operation })),
  )
  // A stream does not end.
  .filter(({ path }) => path !== '/events');

/** Stands in everything that belongs to the other site. */
const mark = 'SECRET';
const hostileTexts = [
  '',
  ' ',
  '../../etc/passwd',
  '..%2f..%2fetc',
  "'; DROP TABLE principal; --",
  '" OR 1=1',
  '<script>alert(1)</script>',
  '{{7*7}}',
  '$(id)',
  '\u0000',
  '\u202e',
  '\ud800',
  '💧'.repeat(100),
  'x'.repeat(300),
  '__proto__',
  'constructor',
  'null',
  '-1',
  '1e999',
  '2030-01-31',
  '1d',
];
const likelyTexts = ['north-1', `south-${mark}`, 'gate-north', 'north', 'south', 'tests', `owner-${mark}`, 'default'];
const text = fc.oneof(
  fc.constantFrom(...likelyTexts),
  fc.constantFrom(...likelyTexts),
  fc.constantFrom(...hostileTexts),
  fc.string({ maxLength: 40 }),
);
const anything = fc.oneof(fc.anything({ maxDepth: 1 }), text, fc.constant(null), fc.constant({ $ref: '#' }));

/** A value that a schema takes, or now and then one that it does not. */
function valueFor(schema: Json): fc.Arbitrary<unknown> {
  const wrong = { weight: 1, arbitrary: anything };
  const right = (arbitrary: fc.Arbitrary<unknown>) => fc.oneof({ weight: 6, arbitrary }, wrong);
  if (Array.isArray(schema['enum'])) return right(fc.constantFrom(...(schema['enum'] as unknown[])));
  if ('const' in schema) return right(fc.constant(schema['const']));
  const [first] = (schema['anyOf'] ?? schema['oneOf'] ?? []) as Json[];
  if (first) return valueFor(first);
  switch (schema['type']) {
    case 'integer':
      return right(fc.oneof(fc.constantFrom(0, 1, 2, 10_000, -1), fc.integer()));
    case 'number':
      return right(fc.oneof(fc.constantFrom(0, 1, 90), fc.double()));
    case 'boolean':
      return right(fc.boolean());
    case 'array':
      return right(fc.array(valueFor((schema['items'] ?? {}) as Json), { maxLength: 4 }));
    case 'object':
      return right(objectFor(schema));
    default:
      return right(text);
  }
}

function objectFor(schema: Json): fc.Arbitrary<Record<string, unknown>> {
  const required = new Set((schema['required'] ?? []) as string[]);
  const entries = Object.entries((schema['properties'] ?? {}) as Record<string, Json>).map(([key, each]) => {
    const value = valueFor(each);
    return [key, required.has(key) ? value : fc.option(value, { nil: undefined, freq: 1 })] as const;
  });
  return fc.record(Object.fromEntries(entries));
}

interface Shot {
  readonly path: string;
  readonly body: string | undefined;
  readonly headers: Record<string, string>;
}

function shotAt({ path, operation }: Described): fc.Arbitrary<Shot> {
  const parameters = (operation['parameters'] ?? []) as { name: string; in: string; schema: Json }[];
  const given = (place: string) =>
    fc.record(
      Object.fromEntries(
        parameters
          .filter((each) => each.in === place)
          .map((each) => [each.name, place === 'path' ? text : fc.option(valueFor(each.schema), { nil: undefined })]),
      ),
    );
  const content = (operation['requestBody'] as Json | undefined)?.['content'] as Record<string, Json> | undefined;
  const schema = content?.['application/json']?.['schema'] as Json | undefined;
  const file = fc.constantFrom('id,owner,site\nx,y,north\n', '{"id":"z"}\n', '\u0000', 'id\n"', 'not a file');
  const body = schema ? fc.oneof({ weight: 5, arbitrary: objectFor(schema) }, anything) : file;
  return fc.record({ ofPath: given('path'), query: given('query'), headers: given('header'), body }).map((shot) => {
    const query = Object.entries(shot.query)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => `${key}=${escaped(textOf(value))}`)
      .join('&');
    const filled = path.replaceAll(/\{(\w+)\}/g, (_, key: string) => escaped(String(shot.ofPath[key])) || '%20');
    const headers = Object.entries(shot.headers).filter(([, value]) => value !== undefined);
    return {
      path: query ? `${filled}?${query}` : filled,
      body: content ? (schema ? textOf(shot.body) : String(shot.body)) : undefined,
      headers: {
        ...Object.fromEntries(headers.map(([key, value]) => [key, escaped(textOf(value)).slice(0, 300)])),
        ...(content && !schema && { 'content-type': 'application/octet-stream' }),
      },
    };
  });
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  try {
    return JSON.stringify(value) ?? 'undefined';
  } catch {
    return String(value);
  }
}

/** A lone half of a pair of surrogates has no UTF-8. */
function escaped(given: string): string {
  return encodeURIComponent(given.replaceAll(/[\ud800-\udfff]/g, '?'));
}

let house: ApiHouse;
let tokens: Readonly<Record<'all' | 'north' | 'reader', string>>;
beforeAll(async () => {
  house = await openApiHouse(undefined, { yaml: 'classes: { default: { lifetime: 90d } }' });
  tokens = {
    all: await house.token(),
    north: await house.token({ permission: 'admin', sites: ['north'] }),
    reader: await house.token({ permission: 'read', owners: ['tests'], sites: ['north'] }),
  };
  await house.device('north-1', { site: 'north' });
  await house.device('gate-north', { site: 'north', kind: 'gateway' });
  const { operations } = house.gateway;
  await operations.addDevice({ id: `south-${mark}`, owner: `owner-${mark}`, site: 'south', class: 'default' });
  await operations.issueDevice({ id: `south-${mark}` });
});
afterAll(() => house.close());

const shoot = ({ method }: Described, shot: Shot, token: string): Promise<Answer> =>
  house.ask(shot.path, {
    method: method.toUpperCase(),
    token,
    headers: shot.headers,
    ...(shot.body !== undefined && { body: shot.body }),
  });

describe('the API', () => {
  it.each(described)('answers or refuses, and breaks at nothing: $name', async (target) => {
    await fc.assert(
      fc.asyncProperty(shotAt(target), async (shot) => {
        const { status, body, headers } = await shoot(target, shot, tokens.all);
        expect(status, JSON.stringify(body)).toBeLessThan(500);
        if (status >= 400) {
          expect(headers['content-type']).toBe('application/problem+json; charset=utf-8');
          expect(body).toMatchObject({ status, code: expect.any(String) });
        }
      }),
      { numRuns: 25 },
    );
  });

  it.each(described)('shows and changes nothing of another site: $name', async (target) => {
    const before = await house.store.read.principal(`south-${mark}` as never);
    await fc.assert(
      fc.asyncProperty(shotAt(target), fc.constantFrom('north' as const, 'reader' as const), async (shot, who) => {
        const { status, text: answer } = await shoot(target, shot, tokens[who]);
        expect(status).toBeLessThan(500);
        // A refusal may say again what it was asked.
        const said = JSON.stringify(shot);
        if (status < 400 || !said.includes(mark)) expect(answer).not.toContain(mark);
      }),
      { numRuns: 25 },
    );
    expect(await house.store.read.principal(`south-${mark}` as never)).toEqual(before);
  });
});

it("is read as a page without a script, in which nothing is markup that is not the page's", async () => {
  const { text: page, headers } = await house.ask('/reference');
  expect(headers['content-security-policy']).toMatch(/^default-src 'none'; style-src 'sha256-/);
  expect(page).not.toMatch(/<script|onerror|https?:\/\//i);
  for (const { operation } of described) expect(page).toContain(`id="${operation['operationId']}"`);
});
