// The HTTP API of a running broker: what it answers with, to whom, and what it refuses.

import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiHouse, openApiHouse } from './api.ts';

let house: ApiHouse;
let admin: string;
let reader: string;
beforeAll(async () => {
  house = await openApiHouse();
  admin = await house.token();
  reader = await house.token({ permission: 'read' });
  await house.device('pump-1', { site: 'north' });
  await house.device('pump-2', { site: 'south' });
  await house.device('pump-3', { site: 'north' });
});
afterAll(() => house.close());

describe('a caller of the API', () => {
  it.each([
    ['nothing', {}],
    ['another scheme', { headers: { authorization: 'Basic cm9vdDpyb290' } }],
    ['what is no token', { token: 'x' }],
    ['a token of this form that was never made', { token: `nolapse_${'0'.repeat(13)}_${'A'.repeat(43)}` }],
    ['a session that was never begun', { headers: { cookie: `nolapse=${'A'.repeat(43)}` } }],
  ])('is refused with %s', async (_what, ask) => {
    const { status, headers, body } = await house.ask('/devices', ask);
    expect([status, headers['www-authenticate'], headers['content-type']]).toEqual([
      401,
      'Bearer realm="nolapse"',
      'application/problem+json; charset=utf-8',
    ]);
    expect(body).toMatchObject({ type: 'urn:nolapse:problem:unauthorized', status: 401, code: 'unauthorized' });
  });

  it('is refused with the right id and another secret', async () => {
    const other = admin.replace(/_[^_]*$/, (end) => `_${end.slice(2)}A`);
    expect((await house.ask('/devices', { token: other.slice(0, admin.length) })).status).toBe(401);
  });

  it("is refused under a name that is not the gateway's", async () => {
    for (const host of ['evil.example', 'evil.example:8443', 'localhost.evil.example', '[::ffff:127.0.0.1]', 'a b']) {
      const { status, body } = await house.ask('/devices', { token: admin, headers: { host } });
      expect([host, status, body.code]).toEqual([host, 421, 'misdirected']);
    }
    expect((await house.ask('/fleet', { token: admin, headers: { host: '127.0.0.1' } })).status).toBe(200);
  });

  it('is refused when another site has a browser ask', async () => {
    const change = { token: admin, method: 'POST', body: { id: 'pump-9', owner: 'water' } };
    for (const headers of [
      { origin: 'https://evil.example' },
      { 'sec-fetch-site': 'cross-site' },
      { origin: 'null' },
    ]) {
      expect((await house.ask('/devices', { ...change, headers })).body).toMatchObject({ code: 'bad_request' });
    }
  });

  it('gets no leave for other origins, and headers that keep its answers to itself', async () => {
    const { headers } = await house.ask('/devices', { token: admin, headers: { origin: 'https://evil.example' } });
    expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
    expect(headers).toMatchObject({
      'content-security-policy': expect.stringContaining("default-src 'none'"),
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
    });
  });

  it('who may read changes nothing', async () => {
    const refused = await house.ask('/devices', { token: reader, body: { id: 'pump-9', owner: 'water' } });
    expect([refused.status, refused.body.code]).toEqual([403, 'forbidden']);
    expect((await house.ask('/devices/pump-9', { token: reader })).status).toBe(404);
  });
});

describe('a resource', () => {
  it('is listed by pages that lead to the last row', async () => {
    const ids: string[] = [];
    let path = '/devices?limit=2';
    for (;;) {
      const { body } = await house.ask(path, { token: reader });
      ids.push(...body.items.map(({ id }: { id: string }) => id));
      if (body.next === null) break;
      path = `/devices?limit=2&after=${body.next}`;
    }
    expect(ids).toEqual(['pump-1', 'pump-2', 'pump-3']);
  });

  it.each(['/certificates', '/renewals', '/delegations', '/alerts', '/findings', '/tokens'])(
    'has pages that lead through all of it, none twice: %s',
    async (path) => {
      const all = (await house.ask(`${path}?limit=1000`, { token: admin })).body.items;
      const found: unknown[] = [];
      let after = '';
      for (let page = 0; page <= all.length + 1; page += 1) {
        const { body } = await house.ask(`${path}?limit=1${after && `&after=${after}`}`, { token: admin });
        found.push(...body.items);
        if (body.next === null) break;
        after = body.next;
      }
      expect(found.map(keyOf)).toEqual(all.map(keyOf));
    },
  );

  it('is filtered', async () => {
    const idsOf = async (query: string): Promise<string[]> =>
      (await house.ask(`/devices?${query}`, { token: reader })).body.items.map(({ id }: { id: string }) => id);
    expect(await idsOf('site=north')).toEqual(['pump-1', 'pump-3']);
    expect(await idsOf('owner=nobody')).toEqual([]);
    expect(await idsOf('criticality=critical')).toEqual([]);
    expect(await idsOf('class=default&status=active&sites=south')).toEqual(['pump-2']);
    expect(await idsOf('endsBefore=2000-01-01')).toEqual([]);
    expect(await idsOf('endsBefore=2100-01-01')).toHaveLength(3);
  });

  it('has a tag by which it is not sent twice', async () => {
    const { headers, status } = await house.ask('/devices/pump-2', { token: reader });
    expect(status).toBe(200);
    const again = await house.ask('/devices/pump-2', {
      token: reader,
      headers: { 'if-none-match': String(headers['etag']) },
    });
    expect([again.status, again.text, again.headers['etag']]).toEqual([304, '', headers['etag']]);
  });

  it('is changed in the version that was read, and in no other', async () => {
    const tag = String((await house.ask('/devices/pump-3', { token: admin })).headers['etag']);
    const set = (owner: string, match: string) =>
      house.ask('/devices/pump-3', { token: admin, method: 'PATCH', body: { owner }, headers: { 'if-match': match } });
    expect((await set('carla', tag)).body).toMatchObject({ owner: 'carla' });
    const late = await set('dora', tag);
    expect([late.status, late.body.code]).toEqual([412, 'stale']);
    expect((await house.ask('/devices/pump-3', { token: admin })).body.principal.owner).toBe('carla');
    expect((await set('dora', 'nonsense')).status).toBe(400);
  });

  it('is changed by whoever the credential says, for the reason that is given', async () => {
    const reason = 'moved to hall 7 – Ångström';
    await house.ask('/devices/pump-2', {
      token: admin,
      method: 'PATCH',
      body: { class: 'default', criticality: 'high' },
      headers: { 'nolapse-reason': encodeURIComponent(reason) },
    });
    const lines = await house.store.read.journalBetween({ at: 0, id: 0 }, Date.now() + 1, 1_000);
    const { entry } = lines.findLast((each) => each.entry.action === 'device.changed') ?? {};
    const name = expect.stringMatching(/^token test-1 \(/);
    expect(entry).toMatchObject({ principalId: 'pump-2', actor: { name, channel: 'api', claimed: false, reason } });
  });

  it('says what is wrong with what it is given, each time', async () => {
    const refused = await house.ask('/devices', { token: admin, body: { id: 'a b', owner: '', constructor: 1 } });
    expect([refused.status, refused.body.code, refused.body.faults.length > 0]).toEqual([422, 'invalid', true]);
    expect((await house.ask('/devices', { token: admin, method: 'POST', body: '{"id":' })).status).toBe(400);
    expect((await house.ask('/devices', { token: admin, method: 'POST', body: '[]' })).status).toBe(400);
    expect((await house.ask('/devices', { token: admin, method: 'POST', body: '{"__proto__":{}}' })).status).toBe(400);
    expect((await house.ask('/devices?limit=1&limit=2', { token: admin })).status).toBe(400);
    expect((await house.ask('/devices?after=%00', { token: admin })).status).toBe(400);
    expect((await house.ask('/devices?nothing=1', { token: admin })).status).toBe(422);
    const large = { id: 'x'.repeat(2_000_000), owner: 'water' };
    expect((await house.ask('/devices', { token: admin, body: large })).status).toBe(413);
    const wrongType = { token: admin, method: 'POST', body: 'id=1', headers: { 'content-type': 'text/plain' } };
    expect((await house.ask('/devices', wrongType)).body).toMatchObject({ status: 415, code: 'wrong_type' });
    expect((await house.ask('/nothing', { token: admin })).body).toMatchObject({ code: 'no_such_resource' });
    const deleted = await house.ask('/devices/pump-1', { token: admin, method: 'DELETE' });
    expect([deleted.status, deleted.headers['allow']]).toEqual([405, 'GET, PATCH']);
  });

  it('takes a file as its body', async () => {
    const file = {
      token: admin,
      method: 'POST',
      body: 'id,owner,site\nmeter-1,power,west\n',
      headers: { 'content-type': 'application/octet-stream' },
    };
    expect((await house.ask('/inventory/import?format=csv', file)).body).toMatchObject({ added: 1 });
    expect((await house.ask('/devices/meter-1', { token: reader })).body.principal).toMatchObject({ site: 'west' });
  });

  it('is not there for what is done on the gateway alone', async () => {
    const { body } = await house.ask('/openapi.json');
    const ids = JSON.stringify(body);
    for (const name of ['issueDevice', 'addOperator', 'copyLedger', 'prepareRoot', 'releaseRoot', 'confirmBackup']) {
      expect(ids).not.toContain(name);
    }
  });
});

it('answers one request at a time on a connection, and lets go of who sends more', async () => {
  const socket = connect(house.gateway.ports.api ?? 0, '127.0.0.1');
  socket.on('error', () => undefined);
  const ask = `GET /api/v1/devices HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${reader}\r\n\r\n`;
  socket.write(ask.repeat(50));
  const parts: Buffer[] = [];
  socket.on('data', (part: Buffer) => parts.push(part));
  await once(socket, 'close');
  expect(Buffer.concat(parts).toString().split('HTTP/1.1 200').length - 1).toBeLessThan(2);
});

function keyOf(given: unknown): unknown {
  const row = given as Readonly<Record<string, unknown>>;
  return row['fingerprint'] ?? row['id'] ?? `${row['kind']}/${row['subject']}`;
}
