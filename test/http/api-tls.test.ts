// The HTTP API over TLS: operators by their certificates, and every other certificate refused, here and by MQTT.

import { once } from 'node:events';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AddedOperatorView } from '../../src/app/views/access.ts';
import { pemToDer } from '../../src/pki/pem.ts';
import { makeCa, makeLeaf } from '../scenarios/ca.ts';
import { connackOf } from '../scenarios/harness.ts';
import { type ApiHouse, openApiHouse, secureApi } from './api.ts';

let house: ApiHouse;
let carla: AddedOperatorView;
let device: { certificatePem: string; keyPem: string };
beforeAll(async () => {
  house = await openApiHouse(secureApi);
  device = await house.device('pump-1', { site: 'north' });
  carla = await house.gateway.operations.addOperator({ name: 'carla', permission: 'admin', until: '30d' });
});
afterAll(() => house.close());

describe('a certificate', () => {
  it('of an operator opens the API, in its name', async () => {
    const { status, body } = await house.ask('/session', { client: carla });
    expect([status, body]).toEqual([200, expect.objectContaining({ actor: 'carla', permission: 'admin' })]);
  });

  it('of a device does not, nor beside a token that is good', async () => {
    const token = await house.token();
    expect((await house.ask('/devices', { client: device })).status).toBe(401);
    expect((await house.ask('/devices', { client: device, token })).status).toBe(401);
    expect((await house.ask('/devices', { token })).status).toBe(200);
  });

  it('of another CA does not, whatever it says', async () => {
    const ca = makeCa('nolapse issuing', null);
    expect((await house.ask('/devices', { client: makeLeaf('operator carla', ca.issuer) })).status).toBe(401);
  });

  it('of an operator that is revoked does not, from the next request on', async () => {
    const dora = await house.gateway.operations.addOperator({ name: 'dora', permission: 'read', until: '1d' });
    expect((await house.ask('/devices', { client: dora })).status).toBe(200);
    await house.gateway.operations.revokeOperator({ name: 'dora' });
    expect((await house.ask('/devices', { client: dora })).status).toBe(401);
  });

  it('of an operator is refused by MQTT', async () => {
    expect(await connackOf(house, carla, 'carla')).not.toBe(0);
    expect(await connackOf(house, carla, 'pump-1')).not.toBe(0);
    await house.log.until('admission.refused');
  });

  it('of an operator is refused by MQTT where our own root is an anchor, whoever it names', async () => {
    const anchored = await openApiHouse(`${secureApi}\nbootstrap: { anchors: [root.pem] }`, {
      files: { 'root.pem': carla.rootPem },
    });
    await anchored.gateway.operations.addDevice({ id: 'carla', owner: 'water' });
    for (const id of ['carla', 'operator carla']) expect(await connackOf(anchored, carla, id)).not.toBe(0);
    expect((await anchored.ask('/devices', { client: carla })).status).toBe(401);
    await anchored.close();
  });

  it("of an operator is no device's by an import", async () => {
    const [der = new Uint8Array()] = pemToDer(carla.certificatePem, 'CERTIFICATE') ?? [];
    const line = { file: 'carla.crt', certificate: Buffer.from(der).toString('base64'), id: 'pump-1', mapLine: 1 };
    const text = JSON.stringify(line);
    await expect(house.gateway.operations.importCertificates({ text })).rejects.toMatchObject({
      code: 'invalid',
      faults: [expect.stringContaining('operator')],
    });
  });
});

it('makes no second operator of a name whose certificate is good', async () => {
  const again = house.gateway.operations.addOperator({ name: 'carla', permission: 'read', until: '1d' });
  await expect(again).rejects.toMatchObject({ code: 'conflict' });
});

it('shows the certificate of files, and does not start where they cannot be used', async () => {
  const leaf = makeLeaf('ops.example.net', makeCa('Elsewhere', null).issuer);
  const files = (key: string, mode = 0o600) => ({
    yaml: '',
    files: { 'api.pem': leaf.certificatePem, 'api.key': { text: key, mode } },
  });
  const yaml = 'api: { port: 0, tls: files, certificate: api.pem, key: api.key, names: [ops.example.net] }';
  const other = await openApiHouse(yaml, files(leaf.keyPem));
  const socket = connectTls({ port: other.gateway.ports.api ?? 0, host: '127.0.0.1', rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  expect(socket.getPeerCertificate().subject.CN).toBe('ops.example.net');
  socket.destroy();
  const asked = await other.ask('/session', { token: await other.token(), headers: { host: 'ops.example.net' } });
  expect(asked.status).toBe(200);
  await other.close();
  await expect(openApiHouse(yaml, files(leaf.keyPem, 0o644))).rejects.toMatchObject({ code: 'api_certificate' });
  await expect(openApiHouse(yaml, files(device.keyPem))).rejects.toMatchObject({ code: 'api_certificate' });
  await expect(openApiHouse(yaml, files('no key'))).rejects.toMatchObject({ code: 'api_certificate' });
});

it('shows a chain that the root verifies, from TLS 1.2 on, and resumes nothing', async () => {
  const port = house.gateway.ports.api ?? 0;
  const open = async (options: object) => {
    const socket = connectTls({ port, host: '127.0.0.1', servername: 'localhost', ca: carla.rootPem, ...options });
    await once(socket, 'secureConnect');
    return socket;
  };
  const socket = await open({});
  expect([socket.authorized, socket.isSessionReused()]).toEqual([true, false]);
  socket.destroy();
  await expect(open({ maxVersion: 'TLSv1.1', minVersion: 'TLSv1' })).rejects.toThrow();
});

describe('a session', () => {
  const cookieOf = (headers: Readonly<Record<string, unknown>>): string =>
    String((headers['set-cookie'] as string[])[0]).split(';')[0] ?? '';

  it('begun with a token is a cookie that no script reads and no other site sends', async () => {
    const token = await house.token();
    const { headers } = await house.ask('/session', { token, method: 'POST' });
    const [cookie = ''] = headers['set-cookie'] as string[];
    for (const part of ['__Host-nolapse=', 'HttpOnly', 'SameSite=Strict', 'Secure', 'Path=/']) {
      expect(cookie).toContain(part);
    }
    const session = { cookie: cookieOf(headers) };
    expect((await house.ask('/devices', { headers: session })).status).toBe(200);
    const change = { body: { id: 'pump-7', owner: 'water' } };
    expect((await house.ask('/devices', { ...change, headers: session })).status).toBe(400);
    const said = { ...session, 'nolapse-session': '1' };
    expect((await house.ask('/devices', { ...change, headers: said })).status).toBe(200);
    expect((await house.ask('/session', { method: 'DELETE', headers: said })).status).toBe(200);
    expect((await house.ask('/devices', { headers: session })).status).toBe(401);
  });

  it('is over with its credential', async () => {
    const token = await house.token();
    const { headers } = await house.ask('/session', { token, method: 'POST' });
    await house.gateway.operations.revokeToken({ id: token.split('_')[1] ?? '' });
    expect((await house.ask('/devices', { headers: { cookie: cookieOf(headers) } })).status).toBe(401);
  });

  it('begun with a certificate takes that certificate', async () => {
    const { headers } = await house.ask('/session', { client: carla, method: 'POST' });
    const cookie = cookieOf(headers);
    expect((await house.ask('/devices', { headers: { cookie } })).status).toBe(401);
    expect((await house.ask('/devices', { headers: { cookie }, client: carla })).status).toBe(200);
  });
});
