// The control socket: who may open it, what it takes, and how its answers come back to the command line.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { z } from 'zod';
import { OperationError } from '../../src/app/operation-error.ts';
import { type OperationName, operationNames } from '../../src/app/operator/catalog.ts';
import { type Operations, shapeOf } from '../../src/app/operator/operate.ts';
import { evidencePartNames } from '../../src/app/oversight/evidence.ts';
import type { Actor } from '../../src/domain/actor.ts';
import { type ControlServer, startControlServer } from '../../src/http/control.ts';
import { connectOperations } from '../../src/http/control-client.ts';
import { tester } from '../fakes/tester.ts';
import { recordingLog } from '../telemetry/recording-log.ts';
import { fakeOperations } from './fake-operations.ts';

const { log, lines } = recordingLog();
let home = '';
let server: ControlServer | undefined;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'nolapse-control-'));
  lines.length = 0;
});
afterEach(async () => {
  await server?.close();
  server = undefined;
  rmSync(home, { recursive: true, force: true });
});

async function serve(answer: Parameters<typeof fakeOperations>[0]) {
  const fake = fakeOperations(answer);
  server = await startControlServer({ home, operationsFor: fake.operationsFor, log });
  return fake;
}

it('lets go of callers who take nothing of their answer, and of nobody who waits for one', async () => {
  const rows = Array.from({ length: 5_000 }, (_, index) => ({ id: `pump-${index}`, owner: 'water'.repeat(40) }));
  let answer: (rows: unknown) => void = () => undefined;
  const fake = fakeOperations((name) => (name === 'listDevices' ? rows : new Promise((resolve) => (answer = resolve))));
  server = await startControlServer({ home, operationsFor: fake.operationsFor, log, unreadMs: 100 });
  const waiting = (await client()).listRenewals({});
  const ask =
    'POST /v1/listDevices HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}';
  // As many as there may be: the next one is served only when these are gone.
  const deaf = Array.from({ length: 63 }, () => connect(server?.path ?? '').on('error', () => undefined));
  for (const socket of deaf) socket.pause().write(ask);
  await vi.waitFor(async () => expect(await (await client()).listDevices({})).toHaveLength(5_000), { timeout: 60_000 });
  answer([]);
  expect(await waiting).toEqual([]);
  for (const socket of deaf) socket.destroy();
});

async function client(): Promise<Operations> {
  const operations = await connectOperations(home, tester);
  if (!operations) throw new Error('nobody answers');
  return operations;
}

function rawPost(
  path: string,
  body: string,
  more: Readonly<Record<string, string>> = {},
): Promise<{ status: number; body: unknown }> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', ...more };
    const outgoing = request({ socketPath: server?.path, path, method: 'POST', headers }, async (answer) => {
      const parts: Buffer[] = [];
      for await (const part of answer) parts.push(part as Buffer);
      resolve({ status: answer.statusCode ?? 0, body: JSON.parse(Buffer.concat(parts).toString()) });
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** A value for every key that the operation takes. */
function fullInput(name: OperationName): Record<string, unknown> {
  const { shape } = shapeOf(name) as unknown as z.ZodObject;
  const entries = Object.entries(shape).map(([key, schema]): [string, unknown] => {
    const value = samples.find((each) => schema.safeParse(each).success);
    return [key, key === 'text' ? 'id,owner\n' : value];
  });
  expect(entries.filter(([, value]) => value === undefined)).toEqual([]);
  return Object.fromEntries(entries);
}

/** One of them fits whatever an operation takes. */
const samples: readonly unknown[] = [
  true,
  7,
  2048,
  3_600_000,
  'device',
  'csv',
  'high',
  'cbor',
  'canary',
  'keyCompromise',
  'some text',
  ['csr'],
  ['some text'],
  [{ name: 'issuing.crt', base64: 'MAA=' }],
  'activate',
  'made_elsewhere',
  ['pki/root.crt'],
  'a passphrase of its own',
  { last: 0, id: 'pump-1' },
  { name: 'root-2.withdrawal', base64: 'MAA=' },
  { sequence: 7, sha256: 'f'.repeat(64) },
  'operate',
  { part: evidencePartNames[0], key: 'k', until: 7 },
  { name: 'root-2.withdrawal', base64: 'MAA=', passphrase: 'x' },
  { last: 1, id: 'pump-1' },
];

async function textOf(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts).toString();
}

/** A socket file that nobody listens on any more: its process was killed. */
function leaveStaleSocket(): void {
  const path = join(home, 'control.sock');
  const script = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  spawnSync(process.execPath, ['-e', script]);
  expect(statSync(path).isSocket()).toBe(true);
}

describe('the control socket', () => {
  it('may be opened by its owner alone', async () => {
    await serve(() => null);
    expect(statSync(server?.path ?? '').mode & 0o777).toBe(0o600);
  });

  it('takes the place of one whose process is dead', async () => {
    leaveStaleSocket();
    expect(await connectOperations(home, tester)).toBeNull();
    await serve(() => []);
    expect(await (await client()).doctor()).toEqual([]);
  });

  it('is not taken from a broker that is alive', async () => {
    await serve(() => []);
    const { operationsFor } = fakeOperations(() => null);
    await expect(startControlServer({ home, operationsFor, log })).rejects.toMatchObject({ code: 'home_in_use' });
    expect(await (await client()).doctor()).toEqual([]);
  });

  it('does not replace a file that is no socket', async () => {
    writeFileSync(join(home, 'control.sock'), 'precious');
    const { operationsFor } = fakeOperations(() => null);
    await expect(startControlServer({ home, operationsFor, log })).rejects.toMatchObject({ code: 'not_a_socket' });
  });

  it('is gone when the broker has stopped', async () => {
    await serve(() => []);
    await server?.close();
    server = undefined;
    expect(await connectOperations(home, tester)).toBeNull();
    expect(() => statSync(join(home, 'control.sock'))).toThrow();
  });

  it('says so when its name is longer than the kernel takes', async () => {
    const long = join(home, 'x'.repeat(100));
    mkdirSync(long);
    const { operationsFor } = fakeOperations(() => null);
    const started = startControlServer({ home: long, operationsFor, log });
    await expect(started).rejects.toMatchObject({ code: 'home_path_too_long' });
    await expect(connectOperations(long, tester)).rejects.toMatchObject({ code: 'home_path_too_long' });
  });
});

describe('who calls over the socket', () => {
  const ana: Actor = {
    name: 'Ana Ångström',
    channel: 'command line',
    claimed: false,
    reason: 'a 100% new\u00a0"profile"',
  };

  it('is what the caller says of itself, and counts as no more than that', async () => {
    const { asked } = await serve(() => null);
    const operations = await connectOperations(home, ana);
    await operations?.addDevice({ id: 'pump-1', owner: 'water' });
    await operations?.importDevices({ format: 'csv', text: 'id,owner\n' });
    await (await connectOperations(home, { ...ana, reason: null }))?.doctor();
    const claim = { ...ana, channel: 'control socket', claimed: true };
    expect(asked.map(({ actor }) => actor)).toEqual([claim, claim, { ...claim, reason: null }]);
  });

  it('may go without saying', async () => {
    const { asked } = await serve(() => []);
    expect((await rawPost('/v1/fleet', '{}')).status).toBe(200);
    expect(asked).toMatchObject([{ name: 'fleet', actor: null }]);
  });

  it.each([
    ['no JSON', 'ana'],
    ['half a percent sign', '%7B%'],
    ['what is no text', encodeURIComponent('{"name":7}')],
    ['a list', encodeURIComponent('["ana"]')],
    ['nothing', encodeURIComponent('null')],
    ['a reason that is no text', encodeURIComponent('{"name":"ana","reason":{}}')],
    ['a channel of its choice', encodeURIComponent('{"name":"ana","channel":"broker"}')],
    ['that it is no claim', encodeURIComponent('{"name":"ana","claimed":false}')],
    ['a prototype', encodeURIComponent('{"name":"ana","__proto__":{"claimed":false}}')],
  ])('is refused for saying %s', async (_what, said) => {
    const { asked } = await serve(() => null);
    const { status, body } = await rawPost('/v1/doctor', '{}', { 'nolapse-actor': said });
    expect([status, body]).toEqual([
      422,
      { code: 'invalid', faults: ['nolapse-actor: not what a caller may say of itself'] },
    ]);
    expect(asked).toEqual([]);
  });
});

describe('an operation over the socket', () => {
  it.each(operationNames)('is handed all of its input: %s', async (name) => {
    const heard: unknown[] = [];
    await serve(async (_, input) => {
      const { text, ...rest } = input as { text?: AsyncIterable<Uint8Array> };
      heard.push(text ? { ...rest, text: await textOf(text) } : rest);
      return { did: name };
    });
    const input = fullInput(name);
    const operations = await client();
    expect(await (operations[name] as (input: unknown) => Promise<unknown>)(input)).toEqual({ did: name });
    expect(heard).toEqual([input]);
  });

  it.each([
    ['invalid', 422],
    ['not_found', 404],
    ['conflict', 409],
  ] as const)('that fails with %s comes back as that, with its faults', async (code, status) => {
    await serve(() => {
      throw new OperationError(code, ['line 2: no', 'line 3: no']);
    });
    expect(await rawPost('/v1/doctor', '{}')).toEqual({ status, body: { code, faults: ['line 2: no', 'line 3: no'] } });
    const failed = (await client()).doctor();
    await expect(failed).rejects.toBeInstanceOf(OperationError);
    await expect((await client()).doctor()).rejects.toMatchObject({ code, faults: ['line 2: no', 'line 3: no'] });
  });

  it('that breaks is an incident: logged, and not described', async () => {
    await serve(() => {
      throw new Error('disk /dev/secret is full');
    });
    const { status, body } = await rawPost('/v1/doctor', '{}');
    expect(status).toBe(500);
    expect(JSON.stringify(body)).not.toContain('secret');
    expect(lines).toMatchObject([{ 'nolapse.incident': (body as { incident: string }).incident }]);
    await expect((await client()).doctor()).rejects.toMatchObject({ code: 'control_failed' });
  });

  it.each([
    ['unknown keys', 'showDevice', '{"id":"a","extra":1}', 422],
    ['a missing id', 'showDevice', '{}', 422],
    ['an id of 10 kB', 'showDevice', JSON.stringify({ id: 'x'.repeat(10_000) }), 422],
    ['a wrong kind', 'addDevice', '{"id":"a","owner":"b","kind":"robot"}', 422],
    ['an unknown reason', 'revokeCertificate', '{"id":"a","reason":"whim"}', 422],
    ['a limit beyond bounds', 'listDevices', '{"limit":10001}', 422],
    ['something that is no object', 'doctor', '[]', 422],
    ['something that is no JSON', 'doctor', '{', 400],
    ['a prototype', 'doctor', '{"__proto__":{"x":1}}', 400],
    ['more than a mebibyte', 'showDevice', JSON.stringify({ id: 'x'.repeat(1_048_576) }), 413],
  ])('is refused %s and not carried out', async (_what, name, body, status) => {
    const { asked } = await serve(() => null);
    expect((await rawPost(`/v1/${name}`, body)).status).toBe(status);
    expect(asked).toEqual([]);
  });

  it('exists only under its own name', async () => {
    await serve(() => null);
    for (const name of ['nothing', '__proto__', 'constructor', 'toString']) {
      expect((await rawPost(`/v1/${name}`, '{}')).status).toBe(404);
    }
  });

  const bytesOf = async (text: unknown): Promise<Buffer> => {
    const parts: Uint8Array[] = [];
    for await (const part of text as AsyncIterable<Uint8Array>) parts.push(part);
    return Buffer.concat(parts);
  };

  it('may carry an inventory of many mebibytes, handed on as it comes', async () => {
    const taken: unknown[] = [];
    await serve(async (_name, input) => {
      const { format, text } = input as { format: string; text: unknown };
      taken.push({ format, text: (await bytesOf(text)).toString() });
      return { added: 1, updated: 0, unchanged: 0 };
    });
    const text = 'id,owner\n'.repeat(5_000_000);
    async function* pieces() {
      for (let at = 0; at < text.length; at += 1_000_000) yield Buffer.from(text.slice(at, at + 1_000_000));
    }
    expect(await (await client()).importDevices({ format: 'csv', text: pieces() })).toEqual({
      added: 1,
      updated: 0,
      unchanged: 0,
    });
    expect(await (await client()).importDevices({ format: 'jsonl', text: '{}' })).toEqual({
      added: 1,
      updated: 0,
      unchanged: 0,
    });
    expect(taken).toEqual([
      { format: 'csv', text },
      { format: 'jsonl', text: '{}' },
    ]);
  });

  it('that carries a file that cannot be read to its end fails with why, and the broker hears no end of it', async () => {
    let begun: () => void = () => {};
    const beginning = new Promise<void>((resolve) => (begun = resolve));
    let heard: (message: string) => void = () => {};
    const ending = new Promise<string>((resolve) => (heard = resolve));
    await serve(async (_name, input) => {
      try {
        for await (const _part of (input as { text: AsyncIterable<Uint8Array> }).text) begun();
        heard('the end');
      } catch (error) {
        heard((error as Error).message);
      }
    });
    async function* broken() {
      yield Buffer.from('id,owner\n');
      await beginning;
      throw new OperationError('invalid', ['devices.csv cannot be read: EIO']);
    }
    const failed = (await client()).importDevices({ format: 'csv', text: broken() });
    await expect(failed).rejects.toMatchObject({ code: 'invalid', faults: ['devices.csv cannot be read: EIO'] });
    expect(await ending).toBe('aborted');
  });

  it('that takes a file is refused anything else for one', async () => {
    const { asked } = await serve(() => null);
    expect((await rawPost('/v1/importDevices?format=csv', '{"text":"id,owner"}')).status).toBe(422);
    expect((await rawPost('/v1/importDevices?format=pdf', '{}')).status).toBe(422);
    expect(asked).toEqual([]);
  });

  it('is finished before the broker closes its socket', async () => {
    let release: (value: unknown) => void = () => {};
    const { asked } = await serve(() => new Promise((resolve) => (release = resolve)));
    const answer = (await client()).doctor();
    while (asked.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const closed = server?.close();
    server = undefined;
    release(['done']);
    expect(await answer).toEqual(['done']);
    await closed;
  });
});
