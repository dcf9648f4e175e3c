// The files of the page for operators: what is in its folder and nothing else, under a policy that loads nothing from elsewhere.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ApiServer, startApiServer } from '../../src/http/api/server.ts';
import { recordingLog } from '../telemetry/recording-log.ts';
import { send } from './api.ts';
import { fakeOperations } from './fake-operations.ts';

let folder: string;
let server: ApiServer;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'nolapse-page-'));
  const page = join(folder, 'page');
  mkdirSync(join(page, 'assets'), { recursive: true });
  writeFileSync(join(folder, 'secret.html'), 'secret');
  writeFileSync(join(page, 'index.html'), '<!doctype html><title>nolapse</title>');
  writeFileSync(join(page, 'assets', 'main-Ab3dE6gH.js'), 'export {};');
  writeFileSync(join(page, 'notes.txt'), 'secret');
  symlinkSync(join(folder, 'secret.html'), join(page, 'linked.html'));
  const refused = { caller: null, refusal: 'unknown' } as const;
  server = await startApiServer({
    host: '127.0.0.1',
    port: 0,
    names: ['localhost'],
    tls: null,
    limits: { requestsPerSecond: 1_000, streams: 1, connections: 100, sessionMs: 60_000 },
    operationsFor: fakeOperations(() => null).operationsFor,
    identities: {
      byToken: async () => refused,
      byCertificate: async () => refused,
      again: async () => null,
      noteUse: async () => undefined,
    },
    happenings: { listen: () => () => undefined, mayHear: async () => false, again: async () => null },
    approvals: null,
    versionOf: async () => null,
    version: '0',
    page,
    decisions: { tell: () => undefined },
    log: recordingLog().log,
  });
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

const get = (path: string, headers: Record<string, string> = {}) => send(false, server.port, path, { headers });

it('serves the page, and for each of its views the page', async () => {
  for (const path of ['/', '/devices/pump-1', '/index.html', '/?q=1']) {
    const { status, headers, text } = await get(path);
    expect([path, status, text]).toEqual([path, 200, expect.stringContaining('<title>nolapse')]);
    const policy = String(headers['content-security-policy']);
    for (const part of ["default-src 'none'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"]) {
      expect(policy).toContain(part);
    }
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
    expect(headers['cache-control']).toBe('no-cache');
  }
});

it('has what never changes kept, and the rest asked for again', async () => {
  const { headers } = await get('/assets/main-Ab3dE6gH.js');
  expect(headers['cache-control']).toContain('immutable');
  expect(headers['content-type']).toBe('text/javascript; charset=utf-8');
  const again = await get('/', { 'if-none-match': String((await get('/')).headers['etag']) });
  expect([again.status, again.text]).toEqual([304, '']);
});

it.each([
  '/../secret.html',
  '/..%2fsecret.html',
  '/%2e%2e/secret.html',
  '//secret.html',
  '/assets/../../secret.html',
  '/linked.html',
  '/notes.txt',
  '/assets',
  '/api/v1/../../secret.html',
])('serves nothing else: %s', async (path) => {
  const { text } = await get(path);
  expect(text).not.toContain('secret');
});

it('answers a path of the API with a problem, never with the page', async () => {
  for (const path of ['/api', '/api/v1/nothing', '/api/v2/devices']) {
    expect((await get(path)).body).toMatchObject({ status: 404, code: 'no_such_resource' });
  }
  expect((await send(false, server.port, '/', { method: 'POST', body: '{}' })).status).toBe(404);
});
