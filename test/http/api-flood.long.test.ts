// Ten thousand who want an event stream: as many get one as there may be, the others are told so, and a device gets in meanwhile.
import { Agent, type IncomingMessage, request } from 'node:http';
import { performance } from 'node:perf_hooks';
import { expect, it } from 'vitest';
import { connect } from '../scenarios/harness.ts';
import { openApiHouse } from './api.ts';

const wanted = 10_000;
const streamsMax = 100;
/** That ask at a time: more would take more descriptors than a test may have. */
const atOnce = 200;

it('refuses ten thousand event streams above the limit, and keeps devices served', async () => {
  const house = await openApiHouse(
    `api: { port: 0, tls: none, requestsPerSecond: 10000, connections: 2000, streams: ${streamsMax} }`,
  );
  const credentials = await house.device('pump-1');
  const tokens = await Promise.all(Array.from({ length: 4 }, () => house.token({ permission: 'read' })));
  const port = house.gateway.ports.api ?? 0;
  const agent = new Agent();
  const open: IncomingMessage[] = [];
  const counts = new Map<number, number>();
  const ask = (count: number): Promise<void> =>
    new Promise((resolve) => {
      const headers = { host: 'localhost', authorization: `Bearer ${tokens[count % tokens.length]}` };
      const outgoing = request({ host: '127.0.0.1', port, path: '/api/v1/events', headers, agent });
      outgoing.on('error', () => {
        counts.set(0, (counts.get(0) ?? 0) + 1);
        resolve();
      });
      outgoing.on('response', (response) => {
        const { statusCode = -1 } = response;
        counts.set(statusCode, (counts.get(statusCode) ?? 0) + 1);
        if (statusCode === 200) open.push(response);
        else response.resume();
        resolve();
      });
      outgoing.end();
    });
  const client = await connect(house, credentials, 'pump-1');
  let asking = true;
  const pings: number[] = [];
  const pinging = (async () => {
    while (asking) {
      const from = performance.now();
      await client.publishAsync('devices/pump-1/x', 'x', { qos: 1 });
      pings.push(performance.now() - from);
    }
  })();
  for (let from = 0; from < wanted; from += atOnce) {
    await Promise.all(Array.from({ length: atOnce }, (_, index) => ask(from + index)));
  }
  asking = false;
  await pinging;
  const worst = Math.max(...pings);
  console.log(
    `${wanted} streams wanted: ${JSON.stringify([...counts])}; the worst of ${pings.length} publishes took ${worst.toFixed(0)} ms`,
  );
  expect(counts.get(200)).toBe(streamsMax);
  expect(counts.get(503)).toBe(wanted - streamsMax);
  expect(client.connected).toBe(true);
  for (const response of open) response.destroy();
  await client.endAsync(true);
  await house.close();
}, 300_000);
