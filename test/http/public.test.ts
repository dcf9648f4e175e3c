// What anybody may fetch over HTTP, on a real socket.
import { request } from 'node:http';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type PublicContent, type PublicServer, startPublicServer } from '../../src/http/public.ts';
import { pemToDer } from '../../src/pki/pem.ts';
import { recordingLog } from '../telemetry/recording-log.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const { log, lines, text: logged } = recordingLog();
let server: PublicServer | undefined;

afterEach(async () => {
  await server?.close();
  server = undefined;
  lines.length = 0;
});

async function serve(change: Partial<PublicContent> = {}): Promise<string> {
  server = await startPublicServer({
    host: '127.0.0.1',
    port: 0,
    log,
    content: {
      crl: async () => bytes('crl'),
      root: bytes('root'),
      chain: [bytes('issuing')],
      p7c: async () => bytes('p7c'),
      health: async () => ({ ok: true }),
      metrics: async () => '# HELP x y\nx 1\n',
      ...change,
    },
  });
  return `http://127.0.0.1:${server.port}`;
}

describe('the public server', () => {
  it('gives the CRL in DER with a validator and a short life', async () => {
    const url = await serve();
    const first = await fetch(`${url}/crl/issuing.crl`);
    expect(first.headers.get('content-type')).toBe('application/pkix-crl');
    expect(first.headers.get('cache-control')).toBe('public, max-age=60');
    expect(await first.text()).toBe('crl');
    const tag = first.headers.get('etag') ?? '';
    const again = await fetch(`${url}/crl/issuing.crl`, { headers: { 'if-none-match': `"x", W/${tag}` } });
    expect(again.status).toBe(304);
    expect(await again.text()).toBe('');
  });

  it('says so when there is no CRL yet', async () => {
    const answer = await fetch(`${await serve({ crl: async () => null })}/crl/issuing.crl`);
    expect(answer.status).toBe(503);
    expect(answer.headers.get('retry-after')).toBe('5');
  });

  it('gives the CA certificates in the forms that certificates and people point to', async () => {
    const url = await serve();
    const root = await fetch(`${url}/ca/root.crt`);
    expect(pemToDer(await root.text(), 'CERTIFICATE')).toEqual([bytes('root')]);
    const issuing = await fetch(`${url}/ca/issuing.crt`);
    expect(issuing.headers.get('content-type')).toBe('application/pkix-cert');
    expect(await issuing.text()).toBe('issuing');
    const chain = await fetch(`${url}/ca/chain.p7c`);
    expect(chain.headers.get('content-type')).toContain('application/pkcs7-mime');
    expect(await chain.text()).toBe('p7c');
  });

  it('is healthy while the store answers, and 503 when it says no, fails or is silent', async () => {
    const healthy = await fetch(`${await serve({ health: async () => ({ ok: true, sessions: 3 }) })}/healthz`);
    expect([healthy.status, await healthy.json()]).toEqual([200, { status: 'ok', sessions: 3 }]);
    for (const health of [
      async () => ({ ok: false }),
      () => Promise.reject(new Error('secret path /x')),
      () => new Promise<never>(() => {}),
    ]) {
      await server?.close();
      const ill = await fetch(`${await serve({ health })}/healthz`);
      expect([ill.status, await ill.json()]).toEqual([503, { status: 'unavailable' }]);
    }
  });

  it('gives the metrics as text', async () => {
    const answer = await fetch(`${await serve()}/metrics`);
    expect(answer.headers.get('content-type')).toContain('text/plain');
    expect(await answer.text()).toContain('x 1');
  });

  it('tells nobody what went wrong inside, but the log, under the same incident', async () => {
    const url = await serve({ crl: () => Promise.reject(new Error('/home/secret is broken')) });
    const answer = await fetch(`${url}/crl/issuing.crl`);
    const text = await answer.text();
    expect(answer.status).toBe(500);
    expect(text).not.toContain('secret');
    expect(text).not.toContain('.ts');
    const { incident } = JSON.parse(text) as { incident: string };
    expect(lines.filter((line) => line['nolapse.incident'] === incident)).toHaveLength(1);
    expect(logged()).toContain('/home/secret is broken');
  });

  it('knows no other path, and takes nothing', async () => {
    const url = await serve();
    expect((await fetch(`${url}/../../etc/passwd`)).status).toBe(404);
    expect((await fetch(`${url}/crl/issuing.crl`, { method: 'POST', body: 'x' })).status).toBe(404);
    expect((await fetch(`${url}/v1/doctor`, { method: 'POST' })).status).toBe(404);
  });

  it('refuses headers beyond 8 KiB', async () => {
    const url = await serve();
    const status = await new Promise((resolve, reject) => {
      const outgoing = request(`${url}/healthz`, { headers: { 'x-long': 'x'.repeat(10_000) } }, (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      });
      outgoing.on('error', reject);
      outgoing.end();
    });
    expect(status).toBe(431);
  });

  it('ends a request that comes in a byte at a time', async () => {
    await serve();
    const socket = connect(server?.port ?? 0, '127.0.0.1');
    socket.on('error', () => undefined);
    const started = performance.now();
    socket.write('GET /healthz HTTP/1.1\r\nX: ');
    const drip = setInterval(() => socket.write('a'), 250);
    await new Promise((resolve) => socket.once('close', resolve));
    clearInterval(drip);
    expect(performance.now() - started).toBeGreaterThan(4_000);
    expect(performance.now() - started).toBeLessThan(9_000);
  });

  it('lets one address hold a hundred connections and no more', async () => {
    const url = await serve();
    const sockets = Array.from({ length: 110 }, () => connect(server?.port ?? 0, '127.0.0.1'));
    let open = sockets.length;
    await new Promise<void>((resolve) => {
      for (const socket of sockets) {
        socket.on('error', () => undefined);
        socket.once('close', () => {
          open -= 1;
          if (open === 100) resolve();
        });
      }
    });
    await expect(fetch(`${url}/healthz`)).rejects.toThrow();
    sockets.find((socket) => !socket.closed)?.destroy();
    await expect
      .poll(() =>
        fetch(`${url}/healthz`).then(
          ({ status }) => status,
          () => 0,
        ),
      )
      .toBe(200);
    expect(open).toBe(99);
    for (const socket of sockets) socket.destroy();
  });

  it('closes although a client holds its connection open', async () => {
    await serve();
    const socket = connect(server?.port ?? 0, '127.0.0.1');
    await new Promise((resolve) => socket.once('connect', resolve));
    const ended = new Promise((resolve) => socket.once('close', resolve));
    await server?.close();
    server = undefined;
    await ended;
  });

  it('says that its address is taken', async () => {
    await serve();
    const content = { crl: async () => null, root: bytes('r'), chain: [], p7c: async () => bytes('') };
    const taken = startPublicServer({
      host: '127.0.0.1',
      port: server?.port ?? 0,
      log,
      content: { ...content, health: async () => ({ ok: true }), metrics: async () => '' },
    });
    await expect(taken).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });
});
