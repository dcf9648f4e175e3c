// What anybody may fetch over HTTP, on a real socket.
import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { issuingName } from '../../src/domain/issuing-slots.ts';
import { type CrlContent, type PublicContent, type PublicServer, startPublicServer } from '../../src/http/public.ts';
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

const modified = Date.UTC(2026, 10, 29, 20, 0, 0);

/** A list of these bytes; `read` counts the bytes that were taken from it. */
function crlOf(text: string, shard = 0, read: { bytes: number } = { bytes: 0 }): CrlContent {
  const content = async function* () {
    for (let from = 0; from < text.length; from += 65_536) {
      const piece = Buffer.from(text.slice(from, from + 65_536));
      read.bytes += piece.length;
      yield piece;
    }
  };
  return {
    tag: `${shard}-7`,
    thisUpdate: modified,
    bytes: text.length,
    read: async () => Readable.from(content(), { objectMode: false }),
  };
}

async function serve(change: Partial<PublicContent> = {}, connectionsMax?: number): Promise<string> {
  server = await startPublicServer({
    host: '127.0.0.1',
    port: 0,
    log,
    ...(connectionsMax !== undefined && { connectionsMax }),
    content: {
      crl: async (shard) => crlOf(`crl ${shard}`, shard),
      rootCrl: async (root) => (root <= 2 ? crlOf(`crl of root ${root}`) : null),
      root: () => bytes('root'),
      issuer: (number) => (number <= 2 ? bytes(issuingName(number)) : null),
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
    expect(await first.text()).toBe('crl 0');
    expect(first.headers.get('content-length')).toBe('5');
    const tag = first.headers.get('etag') ?? '';
    const again = await fetch(`${url}/crl/issuing.crl`, { headers: { 'if-none-match': `"x", W/${tag}` } });
    expect(again.status).toBe(304);
    expect(await again.text()).toBe('');
  });

  it("gives a shard's CRL where its certificates say, and none where there is none", async () => {
    const url = await serve({ crl: async (shard) => (shard < 8 ? crlOf(`crl ${shard}`, shard) : null) });
    expect(await (await fetch(`${url}/crl/issuing/7.crl`)).text()).toBe('crl 7');
    for (const name of [
      '8.crl',
      '0.crl',
      '-1.crl',
      '07.crl',
      '7.5.crl',
      '1e0.crl',
      '9999999999.crl',
      'x.crl',
      '7',
      '',
    ]) {
      expect((await fetch(`${url}/crl/issuing/${name}`)).status, name).toBe(404);
    }
  });

  it("gives a root's CRL under the root's name, and none where there is none", async () => {
    const url = await serve();
    expect(await (await fetch(`${url}/crl/root.crl`)).text()).toBe('crl of root 1');
    expect(await (await fetch(`${url}/crl/root-2.crl`)).text()).toBe('crl of root 2');
    for (const name of ['root-1', 'root-02', 'root-3', 'root-', 'root-1234567']) {
      expect((await fetch(`${url}/crl/${name}.crl`)).status, name).toBe(404);
    }
  });

  it('tells by time or tag that a CRL is as it was, and its length without sending it', async () => {
    const read = { bytes: 0 };
    const url = await serve({ crl: async () => crlOf('crl', 0, read) });
    const ask = (headers: Record<string, string>, method = 'GET') =>
      fetch(`${url}/crl/issuing.crl`, { method, headers }).then(async (answer) => [answer.status, await answer.text()]);
    const head = await fetch(`${url}/crl/issuing.crl`, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length')]).toEqual([200, '3']);
    const since = head.headers.get('last-modified') ?? '';
    expect(Date.parse(since)).toBe(modified);
    expect(await ask({ 'if-modified-since': since })).toEqual([304, '']);
    expect(read.bytes).toBe(0);
    expect(await ask({ 'if-modified-since': new Date(modified - 1_000).toUTCString() })).toEqual([200, 'crl']);
    expect(await ask({ 'if-modified-since': 'yesterday' })).toEqual([200, 'crl']);
    // The tag counts before the time.
    expect(await ask({ 'if-modified-since': since, 'if-none-match': '"another"' })).toEqual([200, 'crl']);
  });

  it('reads no more of a long CRL than a client takes', async () => {
    const read = { bytes: 0 };
    const text = 'x'.repeat(64 * 1_048_576);
    const url = await serve({ crl: async () => crlOf(text, 0, read) });
    const socket = connect(server?.port ?? 0, '127.0.0.1');
    socket.pause();
    socket.write('GET /crl/issuing.crl HTTP/1.1\r\nHost: x\r\n\r\n');
    // What the kernel keeps for a client that does not read is full when nothing more is taken.
    let taken = -1;
    await expect
      .poll(
        () => {
          const stands = read.bytes > 0 && taken === read.bytes;
          taken = read.bytes;
          return stands;
        },
        { interval: 200, timeout: 60_000 },
      )
      .toBe(true);
    expect(read.bytes).toBeLessThan(text.length / 4);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    socket.destroy();
  });

  it('answers one request at a time on a connection', async () => {
    let made = 0;
    const url = await serve({
      metrics: async () => {
        made += 1;
        return `# HELP x y\nx ${made}\n`;
      },
    });
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    let answered = '';
    socket.on('data', (chunk) => {
      answered += chunk;
    });
    socket.on('error', () => undefined);
    const gone = new Promise((resolve) => socket.once('close', resolve));
    // One that asks once is kept for a while: the other is not closed for being idle.
    const patient = connect(Number(new URL(url).port), '127.0.0.1');
    patient.write('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(patient, 'data');
    socket.write('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(4_000));
    await gone;
    expect(patient.readyState).toBe('open');
    patient.destroy();
    expect(answered.match(/HTTP\/1.1 200/g)).toHaveLength(1);
    expect(made).toBe(1);
  });

  it('serves one request after another on a connection that is kept', async () => {
    const url = await serve();
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    for (let turn = 0; turn < 3; turn += 1) {
      socket.write('GET /ca/root.crt HTTP/1.1\r\nHost: x\r\n\r\n');
      const [chunk] = await once(socket, 'data');
      expect(String(chunk)).toMatch(/^HTTP\/1.1 200/);
    }
    socket.destroy();
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
    let drops = 0;
    const drip = setInterval(() => {
      drops += 1;
      socket.write('a');
    }, 250);
    await new Promise((resolve) => socket.once('close', resolve));
    clearInterval(drip);
    expect(performance.now() - started).toBeGreaterThan(4_000);
    // Nine seconds' worth. On a busy machine the timer fires less often, never more.
    expect(drops).toBeLessThan(36);
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

  it('answers where others hold all connections there may be and ask for nothing', async () => {
    const url = await serve({}, 4);
    const sockets = Array.from({ length: 12 }, () => connect(server?.port ?? 0, '127.0.0.1'));
    let closed = 0;
    const ends = sockets.map((socket) =>
      once(
        socket.on('error', () => undefined),
        'close',
      ).then(() => (closed += 1)),
    );
    await expect.poll(() => closed).toBe(8);
    expect((await fetch(`${url}/healthz`, { headers: { connection: 'close' } })).status).toBe(200);
    // It took the place of one of them.
    await expect.poll(() => closed).toBe(9);
    for (const socket of sockets) socket.destroy();
    await Promise.all(ends);
  });

  it('takes no connection from a client that has a request in hand', async () => {
    const answers: (() => void)[] = [];
    const health = () => new Promise<{ ok: boolean }>((resolve) => answers.push(() => resolve({ ok: true })));
    const url = await serve({ health }, 2);
    const asked = [fetch(`${url}/healthz`), fetch(`${url}/healthz`)];
    await expect.poll(() => answers.length).toBe(2);
    await expect(fetch(`${url}/ca/root.crt`)).rejects.toThrow();
    for (const answer of answers) answer();
    for (const answer of await Promise.all(asked))
      expect([answer.status, await answer.text()]).toEqual([200, expect.any(String)]);
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
    const none = async () => null;
    const content = {
      crl: none,
      rootCrl: none,
      root: () => bytes('r'),
      issuer: () => null,
      p7c: async () => bytes(''),
    };
    const taken = startPublicServer({
      host: '127.0.0.1',
      port: server?.port ?? 0,
      log,
      content: { ...content, health: async () => ({ ok: true }), metrics: async () => '' },
    });
    await expect(taken).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });
});
