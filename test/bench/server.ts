// One broker in a process of its own, so that only its CPU is counted: nolapse, or aedes with the same TLS options and nothing
// else. Arguments: `nolapse` or `bare`, home. Answers `cpu` with the microseconds it has used,
// and `memory` with the bytes that are in use after a collection. Told to `end`, it stops as an operator stops it.
import { openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import { Aedes } from 'aedes';
import { destination } from 'pino';
import { serverOptions } from '../../src/broker/door/tls-options.ts';
import { loadConfig } from '../../src/config/index.ts';
import { startNolapse } from '../../src/nolapse.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';

const [which = '', home = ''] = process.argv.slice(2);

let close = async (): Promise<void> => undefined;

async function startProduct() {
  const stream = destination({ dest: openSync(join(home, 'bench.log'), 'a'), sync: true });
  const nolapse = await startNolapse({
    home,
    config: loadConfig({ file: join(home, 'nolapse.yaml'), env: {} }),
    log: createLog({ level: 'info', stream }),
    metrics: createMetrics(),
  });
  close = () => nolapse.close();
  return nolapse.ports;
}

async function startBare() {
  const pki = (name: string): string => readFileSync(join(home, 'pki', name), 'utf8');
  const material = { key: pki('server.key'), cert: pki('server.crt'), ca: [pki('root.crt'), pki('issuing.crt')] };
  const broker = await Aedes.createBroker({ concurrency: 0 });
  const server = createServer({ ...serverOptions(material, 10_000), noDelay: true }, broker.handle);
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return { mqtt: typeof address === 'object' && address ? address.port : 0, http: 0 };
}

function memory(): number {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function cpu(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

process.send?.(await (which === 'nolapse' ? startProduct() : startBare()));
process.on('message', async (what: 'cpu' | 'memory' | 'end') => {
  if (what !== 'end') return process.send?.(what === 'cpu' ? cpu() : memory());
  await close();
  process.exit(0);
});
process.on('disconnect', () => process.exit(0));
