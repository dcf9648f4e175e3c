// Writes principals as fast as they are committed, and names each on stdout once the store says it is kept. For the test
// that kills it: argv[2] is the database file.
import { writeSync } from 'node:fs';
import { openStore } from '../../../dist/store/index.js';

const { store } = openStore(process.argv[2]);
let next = 0;

async function write() {
  for (;;) {
    const id = `p${next++}`;
    await store.transact(async (tx) => {
      await tx.putPrincipal({
        id,
        kind: 'device',
        status: 'active',
        owner: 'o',
        class: 'default',
        criticality: 'low',
        site: null,
        gateway: null,
        encoding: null,
        modes: [],
        packetBytesMax: null,
        slots: null,
        cohort: null,
        source: null,
      });
      await tx.enqueue({ kind: 'close-principal', principalId: id, reason: 'test' });
    });
    writeSync(1, `${id}\n`);
  }
}

await Promise.all(Array.from({ length: 8 }, write));
