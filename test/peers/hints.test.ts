// What a TLS client other than Node's is told of our CAs, so that it can choose its certificate.
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { House } from '../broker/harness.ts';
import { missing } from './missing.ts';

describe.skipIf(missing('openssl'))('openssl s_client', () => {
  let house: House;
  beforeAll(async () => {
    house = await House.open();
  });
  afterAll(() => house.close());

  it.each(['-tls1_2', '-tls1_3'])('is told the name of the CA, with %s', async (version) => {
    const client = spawn('openssl', ['s_client', version, '-connect', `127.0.0.1:${house.port}`], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    client.stdin.end();
    expect(await text(client.stdout)).toMatch(/Acceptable client certificate CA names\nCN ?= ?Test CA\n/);
  });
});
