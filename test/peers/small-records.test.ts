// A client on mbedTLS with records of 1 kB, which puts no handshake message together from two: the server's Certificate message fits one.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { missing } from './missing.ts';
import { type GatewayProcess, startProcess } from './nolapse-process.ts';

const name = `broker-${'x'.repeat(18)}.plants.example`;
const names = { short: name, long: Array.from({ length: 4 }, (_, place) => `${place}.${name}`).join(',') };

describe.skipIf(missing('gcc', '/usr/include/mbedtls/ssl.h'))('a client with TLS records of 1 kB', () => {
  const gateways: GatewayProcess[] = [];
  afterAll(() => Promise.all(gateways.map((each) => each.remove())));

  let program: string;
  beforeAll(async () => {
    gateways.push(await startProcess('', { NOLAPSE_SERVER_NAMES: names.short }));
    gateways.push(await startProcess('', { NOLAPSE_SERVER_NAMES: names.long }));
    program = join(String(gateways[0]?.place.folder), 'small-records');
    const words = ['-O1', '-Wall', '-Werror', '-o', program, resolve('test/peers/small-records.c')];
    const made = spawnSync('gcc', [...words, '-lmbedtls', '-lmbedx509', '-lmbedcrypto'], { encoding: 'utf8' });
    expect(made.stderr).toBe('');
  });

  async function connect(gateway: GatewayProcess | undefined, host: string) {
    if (!gateway) throw new Error('no gateway');
    const folder = join(gateway.place.folder, 'device');
    await gateway.place.ask('device', 'add', 'meter-1', '--owner', 'tests');
    await gateway.place.ask('device', 'issue', 'meter-1', '--out', folder);
    const [ca, certificate, key] = ['ca.crt', 'meter-1.crt', 'meter-1.key'].map((file) => join(folder, file));
    const args = [host, String(gateway.mqttPort), String(ca), String(certificate), String(key), 'meter-1'];
    return spawnSync(program, args, { encoding: 'utf8' });
  }

  it('connects to a broker with a name of 40 characters', async () => {
    expect(name).toHaveLength(40);
    const { status, stdout, stderr } = await connect(gateways[0], name);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^TLSv1\.[23], CONNACK 0$/m);
  });

  it('could not if the message were longer: four such names are too many', async () => {
    expect(readFileSync(join(String(gateways[1]?.place.home), 'pki/server.crt'), 'utf8').length).toBeGreaterThan(1_400);
    const { status, stderr } = await connect(gateways[1], `0.${name}`);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^handshake: /);
  });
});
