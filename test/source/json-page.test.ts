// What is read of a page of JSON: the same as JSON.parse has it, unless a name stands twice in one object.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { readJsonPage } from '../../src/source/json-page.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

it('reads what any JSON says, whatever its names and texts look like', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 6 }), (text) => {
      expect(readJsonPage(bytes(text))).toEqual({ body: JSON.parse(text) });
    }),
  );
});

it('refuses an object in which any name stands twice, at any depth', () => {
  const name = fc.oneof(fc.string(), fc.constantFrom('__proto__', 'id', ':', '"', '\\', '{'));
  fc.assert(
    fc.property(name, fc.jsonValue(), fc.jsonValue(), fc.nat(5), (twice, one, other, depth) => {
      const field = (value: unknown): string => `${JSON.stringify(twice)}:${JSON.stringify(value)}`;
      const text = `${'[{"a":'.repeat(depth)}{${field(one)},"b${twice.length}${'x'}":1,${field(other)}}${'}]'.repeat(depth)}`;
      expect(readJsonPage(bytes(text))).toEqual({ fault: 'a name stands twice in one of its records' });
    }),
  );
});
