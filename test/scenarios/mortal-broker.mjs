// A broker that dies by SIGKILL the moment it has told a given decision: what was told is committed, what follows from it
// has not begun. Arguments: home, the action to die at ('' for never, or until a message says which), and a file in which the authority
// notes the revocations that it is told of ('' for one that takes no word of them). Needs the build in dist/.
import { appendFileSync } from 'node:fs';
import { loadConfig } from '../../dist/config/index.js';
import { startNolapse } from '../../dist/nolapse.js';
import { createLog } from '../../dist/telemetry/log.js';
import { createMetrics } from '../../dist/telemetry/metrics.js';

const [home, first = '', heard = ''] = process.argv.slice(2);
const hearing = (real) => ({
  ...real,
  revoke: async ({ serial, reason, revokedAt }) =>
    appendFileSync(heard, `${JSON.stringify({ serial, reason, revokedAt })}\n`),
});
let deadly = first;
const stream = {
  write: (line) => {
    if (deadly && line.includes(`"event.action":"${deadly}"`)) process.kill(process.pid, 'SIGKILL');
    process.send?.({ line });
  },
};
const gateway = await startNolapse({
  home,
  config: loadConfig({ file: `${home}/nolapse.yaml`, env: {} }),
  log: createLog({ level: 'info', stream }),
  metrics: createMetrics(),
  ...(heard && { throughAuthority: hearing }),
});
process.send?.({ ports: gateway.ports });
process.on('message', async ({ id, name, input, dieAt }) => {
  deadly = dieAt ?? deadly;
  const result = await gateway
    .operationsFor({ name: 'tester', channel: 'command line', claimed: false, reason: null })
    [name](input);
  process.send?.({ id, result });
});
